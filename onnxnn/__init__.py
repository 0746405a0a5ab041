"""onnxnn: define a network layer by layer, train it, and export it to ONNX."""

__version__ = "0.1.0"

from .network import Network
from .network import Network as nn

__all__ = ["Network", "nn"]
