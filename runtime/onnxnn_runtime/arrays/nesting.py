"""Lists in lists, before NumPy makes an array of them: their shape, their size, and what they hide."""

from __future__ import annotations

import sys
from typing import Iterator, Sequence

import numpy as np

from onnxnn_runtime.errors import InputError

_MAX_AXES = 32
"""Axes that every version of NumPy can hold."""


MOST_LISTED = 100_000_000
"""Values in nested lists or a range; as Python objects they take gigabytes."""


MOST_HELD = 100_000_000_000
"""Values of one array: a view may repeat a few numbers to more than any machine reads in days."""


def check_nesting(value: object) -> None:
    """Refuse nested lists of which NumPy would make an array for hours, or out of more memory than there is.

    Arrays have a limit, too, which only views that repeat their numbers reach.

    Each list is counted once, however often it stands in others, so that this takes no longer than the
    lists take to write down.

    Raises:
        InputError: Lists lie more than 32 deep in each other (one that contains itself does), or hold more
            than 100 million values; or an array has more than 100 billion.
    """
    if isinstance(value, np.ndarray):
        check_size(value.size)
    is_long = isinstance(value, range) and len(value) > MOST_LISTED
    if is_long or (isinstance(value, (list, tuple)) and _count(value, {})[0] > MOST_LISTED):
        raise InputError.coded(
            "E-INPUT-10",
            "expected at most {most:,} values in a {kind}, got more. Make a NumPy array of them, or read "
            "them in parts.",
            most=MOST_LISTED,
            kind=type(value).__name__,
        )


def check_size(count: int) -> None:
    """Refuse more values than any machine reads.

    Raises:
        InputError: There are more than 100 billion.
    """
    if count > MOST_HELD:
        raise InputError.coded(
            "E-INPUT-10",
            "expected at most {most:,} values in an array, got {count:,}. Give it in parts.",
            most=MOST_HELD,
            count=count,
        )


_PLAIN = frozenset([float, int, str, bool, np.ndarray, np.float32, np.float64, np.int64])
"""The usual types of what lies in lists, none of which is a list."""


def _count(things: Sequence[object], known: dict[int, tuple[int, int]], depth: int = 1) -> tuple[int, int]:
    """Return how many values lie in nested lists, and how deep; `known` holds it for the lists so far."""
    if id(things) in known:
        found = known[id(things)]
    elif _PLAIN.issuperset(map(type, things)):
        found = known[id(things)] = len(things), 1
    elif depth > _MAX_AXES:
        found = 0, 1
    else:
        inside = [_count(each, known, depth + 1) for each in things if isinstance(each, (list, tuple))]
        count = sum(count for count, _ in inside) + len(things) - len(inside)
        found = known[id(things)] = count, 1 + max([levels for _, levels in inside], default=0)
    if depth + found[1] - 1 > _MAX_AXES:
        raise InputError.coded(
            "E-INPUT-03",
            "expected one list of samples, got lists more than {most} deep in each other, or one that "
            "contains itself.",
            most=_MAX_AXES,
        )
    return found


def check_not_masked(value: object) -> None:
    """Refuse a masked array that hides values, which NumPy would otherwise uncover.

    Raises:
        InputError: There is one; the message says where the first hidden value is.
    """
    if "numpy.ma" not in sys.modules:  # so that nothing here loads it: it takes long on a small board
        return
    found = next(_masked([value]), None)
    if found is not None:
        hidden = np.argwhere(np.ma.getmaskarray(found))
        where = ", ".join(map(str, hidden[0].tolist()))
        raise InputError.coded(
            "E-INPUT-04",
            "expected an array without hidden values, got a masked array that hides {count} of {size}, "
            "the first at [{where}]. Fill them with x.filled(value), or leave those samples out.",
            count=len(hidden),
            size=found.size,
            where=where,
        )


_LEVELS = 6  # of nested lists that are looked into: an array has at most 5 axes


def _masked(things: Sequence[object]) -> Iterator[np.ndarray]:
    """Yield the masked arrays with hidden values among things and the lists in them."""
    for _ in range(_LEVELS):
        for thing in things:
            if not isinstance(thing, np.ma.MaskedArray):
                continue
            if thing.dtype.names:
                yield from _masked([thing[name] for name in thing.dtype.names])
            elif np.ma.is_masked(thing):
                yield thing
        things = [
            each
            for thing in things
            if isinstance(thing, (list, tuple))
            for each in thing
            if isinstance(each, (list, tuple, np.ma.MaskedArray))
        ]


def shape_of_lists(value: object, axes: int = _MAX_AXES) -> tuple[int, ...] | None:
    """Return the shape of nested lists; None where it differs among them, or lists lie too deep."""
    if axes == 0:
        return None
    if not isinstance(value, (list, tuple)):
        return tuple(getattr(value, "shape", ()))
    inside = [shape_of_lists(each, axes - 1) for each in value]
    first = inside[0] if inside else ()
    if first is None or any(each != first for each in inside):
        return None
    return (len(value), *first)
