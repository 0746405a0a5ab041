"""onnxnn: define a network layer by layer, train it, and export it to ONNX."""

__version__ = "0.1.0"
