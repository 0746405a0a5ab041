"""The last layer of a network that decides which values it can return."""

from __future__ import annotations

import math

from onnxnn.layers import Layer

from .definition import Definition

__all__ = ["last_bounded"]

_SAME_VALUES = (
    *("flatten", "reshape", "dropout", "identity", "squeeze", "unsqueeze", "permute", "part0"),
    *("maxpool", "avgpool", "maxpool1d", "avgpool1d", "maxpool3d", "global_avgpool", "global_maxpool"),
)
"""Layers whose outputs lie between the smallest and the largest of their inputs."""


def last_bounded(definition: Definition) -> tuple[str, Layer] | None:
    """Return name and layer of the last activation of a network, where it has bounds; else None.

    Layers after it that only rearrange, leave out or average values are passed over, and so is the scale of
    the targets.
    """
    for placed in reversed(definition.placed()):
        if placed.layer.kind not in (*_SAME_VALUES, "denormalize"):
            has_bounds = any(map(math.isfinite, placed.layer.bounds))
            return (placed.name, placed.layer) if has_bounds else None
    return None
