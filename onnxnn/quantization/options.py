"""How a model is quantised: checked once, and passed on whole."""

from __future__ import annotations

import math
from dataclasses import dataclass

from onnxnn_runtime.arrays.numbers import check_integer, is_number, plain_number
from onnxnn_runtime.card.quantization import PRECISIONS
from onnxnn_runtime.errors import ExportError
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of

from .processor import integer_types

METHODS = ("mse", "minmax", "entropy", "percentile")
"""How the range of a value follows from calibration samples."""

MIN_SAMPLES = 20
"""The fewest samples, for calibration and measurement together."""


@dataclass(frozen=True)
class QuantizeOptions:
    """How a model is quantised.

    Args:
        precision: "int8", or "fp16" for float16 weights and layers, which need no calibration.
        target: Where the file runs, one of `onnxnn_runtime.targets.TARGETS` or "ort1.13" and the like. It has
            to load the opset and IR version of the file, which stay; None takes any file, and integers that
            every processor computes alike.
        method: Which range of values the calibration samples give: "mse" (the one with the smallest mean
            squared error), "minmax" (all), "entropy" or "percentile".
        num_calibration: The most samples for calibration; the others measure.
        max_drop: How many points of 100 the measure may lose; None takes that of the measure.
        auto: Whether to leave layers in float that lose most by rounding, until the loss is small enough;
            for "int8".
        seed: Which samples calibrate, and which measure.

    Raises:
        ExportError, InputError: One of them has a wrong value.
    """

    precision: str = "int8"
    target: str | None = None
    method: str = "mse"
    num_calibration: int = 128
    max_drop: float | None = None
    auto: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("precision", PRECISIONS), ("method", METHODS)):
            value = getattr(self, name)
            if not is_one_of(value, known):
                raise ExportError.coded(
                    "E-EXPORT-01",
                    "{name}={value}: expected one of {known}.",
                    name=name,
                    value=shortened(value),
                    known=", ".join(known),
                )
        integer_types(self.target)
        for name in ("num_calibration", "max_drop", "seed"):
            object.__setattr__(self, name, plain_number(getattr(self, name)))
        drop = self.max_drop
        if drop is not None and not (is_number(drop) and 0 <= drop < math.inf):
            raise ExportError.coded(
                "E-EXPORT-01",
                "max_drop={value}: expected points from 0, such as 0.5, or None.",
                value=shortened(drop),
            )
        check_integer("num_calibration", self.num_calibration, MIN_SAMPLES // 2, 2**32 - 1)
        check_integer("seed", self.seed, 0, 2**32 - 1)
        if self.precision == "fp16" and self.auto:
            raise ExportError.coded(
                "E-EXPORT-01",
                "auto={value}: expected precision='int8', whose layers may stay in float, got 'fp16', which "
                "leaves those in float32 by itself that need it. Leave auto out.",
                value=self.auto,
            )
