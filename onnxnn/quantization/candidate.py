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
from .measures import MIN_COSINE, Comparison, Measure
from .options import QuantizeOptions
from .processor import IntegerTypes, integer_types
from .running import Runner
from .samples import Samples
from .selection import select

Array = np.ndarray[Any, Any]

_SURE_COSINE = (1 + MIN_COSINE) / 2
"""What calibration samples shall reach, so that others reach `MIN_COSINE`."""

_FEW = 16
"""The samples on which layers are compared with each other."""


@dataclass(frozen=True)
class Candidate:
    """A quantised model.

    Args:
        model: The model.
        float_layers: The names of nodes with weights that stay in float.
    """

    model: ModelProto
    float_layers: tuple[str, ...] = ()


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
    plain = calibrated.candidate()
    if not options.auto:
        return plain
    limit = (measure.max_drop if options.max_drop is None else options.max_drop) / 2
    before = Runner(model, exact=False).all(calibrating.batches(), output)

    def compared(candidate: Candidate) -> Comparison:
        after = Runner(candidate.model, exact).all(calibrating.batches(), output)
        return measure.compare(before, after, calibrating.labels, limit)

    best, found = plain, compared(plain)
    order: list[str] = []
    count = 1
    while not (found.passed and found.cosine >= _SURE_COSINE):
        order = order or calibrated.sensitive_first(calibrating, output, exact)
        if count > len(order) // 2:
            break
        candidate = calibrated.candidate(order[:count])
        comparison = compared(candidate)
        if comparison.loss < found.loss:
            best, found = candidate, comparison
        count *= 2
    return best


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

    def candidate(self, in_float: Sequence[str] = ()) -> Candidate:
        """Return the model in integers, its biases corrected.

        Args:
            in_float: Names of nodes that stay in float.
        """
        selection = select(self.model, in_float)
        first = quantized(self.model, self.ranges, selection, self.types)
        better = corrected(self.model, first, selection, self.means)
        return Candidate(quantized(better, self.ranges, selection, self.types), selection.kept)

    def sensitive_first(self, samples: Samples, output: str, exact: bool) -> list[str]:
        """Return the layers, those first that change an output most where they alone are in integers.

        Args:
            samples: The calibration samples, of which the first few are used.
            output: The output that is compared.
            exact: Whether to measure without this processor's integer instructions.
        """
        few = samples.part(range(min(_FEW, len(samples))))
        right = Runner(self.model, exact=False).all(few.batches(), output)
        errors = {}
        weighted = select(self.model).weighted
        for name in weighted:
            selection = select(self.model, [other for other in weighted if other != name])
            alone = quantized(self.model, self.ranges, selection, self.types)
            found = Runner(alone, exact).all(few.batches(), output)
            errors[name] = float(np.square(found - right).sum())
        return sorted(errors, key=lambda name: -errors[name])


def _feeds(name: str, samples: Samples) -> Iterator[dict[str, Array]]:
    for batch in samples.batches():
        yield {name: batch}
