"""Definitions of small networks."""

from __future__ import annotations

from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape


def network(shape: Shape | None, *layers) -> Definition:
    """Return the definition of a network, from pairs of a layer's name and its options."""
    definition = Definition(shape)
    for index, (layer, options) in enumerate(layers, 1):
        definition = definition.with_layer(index, layer, options=options)
    return definition
