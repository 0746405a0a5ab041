"""`onnxnn studio`: a page on which classes are collected, trained, tried and taken along."""
