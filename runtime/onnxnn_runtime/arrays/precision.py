"""Numbers that were rounded to float32, for a network that needs what float32 cannot hold."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from onnxnn_runtime.errors import InputError

COARSE = 1e-3
"""The share of a column's deviation from which on rounding loses what a network learns from."""


def rounded(array: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """Return where numbers may have been rounded by more than `COARSE` of a deviation.

    float32 and float16 hold integers exactly, up to 2^24 and 2^11; all others are rounded to about 7 and 3
    digits. 1,700,000,000 and the next seconds are multiples of 128 in float32.

    Args:
        array: (..., columns) of any type of numbers.
        deviations: (columns,), or one for all.

    Returns:
        bool (..., columns).
    """
    if array.dtype.kind != "f" or array.dtype.itemsize > 4:
        return np.zeros(array.shape, bool)
    kind = np.finfo(array.dtype)
    values = np.abs(array.astype(np.float64))
    exact = (values == np.floor(values)) & (values <= 2.0 ** (kind.nmant + 1))
    found: np.ndarray = ~exact & (values * (float(kind.eps) / 2) > COARSE * np.asarray(deviations))
    return found


def check_precision(array: np.ndarray, deviations: Sequence[float], features: Sequence[str] = ()) -> None:
    """Refuse float32 where a network was trained on numbers that float32 cannot hold, such as time stamps.

    Args:
        array: Samples of any number of axes, the columns last.
        deviations: The deviation of each column in training; () where the network takes float32.
        features: The names of the columns, where they have some.

    Raises:
        InputError: The values were rounded to float32 or float16 before.
    """
    if not deviations or not array.ndim or array.shape[-1] % len(deviations):
        return
    found = rounded(array, np.asarray(deviations))
    if found.any():
        column = int(np.argwhere(found)[0][-1])
        name = repr(features[column]) if len(features) > column else str(column)
        value = float(array[found][0])
        raise InputError.coded(
            "E-INPUT-04",
            "column {name}: expected float64, integers or lists, got {value:.10g} as {dtype}, which "
            "cannot hold the differences between its values that the network was trained on. Give it as "
            "float64 from the beginning.",
            name=name,
            value=value,
            dtype=array.dtype,
        )


def check_columns(
    value: object,
    deviations: Sequence[float],
    features: Sequence[str],
    keys: Sequence[object],
) -> None:
    """Refuse columns of float32 in a DataFrame, records or a dict, which other columns hide in one array.

    Args:
        value: What names its columns; `value[key]` is one.
        deviations, features: See `check_precision`.
        keys: What the table calls each of the features.

    Raises:
        InputError: Their values were rounded before.
    """
    if len(keys) != len(features) or len(deviations) not in (1, len(keys)):
        return
    table: Any = value
    for place, key in enumerate(keys):
        column = table[key]
        kind = str(getattr(column, "dtype", "")).rpartition(".")[2].lower()
        if kind in ("float32", "float16"):
            array = np.asarray(column, kind)[..., np.newaxis]
            check_precision(array, (deviations[place % len(deviations)],), (features[place],))
