"""Every layer, one family per file; importing this package fills the registry."""

from . import activation, conv, custom, linear, mobilenet, norm, pool, regularise, shape
from ._registry import Layer, find, layer, make, option_names, registry

__all__ = [
    "Layer",
    "activation",
    "conv",
    "custom",
    "find",
    "layer",
    "linear",
    "make",
    "mobilenet",
    "norm",
    "option_names",
    "pool",
    "registry",
    "regularise",
    "shape",
]
