"""What a network remembers between steps: whether its card and its graph agree about it."""

from __future__ import annotations

from typing import Dict, Sequence, Tuple

import numpy as np

from onnxnn_runtime.card.card import Axis, StateSpec
from onnxnn_runtime.errors import CardError
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened

Described = Dict[str, Tuple[str, Tuple[Axis, ...]]]
"""The inputs or outputs of a graph by name: type, and sizes of all axes."""

PAST = ("past_time", "past_target_time")
"""The axes of a cache that grow: with the source, and with the target."""


def cache_of(inputs: Described, optional: Described, outputs: Described) -> Described:
    """Return the states of a network from sequence to sequence that may be left out, {} where it has none.

    Args:
        inputs: What the graph takes.
        optional: What it also takes, but has a default for.
        outputs: What it returns; of each of those states "next_" + its name.
    """
    if {name: (dtype, len(shape)) for name, (dtype, shape) in inputs.items()} != _PAIR:
        return {}
    return {
        name: each for name, each in optional.items() if _is_state(each) and _is_next(name, each, outputs)
    }


_PAIR = {"input": ("int64", 2), "target": ("int64", 2)}


def _is_state(each: tuple[str, tuple[Axis, ...]]) -> bool:
    """Return whether there is a row for each sample, and one axis that grows."""
    dtype, shape = each
    return dtype == "float32" and shape[:1] == ("batch",) and sum(axis in PAST for axis in shape) == 1


def _is_next(name: str, each: tuple[str, tuple[Axis, ...]], outputs: Described) -> bool:
    dtype, shape = outputs.get(f"next_{name}", ("", ()))
    return dtype == each[0] and len(shape) == len(each[1])


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


def zeros_of(states: Sequence[StateSpec], batch: int) -> dict[str, np.ndarray]:
    """Return the zeros that states begin with, by name.

    Args:
        states: Which.
        batch: How many samples.
    """
    return {
        state.name: np.zeros([batch if isinstance(size, str) else size for size in state.shape], np.float32)
        for state in states
    }


def _sizes(shape: Sequence[Axis]) -> list[int | None]:
    """Return the sizes of a shape, None where an axis is free."""
    return [size if isinstance(size, int) else None for size in shape]
