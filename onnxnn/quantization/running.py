"""Running models that are not written yet, on samples; and how long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto
from onnxnn_runtime.errors import ExportError, InputError

Array = np.ndarray[Any, Any]

Feeds = dict[str, Array]
"""What a graph takes at once: an array for each input."""

_ROUNDS = 7


class Runner:
    """A model in memory, run by ONNX Runtime on the processor.

    Args:
        model: The model.
        exact: Whether integers are computed as the graph says, in float, and not by the integer
            instructions of this processor: so files for other processors are measured.
        threads: Processor cores to use; 0 takes all.
    """

    def __init__(self, model: ModelProto, exact: bool, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads
        if exact:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own classes differ between versions.
            raise ExportError.coded(
                "E-QUANT-01", "the quantised model does not run ({error}). Use the float file.", error=error
            ) from error

    def run(self, feeds: Feeds, outputs: Sequence[str]) -> list[Array]:
        """Return outputs for one batch.

        Raises:
            InputError: ONNX Runtime refuses it.
        """
        try:
            found: list[Array] = self._session.run(list(outputs), feeds)
        except Exception as error:  # ONNX Runtime's own classes differ between versions.
            raise InputError.coded(
                "E-MODEL-03",
                "the model does not run on the samples ({error}). Give samples that `onnxnn predict` takes.",
                error=error,
            ) from error
        return found

    def all(self, feeds: Iterable[Feeds], output: str) -> Array:
        """Return one output for all samples, (N, ...); where samples are of several shapes, (steps, ...)."""
        parts = [self.run(each, [output])[0] for each in feeds]
        if len({part.shape[1:] for part in parts}) > 1:
            parts = [part.reshape(-1, part.shape[-1]) for part in parts]
        return np.concatenate(parts)


def fastest(runners: Sequence[Runner], feeds: Feeds, output: str) -> list[float]:
    """Return the seconds of the fastest run of each model, in turns.

    Args:
        runners: The models.
        feeds: What they run on.
        output: The output that is asked for.
    """
    return fastest_of([partial(runner.run, feeds, [output]) for runner in runners])


def fastest_of(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Return the seconds of the fastest run of each call, in turns."""
    best = [float("inf")] * len(calls)
    for _ in range(_ROUNDS):
        for place, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[place] = min(best[place], time.perf_counter() - start)
    return best
