"""Shapes, and networks of a few layers."""

from __future__ import annotations

from onnxnn.graph.shape import Shape
from support import definitions

IMAGE, SIGNAL, VECTOR = Shape.image(4, 9, 8), Shape.signal(4, 9), Shape.vector(4)
CONV = ("conv2d", {"size": 4, "kernel_size": 3, "padding": 1})


def network(*layers, shape=IMAGE):
    """Return the definition of a network for images."""
    return definitions.network(shape, *layers)


def count(definition):
    """Return the number of parameters."""
    return sum(p.numel() for p in definition.build().parameters())
