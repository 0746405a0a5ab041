"""Labels that are missing in arrays, lists and DataFrames, which are no class of their own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.tables.missing import MISSING, missing_places

_TYPES = ("NAType", "NaTType")
"""The types of missing values in pandas, which is never imported."""

Array = np.ndarray[Any, Any]


def check_entries(labels: Array, source: str) -> None:
    """Refuse None, NaN and pandas' missing values among labels of dtype object.

    Raises:
        DataError: There are some; the message says where.
    """
    flat = labels.ravel().tolist()
    gone = [number for number, value in enumerate(flat) if _is_missing(value)]
    if gone:
        raise DataError.coded(
            "E-DATA-05",
            "{missing}. Fill in missing labels, or leave those samples out.",
            missing=_where(gone, str(flat[gone[0]]), source),
        )


def check_texts(labels: Array, source: str, classes: Collection[str] = (), are_typed: bool = False) -> None:
    """Refuse texts that stand for missing values, as in tables; they may be classes that are named.

    A list that somebody typed, such as ["none", "mild"], holds words of their own: only empty texts are
    missing there. Arrays are often made of files; "none" in lower case, which no library writes, is a class.

    Args:
        labels: Labels of any type and shape.
        source: How messages call them.
        classes: The names of the classes, where they are known.
        are_typed: Whether they were given as a list of Python.

    Raises:
        DataError: There are some; the message says where.
    """
    if labels.dtype.kind != "U":
        return
    flat = labels.ravel().tolist()
    places = missing_places(flat, () if are_typed else MISSING, classes)
    gone = [place for place in places if flat[place].strip() != "none"]
    if gone:
        raise DataError.coded(
            "E-DATA-05",
            "{missing}. Fill in missing labels, or leave those samples out; where that is a class of its "
            "own, name all classes in classes=[...].",
            missing=_where(gone, repr(flat[gone[0]]), source),
        )


def _is_missing(value: object) -> bool:
    is_nan = isinstance(value, float) and value != value
    return value is None or is_nan or type(value).__name__ in _TYPES


def _where(gone: list[int], value: str, source: str) -> str:
    return ngettext(
        "{source}: expected a label for each sample, got {value} for entry {entries}",
        "{source}: expected a label for each sample, got {value} and the like for {count} entries: {entries}",
        len(gone),
        source=source,
        value=value,
        entries=", ".join(map(str, gone[:10])) + (", ..." if len(gone) > 10 else ""),
    )
