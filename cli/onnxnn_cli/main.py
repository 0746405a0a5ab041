"""The `onnxnn` command."""
