"""Checks of option values that several families share."""

from __future__ import annotations

from typing import Any

from onnxnn_runtime.errors import LayerError

from ._registry import Layer


def pair_of_sizes(layer: Layer, size: Any, meaning: str = "(inputs, outputs)") -> tuple[int | None, int]:
    """Return `size` as (inputs, outputs); `out` alone means (None, out), what arrives decides."""
    pair = size if isinstance(size, tuple) else (None, size)
    if len(pair) == 2 and is_count(pair[1]) and (pair[0] is None or is_count(pair[0])):
        return pair[0], pair[1]
    raise LayerError(
        f"{layer.call()}: size={size!r} must be {meaning}, whole numbers of at least 1. "
        "To take the inputs from the layer before, write size=outputs."
    )


def is_count(value: Any) -> bool:
    """Tell whether a value is a whole number of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def probability(layer: Layer, name: str, value: Any) -> None:
    """Refuse what is no number in 0..1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise LayerError(f"{layer.call()}: {name}={value!r} must be a number from 0 to 1.")
