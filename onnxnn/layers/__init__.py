"""Every layer, one family per file; importing this package fills the registry."""

from . import activation, linear
from ._registry import Layer, find, layer, make, registry

__all__ = ["Layer", "activation", "find", "layer", "linear", "make", "registry"]
