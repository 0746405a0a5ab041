"""Standardisation of numbers, in float64 where float32 cannot hold them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from onnxnn_runtime.arrays.precision import COARSE, rounded

from onnxnn.layers import Layer, make

__all__ = ["COARSE", "RESOLUTION", "moments", "needs_float64", "rounded_columns", "standardization"]

RESOLUTION = 1e-6
"""The share of a column's deviation to which its values have to be held."""

_CELLS = 2**17
"""Numbers that are looked at together; all rows in float64 could be most of a computer's memory."""

Array = np.ndarray[Any, Any]


def standardization(x: Array, wide: bool = False) -> Layer:
    """Return the layer that brings each column to mean 0 and standard deviation 1.

    A column that is constant is only shifted.

    Args:
        x: (rows, columns), the rows to learn from.
        wide: Whether the layer subtracts in float64.
    """
    mean, deviation = moments(x)
    options: dict[str, Any] = {"mean": mean.tolist(), "std": deviation.tolist()}
    return make("normalize", {**options, "wide": True} if wide else options)


def moments(x: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation of each column, float64; a deviation of 1 for a constant one.

    Args:
        x: (rows, columns), the rows to learn from.
    """
    mean, deviation, largest = _moments(x)
    deviation[deviation <= 1e-12 * largest] = 1.0
    return mean, deviation


def needs_float64(x: Array, rounding: Array | None = None, resolution: float = RESOLUTION) -> list[int]:
    """Return the columns whose values float32 rounds by more than a share of their deviation.

    Such are time stamps: 1,700,000,000 and the next seconds are one number in float32.

    Args:
        x: (rows, columns) of any type of numbers.
        rounding: By how much float32 changes each column at most, where x is float32 already; 0 for
            constant columns.
        resolution: The share.
    """
    if rounding is None:
        rounding = np.zeros(x.shape[1])
        if x.dtype == np.float32 or (x.dtype.kind in "iu" and x.dtype.itemsize < 3):
            return []
        for part in _parts(x):
            with np.errstate(over="ignore", invalid="ignore"):
                rounding = np.maximum(rounding, np.abs(part.astype(np.float32) - part).max(axis=0))
        rounding[x.max(axis=0) == x.min(axis=0)] = 0
    if not rounding.any():
        return []
    _, deviation, _ = _moments(x)
    return [int(column) for column in np.flatnonzero(rounding > resolution * deviation)]


def rounded_columns(x: Array) -> list[int]:
    """Return the columns that are float32 or float16 already, and were rounded too much for their deviation.

    Args:
        x: (rows, columns) of any type of numbers.
    """
    if x.dtype.kind != "f" or x.dtype.itemsize > 4 or not _may_be_rounded(x):
        return []
    _, deviation, _ = _moments(x)
    deviation[deviation == 0] = np.inf  # a constant column
    rows = max(1, _CELLS // max(1, x.shape[1]))
    parts = (rounded(x[start : start + rows], deviation).any(axis=0) for start in range(0, len(x), rows))
    return np.flatnonzero(np.logical_or.reduce(list(parts))).tolist()


def _may_be_rounded(x: Array) -> bool:
    """Return whether a column is so far from 0 for its range that its deviation is worth computing.

    Of n numbers the deviation is at least the range / sqrt(2 n).
    """
    low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
    least = (high - low) / np.sqrt(2 * len(x))
    rounding = np.maximum(-low, high) * (float(np.finfo(x.dtype).eps) / 2)
    return bool(((low < high) & (rounding > COARSE * least)).any())


def _parts(x: Array) -> Iterator[Array]:
    """Yield some rows at a time, as float64 of their own."""
    rows = max(1, _CELLS // max(1, x.shape[1]))
    for start in range(0, len(x), rows):
        yield x[start : start + rows].astype(np.float64)


def _moments(x: Array) -> tuple[Array, Array, Array]:
    """Return mean, standard deviation and largest magnitude of each column in float64."""
    count = len(x)
    total, largest = np.zeros(x.shape[1:]), np.zeros(x.shape[1:])
    for part in _parts(x):
        total += part.sum(axis=0)
        largest = np.maximum(largest, np.abs(part).max(axis=0))
    mean = total / count
    squares, rest = np.zeros(x.shape[1:]), np.zeros(x.shape[1:])
    for part in _parts(x):
        part -= mean
        rest += part.sum(axis=0)
        squares += np.einsum("ij,ij->j", part, part)
    deviation = np.sqrt(np.maximum(squares - rest**2 / count, 0) / count)
    return mean + rest / count, deviation, largest
