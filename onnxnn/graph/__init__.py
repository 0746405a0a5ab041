"""What every layer speaks: shapes of values, and the ONNX graph that is built from them."""
