"""`onnxnn serve --mqtt`: images of boards come through an MQTT broker, and results go back."""
