"""`onnxnn serve`: models answer over HTTP."""
