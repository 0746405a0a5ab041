"""Measuring a smaller model without samples: on made-up inputs, as `onnxnn_runtime.verify` runs a file."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import onnxnn_runtime as rt
from onnxnn_runtime.errors import ExportError, InputError
from onnxnn_runtime.made_up import made_up_inputs

from .measures import Comparison, Values
from .running import fastest_of

Array = np.ndarray[Any, Any]

NUM_INPUTS = 8
"""How many inputs are made up."""


def compare_made_up(before: rt.Model, after: bytes, max_drop: float | None) -> tuple[Comparison, int]:
    """Compare what two models return for made-up inputs, by the R² of the output that differs most.

    Args:
        before: The float model.
        after: The smaller one, as a file, rounded where float16 rounds.
        max_drop: The points that may be lost; None takes 0.5.

    Returns:
        What was found, and the number of inputs.

    Raises:
        InputError: The model does not run on made-up inputs, such as one that takes very many numbers.
        ExportError: The smaller model returns NaN or infinite numbers.
    """
    feeds = made_up_inputs(before, NUM_INPUTS)
    old = before.infer(feeds)
    try:
        new = rt.load(after, device="cpu").infer(feeds)
    except InputError as error:
        raise (_overflow() if error.code == "E-MODEL-04" else error) from error
    limit = Values.max_drop if max_drop is None else max_drop
    found = []
    for name, array in old.items():
        if array.dtype.kind == "f":
            pair = [np.asarray(each, np.float64).reshape(-1, 1) for each in (array, new[name])]
            found.append(Values("").compare(pair[0], pair[1], None, limit))
    return max(found, key=lambda each: each.drop), len(next(iter(feeds.values())))


def time_made_up(models: tuple[bytes, bytes]) -> tuple[float, float]:
    """Return how many seconds each of two models takes for one made-up input on one core."""
    opened = [rt.load(each, device="cpu", threads=1) for each in models]
    feeds = made_up_inputs(opened[0], 1)
    first, second = fastest_of([partial(model.infer, feeds) for model in opened])
    return first, second


def check_finite(before: Array, after: Array) -> None:
    """Refuse a model that computes numbers beyond those of float16.

    Raises:
        ExportError: Outputs are not finite that are so in the float model.
    """
    if np.isfinite(before).all() and not np.isfinite(after).all():
        raise _overflow()


def _overflow() -> ExportError:
    return ExportError.coded(
        "E-QUANT-02",
        "the model in float16 returns NaN or infinite numbers: values inside it are above {most:g}. "
        "Nothing was written. Train with standardize=True or a batchnorm layer, or use the float file.",
        most=float(np.finfo(np.float16).max),
    )
