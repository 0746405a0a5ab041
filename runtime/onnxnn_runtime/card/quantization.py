"""What a card says about a file whose numbers were made smaller."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Mapping

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import CardError
from onnxnn_runtime.messages.shorten import shortened

from .fields import Fields, names_of, one_of

PRECISIONS = ("int8", "fp16")
"""In which smaller numbers a file computes."""

GROWS = ("perplexity", "frechet")
"""Measures whose figure grows as a model loses: what was lost is in percent of it."""


@checked_class()
@dataclass(frozen=True)
class QuantizationSpec:
    """How a file was quantised, and what that cost on held-out samples.

    Args:
        precision: "int8" or "fp16".
        settings: How: plain JSON data such as the target, the type of activations, and the method and number
            of calibration samples.
        measure: What was compared: "accuracy", "agreement", "r2", "neighbours", "perplexity" or "frechet".
        samples: How many held-out samples were measured.
        before: The figures of the float file, such as {"accuracy": 0.97}.
        after: The same of this one.
        drop: Points of 100 that were lost; of the measures in `GROWS` how many percent they grew. Below 0
            where this file is better.
        float_layers: The layers that stay in float, by the names of their nodes.

    Raises:
        CardError: A value is none of these.
    """

    precision: str
    settings: Mapping[str, object]
    measure: str
    samples: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    drop: float
    float_layers: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        one_of("quantization.precision", self.precision, PRECISIONS)
        figures = [self.drop, *self.before.values(), *self.after.values()]
        if not all(type(value) in (int, float) and math.isfinite(value) for value in figures):
            raise CardError.coded(
                "E-CARD-02",
                "card: 'quantization': expected finite numbers, got {value}.",
                value=shortened(figures),
            )

    @property
    def grows(self) -> bool:
        """Whether the measure is one that grows as a model loses: `drop` is in percent of it then."""
        return self.measure in GROWS


def read_quantization(data: dict[str, object]) -> QuantizationSpec:
    """Read the card's `quantization`.

    Raises:
        CardError: A key is missing or unknown, or a value is of a wrong type.
    """
    fields = Fields("quantization.", data)
    spec = QuantizationSpec(
        precision=fields.take("precision", str),
        settings=fields.take("settings", dict),
        measure=fields.take("measure", str),
        samples=fields.take("samples", int),
        before=fields.take("before", dict),
        after=fields.take("after", dict),
        drop=fields.take("drop", float),
        float_layers=names_of("quantization.float_layers", fields.take("float_layers", list)),
    )
    fields.done()
    return spec
