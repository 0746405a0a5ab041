"""How a model is quantised: checked once, and passed on whole."""

from __future__ import annotations

import math
from dataclasses import dataclass

from onnxnn_runtime.arrays.numbers import plain_number
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
        precision: "int8", the only one.
        target: Where the file runs, one of `onnxnn_runtime.targets.TARGETS` or "ort1.13" and the like.
        method: Which range of values the calibration samples give: "mse" (the one with the smallest mean
            squared error), "minmax" (all), "entropy" or "percentile".
        calibration: The most samples for calibration; the others measure.
        max_drop: How many points of 100 the measure may lose; None takes that of the measure.
        auto: Whether to leave layers in float that lose most by rounding, until the loss is small enough.
        seed: Which samples calibrate, and which measure.

    Raises:
        ExportError: One of them has a wrong value.
    """

    precision: str = "int8"
    target: str = "any"
    method: str = "mse"
    calibration: int = 128
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
        object.__setattr__(self, "max_drop", plain_number(self.max_drop))
        drop = self.max_drop
        if drop is not None and (
            isinstance(drop, bool) or not isinstance(drop, int | float) or not 0 <= drop < math.inf
        ):
            raise ExportError.coded(
                "E-EXPORT-01",
                "max_drop={value}: expected points from 0, such as 0.5, or None.",
                value=shortened(drop),
            )
        for name, least in (("calibration", MIN_SAMPLES // 2), ("seed", 0)):
            number = plain_number(getattr(self, name))
            if type(number) is not int or not least <= number < 2**32:
                raise ExportError.coded(
                    "E-EXPORT-01",
                    "{name}={value}: expected an integer from {least}.",
                    name=name,
                    value=shortened(number),
                    least=least,
                )
            object.__setattr__(self, name, number)
