"""onnxnn-runtime: load, run, embed and compare with ONNX models, without torch."""

__version__ = "0.1.0"
