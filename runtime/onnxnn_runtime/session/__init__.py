"""Opening and running a graph with ONNX Runtime."""
