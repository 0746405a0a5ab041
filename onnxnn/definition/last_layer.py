"""What the last layers of a network say of its outputs: their bounds, the head, whether it writes text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from onnxnn.layers import Layer
from onnxnn.layers.activation import Activation, Softmax
from onnxnn.layers.custom import Custom
from onnxnn.layers.denormalize import Denormalize
from onnxnn.layers.embedding import TokenReader
from onnxnn.layers.linear import Linear
from onnxnn.layers.regularise import Dropout

from .entries import Placed

if TYPE_CHECKING:
    from .definition import Definition

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


def feature_layer(placed: Sequence[Placed]) -> Placed | None:
    """Return the head, whose input is the feature vector; None without one.

    The head is the last layer before closing activations: a `linear` with learned layers before it,
    or a layer that holds its own classifier, such as `mobilenet`.
    """
    kept = list(placed)
    while kept and isinstance(kept[-1].layer, Activation | Dropout | Denormalize):
        kept.pop()
    if not kept:
        return None
    head = kept[-1]
    if head.layer.feature_size(head.in_shape) is not None:
        return head
    learned = any(not isinstance(p.layer, Activation) and p.entry.index > 0 for p in kept[:-1])
    flat = len(head.out_shape) == 1 and head.in_shape.numel is not None
    return head if isinstance(head.layer, Linear) and learned and flat else None


def feature_size(placed: Sequence[Placed]) -> int | None:
    """Return the length of the feature vector before the head; None where there is none."""
    head = feature_layer(placed)
    if head is None:
        return None
    own = head.layer.feature_size(head.in_shape)
    return head.in_shape.numel if own is None else own


def generates(placed: Sequence[Placed]) -> bool:
    """Return whether a network can write text: at each step it says how likely each token comes next."""
    reader = placed[0].layer if placed else None
    if not isinstance(reader, TokenReader) or not is_softmax(placed):
        return False
    out = placed[-1].out_shape
    each_step = out.axes == ("time", "feature") and out["feature"] == reader.vocabulary
    return each_step and all(p.layer.causal(p.in_shape) for p in placed)


def is_softmax(placed: Sequence[Placed]) -> bool:
    """Return whether the last layer is a softmax."""
    return bool(placed) and isinstance(placed[-1].layer, Softmax)


def custom_ending(placed: Sequence[Placed]) -> str:
    """Return "softmax" or "sigmoid" where the last layer is a custom module that ends so; else ""."""
    last = placed[-1] if placed else None
    return last.layer.ending(last.in_shape) if last and isinstance(last.layer, Custom) else ""
