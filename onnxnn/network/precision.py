"""Exports in smaller numbers, which the data that a network learned from calibrates and measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.errors import DataError, ExportError

from onnxnn.data import Batches, Data
from onnxnn.data.batches import InMemory
from onnxnn.export.exporter import ExportReport
from onnxnn.quantization.options import MIN_SAMPLES, QuantizeOptions
from onnxnn.quantization.quantizer import Given, Made, make_smaller
from onnxnn.quantization.sources import open_float_file

Array = np.ndarray[Any, Any]

_MEASURED = ("classify", "regress", "embed")
"""What networks do whose float16 is measured on training data; that of others is on made-up inputs."""

_MOST_SAMPLES = 1000
"""The most samples of the training data, and of the validation data, that calibrate and measure."""

_MOST_BYTES = 2**28
"""The most memory that they take."""


def quantize_options(
    precision: str, target: str | None, max_drop: float | None, calibration: object = None
) -> QuantizeOptions | None:
    """Return how an exported file becomes smaller; None where it stays in float.

    Args:
        precision: "fp32", or one of `QuantizeOptions`.
        target, max_drop: See `QuantizeOptions`.
        calibration: The samples that are given for it.

    Raises:
        ExportError, InputError: One has a wrong value, or is given for a file in float.
    """
    if precision != "fp32":
        return QuantizeOptions(precision, target, max_drop=max_drop, auto=precision == "int8")
    for name, given in {"calibration": calibration, "max_drop": max_drop}.items():
        if given is not None:
            raise ExportError.coded(
                "E-EXPORT-01",
                "{name}: expected precision='int8' or 'fp16' beside it, got 'fp32', which loses nothing. "
                "Leave {name} out, or give precision.",
                name=name,
            )
    return None


class Shrinking:
    """What makes an exported file smaller before it is written.

    Args:
        options: How.
        name: What messages call the file.
        given: What calibrates and measures.

    Attributes:
        made: The smaller file, after the call.
    """

    def __init__(self, options: QuantizeOptions, name: str, given: Given) -> None:
        self._options, self._name, self._given = options, name, given
        self.made: Made | None = None

    def __call__(self, data: bytes) -> bytes:
        """Return the smaller file.

        Args:
            data: The float file.

        Raises:
            ExportError: It cannot be made, or loses too much.
            InputError, DataError: The samples do not match the network, or are too few.
        """
        self.made = make_smaller(open_float_file(data, self._name, self._options), self._given, self._options)
        return self.made.data

    def reported(self, report: ExportReport) -> ExportReport:
        """Return an export's report with what this did."""
        return report if self.made is None else replace(report, quantization=self.made.report(report.path))


def samples_for(
    options: QuantizeOptions, calibration: object, data: Data | None, card: ModelCard, in_graph: bool
) -> Given:
    """Return what calibrates and measures.

    Args:
        options: How a file becomes smaller.
        calibration: What the user gave; None takes the network's data.
        data: That data; None where the network holds none.
        card: The network's card.
        in_graph: Whether preprocessing goes into the graph.

    Raises:
        DataError: There are no samples, and integers need some.
    """
    if calibration is not None:
        return Given(calibration)
    is_measured = ModelKind(card).does in _MEASURED
    is_enough = data is not None and data.train.num_samples >= MIN_SAMPLES
    if data is not None and (options.precision == "int8" or (is_measured and is_enough)):
        held = data.validation if data.validation is not None and data.validation.num_samples > 1 else None
        x, y = _arrays(data.train, card, in_graph)
        return Given(x, y) if held is None else Given(x, y, *_arrays(held, card, in_graph))
    if options.precision == "int8":
        raise DataError.coded(
            "E-DATA-12",
            "export(precision='int8'): expected samples that calibrate the integers, got none: this network "
            "holds no training data. Give calibration= (--calibration): a folder of images, a .csv, .npy "
            "or .npz file, or arrays.",
        )
    return Given()


def _arrays(batches: Batches, card: ModelCard, in_graph: bool) -> tuple[Array, Sequence[object] | None]:
    """Return samples as `onnxnn_runtime.Model.predict` takes them, and the label of each where it has one."""
    batches = _without_augmentation(batches)
    count = batches.num_samples
    size = 4 * max(int(np.prod(batches.samples.sizes)), 1)
    most = min(count, _MOST_SAMPLES, max(_MOST_BYTES // size, MIN_SAMPLES))
    chosen = torch.from_numpy(np.sort(np.random.default_rng(0).permutation(count)[:most]))
    parts = list(batches.samples.take(torch.split(chosen, 32)))
    x = torch.cat([x for x, _ in parts]).numpy()
    return _as_given(x, card, in_graph), _labels(torch.cat([y for _, y in parts]), card)


def _without_augmentation(batches: Batches) -> Batches:
    """Return images as they are read outside training."""
    if batches.reread is None or isinstance(batches.samples, InMemory):
        return batches
    return batches.read_again(lambda plan: replace(plan, operations=plan.outside_training))


def _as_given(x: Array, card: ModelCard, in_graph: bool) -> Array:
    preprocess = card.input.preprocess
    if card.input.kind != "image" or preprocess is None:
        return x
    if preprocess.channel_order == "bgr" and x.shape[1] == 3:
        x = np.ascontiguousarray(x[:, ::-1])  # as they are given; the network has red first
    return np.rint(np.moveaxis(x, 1, -1) * 255).astype(np.uint8) if in_graph else x


def _labels(y: torch.Tensor, card: ModelCard) -> Sequence[object] | None:
    """Return class names, or values; None for anything else, such as the next token of each."""
    if card.output.kind == "values":
        return y.numpy().tolist() if y.is_floating_point() else None
    if y.is_floating_point() or y.ndim != 1 or card.output.kind == "tokens":
        return None
    classes = card.output.classes
    ids: list[int] = y.tolist()
    return [classes[each] if each < len(classes) else each for each in ids]
