"""Measuring a smaller model without samples: on made-up inputs, as `onnxnn_runtime.verify` runs a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    runs = _made_up(before)
    old = _outputs(before, runs)
    try:
        new = _outputs(rt.load(after, device="cpu"), runs)
    except InputError as error:
        raise (_overflow() if error.code == "E-MODEL-04" else error) from error
    limit = Values.max_drop if max_drop is None else max_drop
    found = []
    for name, array in old.items():
        if array.dtype.kind == "f":
            check_finite(array, new[name])
            pair = [np.asarray(each, np.float64).reshape(-1, 1) for each in (array, new[name])]
            found.append(Values("").compare(pair[0], pair[1], None, limit))
    count = sum(len(next(iter(feeds.values()))) for feeds in runs)
    return max(found, key=lambda each: np.nan_to_num(each.drop, nan=np.inf)), count


def _made_up(model: rt.Model) -> list[dict[str, Any]]:
    """Return made-up inputs, several runs of them where a file takes fewer at once."""
    runs: list[dict[str, Any]] = []
    made = 0
    while made < NUM_INPUTS:
        runs.append(made_up_inputs(model, NUM_INPUTS, first=made))
        made += len(next(iter(runs[-1].values())))
    return runs


def _outputs(model: rt.Model, runs: Sequence[Mapping[str, object]]) -> dict[str, Array]:
    """Return all outputs of several runs."""
    found = [model.infer(feeds) for feeds in runs]
    return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


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
