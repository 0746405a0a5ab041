"""One verified ONNX file."""
