"""onnxnn-cli: the onnxnn command."""

__version__ = "0.1.0"
