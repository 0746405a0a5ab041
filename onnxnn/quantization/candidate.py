"""Ways to quantise one model, and the one that measures best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto
from onnxnn_runtime.errors import ExportError

from .correction import corrected, measure_means
from .int8 import measure_ranges, quantized
from .measures import Measure
from .options import QuantizeOptions
from .processor import IntegerTypes, integer_types
from .samples import Samples
from .selection import select

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Candidate:
    """A quantised model.

    Args:
        model: The model.
        float_layers: The names of nodes with weights that stay in float.
        equalized: Whether its weights were equalised before.
    """

    model: ModelProto
    float_layers: tuple[str, ...] = ()
    equalized: bool = False


def best_candidate(
    model: ModelProto,
    calibrating: Samples,
    measure: Measure,
    output: str,
    options: QuantizeOptions,
    exact: bool,
) -> Candidate:
    """Return the quantised model that measures best on the calibration samples.

    Args:
        model: The float model, whose nodes have names.
        calibrating: The calibration samples.
        measure: How models are compared.
        output: The output that is compared.
        options: How it is quantised.
        exact: Whether to measure without this processor's integer instructions.

    Raises:
        ExportError: No layer of it is faster in integers.
    """
    calibrated = Calibrated.of(model, calibrating, options)
    return calibrated.candidate()


@dataclass(frozen=True)
class Calibrated:
    """A float model with what its values are like.

    Args:
        model: The model.
        ranges: The range of each value.
        means: The mean of each channel of what layers read.
        types: How numbers are held.
    """

    model: ModelProto
    ranges: Any
    means: dict[str, Array]
    types: IntegerTypes

    @classmethod
    def of(cls, model: ModelProto, samples: Samples, options: QuantizeOptions) -> Calibrated:
        """Run the calibration samples through a float model.

        Raises:
            ExportError: No layer of it is faster in integers.
        """
        selection = select(model)
        if not selection.weighted:
            raise ExportError.coded(
                "E-QUANT-01",
                "expected a convolution or a linear layer before the last layer, which stays in float: INT8 "
                "makes no other layer faster. Keep the float file.",
            )
        feed = model.graph.input[0].name
        means = measure_means(model, selection, samples.batches())
        ranges = measure_ranges(model, options.method, _feeds(feed, samples))
        return cls(model, ranges, means, integer_types(options.target))

    def candidate(self, in_float: Sequence[str] = (), equalized: bool = False) -> Candidate:
        """Return the model in integers, its biases corrected.

        Args:
            in_float: Names of nodes that stay in float.
            equalized: Whether the float model's weights were equalised.
        """
        selection = select(self.model, in_float)
        first = quantized(self.model, self.ranges, selection, self.types)
        better = corrected(self.model, first, selection, self.means)
        return Candidate(quantized(better, self.ranges, selection, self.types), selection.kept, equalized)


def _feeds(name: str, samples: Samples) -> Iterator[dict[str, Array]]:
    for batch in samples.batches():
        yield {name: batch}
