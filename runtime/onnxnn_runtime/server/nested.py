"""Lists of lists of JSON. NumPy would take each text in them for as long as the longest one."""

from __future__ import annotations

import itertools
from typing import Any

__all__ = ["flattened"]


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
