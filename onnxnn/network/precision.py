"""Exports in smaller numbers, which the data that a network learned from calibrates and measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.errors import DataError, ExportError

from onnxnn.data import Data
from onnxnn.export.exporter import ExportReport
from onnxnn.quantization.options import MIN_SAMPLES, QuantizeOptions
from onnxnn.quantization.quantizer import Given, Made, make_smaller
from onnxnn.quantization.sources import open_float_file

from .own_samples import arrays_of

_MEASURED = ("classify", "regress", "embed")
"""What networks do whose float16 is measured on training data; that of others is on made-up inputs."""


def quantize_options(
    precision: str,
    target: str | None,
    max_drop: float | None,
    calibration: object = None,
    unknown: bool = False,
) -> QuantizeOptions | None:
    """Return how an exported file becomes smaller; None where it stays in float.

    Args:
        precision: "fp32", or one of `QuantizeOptions`.
        target, max_drop: See `QuantizeOptions`.
        calibration: The samples that are given for it.
        unknown: Whether the samples are for reference vectors, too.

    Raises:
        ExportError, InputError: One has a wrong value, or is given for a file in float.
    """
    if precision != "fp32":
        return QuantizeOptions(precision, target, max_drop=max_drop, auto=precision == "int8")
    for name, given in {"calibration": calibration, "max_drop": max_drop}.items():
        if given is not None and not (unknown and name == "calibration"):
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
    if data is not None and (options.precision == "int8" or _is_measured(data, card)):
        return _held(data, card, in_graph)
    if options.precision == "int8":
        raise DataError.coded(
            "E-DATA-12",
            "export(precision='int8'): expected samples that calibrate the integers, got none: this network "
            "holds no training data. Give calibration= (--calibration): a folder of images, a .csv, .npy "
            "or .npz file, or arrays.",
        )
    return Given()


def _is_measured(data: Data, card: ModelCard) -> bool:
    """Return whether training data measures float16, which else is compared on made-up inputs."""
    held = 0 if data.validation is None else data.validation.num_samples
    return ModelKind(card).does in _MEASURED and data.train.num_samples + held >= MIN_SAMPLES


def _held(data: Data, card: ModelCard, in_graph: bool) -> Given:
    """Return the training data, and the validation data that measures; both together where one is small."""
    x, y = arrays_of(data.train, card, in_graph)
    if data.validation is None or not data.validation.num_samples:
        return Given(x, y)
    held_x, held_y = arrays_of(data.validation, card, in_graph)
    if min(len(x), len(held_x)) >= MIN_SAMPLES // 2:
        return Given(x, y, held_x, held_y)
    if x.shape[1:] != held_x.shape[1:]:
        return Given(x, y)
    return Given(np.concatenate([x, held_x]), None if y is None or held_y is None else [*y, *held_y])
