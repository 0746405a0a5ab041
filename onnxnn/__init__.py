"""onnxnn: define a network layer by layer, train it, and export it to ONNX."""

__version__ = "0.1.0"

from .checkpoint_facts import pth_info
from .network import Network
from .network import Network as nn

__all__ = ["Network", "nn", "pth_info"]
