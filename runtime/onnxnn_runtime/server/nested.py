"""Lists of lists of JSON. NumPy would take each text in them for as long as the longest one."""

from __future__ import annotations

import itertools
from typing import Any, Iterator, Sequence

import numpy as np

__all__ = ["flattened", "numbers_in", "types_in"]

_PIECE = 50_000
"""Values that one call of NumPy or Python's own functions works on, in which no other thread runs."""


def flattened(value: object) -> tuple[list[Any], tuple[int, ...]] | None:
    """Return all that lists of lists hold in one list, and their shape; None where there is no one shape.

        flattened([[1, 2, 3], [4, 5, 6]])  # [1, 2, 3, 4, 5, 6], (2, 3)

    Args:
        value: Lists of equal lengths in each other, or something else, whose shape is ().
    """
    flat: list[Any] = [value]
    shape: list[int] = []
    while flat and any(isinstance(each, list) for each in flat):
        if not all(isinstance(each, list) and len(each) == len(flat[0]) for each in flat):
            return None
        shape.append(len(flat[0]))
        flat = list(itertools.chain.from_iterable(flat))
    return flat, tuple(shape)


def types_in(flat: Sequence[object]) -> set[type]:
    """Return the types of the values of a list."""
    return {kind for piece in _pieces(flat) for kind in set(map(type, piece))}


def numbers_in(flat: Sequence[object], dtype: np.dtype | type | None = None) -> np.ndarray:
    """Return numbers as an array of one axis.

    Args:
        flat: The numbers, at least one.
        dtype: The array's type; None takes that of all.

    Raises:
        OverflowError: One is too large for the type.
    """
    arrays = [np.array(piece, dtype) for piece in _pieces(flat)]
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def _pieces(flat: Sequence[object]) -> Iterator[Sequence[object]]:
    return (flat[start : start + _PIECE] for start in range(0, len(flat), _PIECE))
