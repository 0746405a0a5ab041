"""`onnxnn demo`: train, export and run a network on real data."""
