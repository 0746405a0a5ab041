"""What a network remembers between steps: whether its card and its graph agree about it."""

from __future__ import annotations

from typing import Dict, Sequence, Tuple

from onnxnn_runtime.card.card import Axis, StateSpec
from onnxnn_runtime.errors import CardError
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened

Described = Dict[str, Tuple[str, Tuple[Axis, ...]]]
"""The inputs or outputs of a graph by name: type, and sizes of all axes."""


def check_states(name: str, states: Sequence[StateSpec], inputs: Described, outputs: Described) -> None:
    """Refuse a card that describes other states than the graph has.

    Args:
        name: What errors call the model.
        states: Those of the card.
        inputs, outputs: What the graph has.

    Raises:
        CardError: It does, or forgets one.
    """
    for state in states:
        _, shape = inputs.get(state.name, ("", None))
        if shape is None or state.next not in outputs:
            raise CardError.coded(
                "E-MODEL-04",
                "{name}: its card has the state {state}, which the graph does not have. Export it again.",
                name=name,
                state=shortened(state.name),
            )
        if _sizes(shape) != _sizes(state.shape):
            raise CardError.coded(
                "E-MODEL-04",
                "{name}: state {state}: expected the shape {expected} by its card, got {found} "
                "of the graph. Export it again.",
                name=name,
                state=shortened(state.name),
                expected=shape_text(state.shape),
                found=shape_text(shape),
            )
    held = {state.name for state in states}
    arrays = [each for each in inputs if each not in held]
    forgotten = [each for each in arrays if f"next_{each}" in outputs]
    if forgotten:
        raise CardError.coded(
            "E-MODEL-04",
            "{name}: its card lacks its state {state}. Export it again.",
            name=name,
            state=shortened(forgotten[0]),
        )
    if not arrays:
        raise CardError.coded(
            "E-MODEL-04",
            "{name}: expected an input, got states alone in its card. Export it again.",
            name=name,
        )


def _sizes(shape: Sequence[Axis]) -> list[int | None]:
    """Return the sizes of a shape, None where an axis is free."""
    return [size if isinstance(size, int) else None for size in shape]
