"""Ways to quantise one model, and the one that measures best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import ModelProto
from onnxnn_runtime.errors import ExportError
from onnxnn_runtime.labelled.samples import Samples

from .correction import corrected, measure_means
from .equalisation import equalized, ranks_of, tied_values
from .int8 import measure_ranges, quantized
from .kept import shielded
from .measures import Comparison, Measure
from .options import QuantizeOptions
from .processor import IntegerTypes, integer_types
from .rounding import rounded
from .running import Feeds, Runner
from .selection import Selection, select
from .statistics import channel_peaks

Array = np.ndarray[Any, Any]

_SURE_COSINE = 0.998
"""What calibration samples shall reach, so that others keep their neighbours.

Of EfficientNet-Lite0 on photographs 92 % keep theirs at 0.996, and 96 % at 0.9984.
"""

_FEW = 16
"""The samples on which layers are compared with each other."""


@dataclass(frozen=True)
class Way:
    """How a model is quantised, where what is better depends on the model.

    Args:
        equalized: Whether the channels of its values are equalised first.
        keeps_sums: Whether filters are rounded so that the errors of each cancel.
    """

    equalized: bool = False
    keeps_sums: bool = True


@dataclass(frozen=True)
class Candidate:
    """A quantised model.

    Args:
        model: The model.
        float_layers: The names of nodes with weights that stay in float.
        way: How it was quantised.
    """

    model: ModelProto
    float_layers: tuple[str, ...] = ()
    way: Way = Way()


@dataclass(frozen=True)
class Trial:
    """What candidates are tried on.

    Args:
        samples: The calibration samples.
        measure: How models are compared.
        output: The output that is compared.
        exact: Whether to measure without this processor's integer instructions.
    """

    samples: Samples
    measure: Measure
    output: str
    exact: bool

    def feeds(self, most: int | None = None) -> Iterator[Feeds]:
        """Yield what the graph runs on: all samples, or the first few."""
        samples = self.samples if most is None else self.samples.part(range(min(most, len(self.samples))))
        return self.measure.feeds(samples)

    def output_of(self, model: ModelProto, exact: bool, most: int | None = None) -> Array:
        """Return the output for all samples, or for the first few."""
        return Runner(model, exact).all(self.feeds(most), self.output)


def best_candidate(model: ModelProto, trial: Trial, options: QuantizeOptions) -> Candidate:
    """Return the quantised model that measures best on the calibration samples.

    Args:
        model: The float model, whose nodes have names.
        trial: What it is tried on.
        options: How it is quantised.

    Raises:
        ExportError: No layer of it is faster in integers.
    """
    calibrated, plain = _closest(model, trial, options)
    if not options.auto:
        return plain
    measure, samples = trial.measure, trial.samples
    limit = (measure.max_drop if options.max_drop is None else options.max_drop) * measure.margin
    before = measure.results(Runner(model, exact=False), samples, trial.output)
    references = measure.references(samples)

    def compared(candidate: Candidate) -> Comparison:
        after = measure.results(Runner(candidate.model, trial.exact), samples, trial.output)
        return measure.compare(before, after, references, limit)

    best, found = plain, compared(plain)
    weighted: Sequence[str] = select(calibrated.model).weighted
    order: list[str] = []
    count = 1
    while not (found.passed and found.cosine >= _SURE_COSINE):
        order = order or calibrated.sensitive_first(trial)
        if count > len(order) // 2:
            break
        for names in (order, weighted):  # those that lose most alone; and the first ones, on large images
            candidate = calibrated.candidate(names[:count])
            comparison = compared(candidate)
            if comparison.loss < found.loss:
                best, found = candidate, comparison
        count *= 2
    return best


def _closest(model: ModelProto, trial: Trial, options: QuantizeOptions) -> tuple[Calibrated, Candidate]:
    """Return what quantises the model in the way that leaves its output closest to that in float."""
    plain = Calibrated.of(model, trial, options)
    ways = [plain, replace(plain, way=Way(keeps_sums=False))]
    tied = tied_values(model)
    if tied:
        peaks = channel_peaks(model, ranks_of(model, tied), trial.feeds())
        other = Calibrated.of(equalized(model, peaks), trial, options)
        ways.append(replace(other, way=Way(equalized=True)))
    right = trial.output_of(model, exact=False)
    found = [(each, each.candidate()) for each in ways]
    errors = [
        float(np.square(trial.output_of(each.model, trial.exact) - right).mean(dtype=np.float64))
        for _, each in found
    ]
    return found[int(np.argmin(errors))]


@dataclass(frozen=True)
class Calibrated:
    """A float model with what its values are like.

    Args:
        model: The model.
        ranges: The range of each value.
        means: The mean of each channel of what layers read.
        types: How numbers are held.
        way: How it is quantised.
    """

    model: ModelProto
    ranges: Any
    means: dict[str, Array]
    types: IntegerTypes
    way: Way = Way()

    @classmethod
    def of(cls, model: ModelProto, trial: Trial, options: QuantizeOptions) -> Calibrated:
        """Run the calibration samples through a float model.

        Raises:
            ExportError: No layer of it is faster in integers.
        """
        selection = select(model)
        if not selection.weighted:
            raise ExportError.coded(
                "E-QUANT-01",
                "expected a convolution, or a linear layer before those of the feature vector and of the "
                "output, which stay in float: INT8 makes no other layer faster. Keep the float file.",
            )
        means = measure_means(model, selection, trial.feeds())
        ranges = measure_ranges(model, options.method, trial.feeds())
        return cls(model, ranges, means, integer_types(options.target))

    def candidate(self, in_float: Sequence[str] = ()) -> Candidate:
        """Return the model in integers, its biases corrected.

        Args:
            in_float: Names of nodes that stay in float.
        """
        selection = select(self.model, in_float)
        first = self._in_integers(self.model, selection)
        better = corrected(self.model, first, selection, self.means)
        return Candidate(self._in_integers(better, selection), selection.kept, self.way)

    def _in_integers(self, model: ModelProto, selection: Selection) -> ModelProto:
        kept = rounded(model, selection, self.types) if self.way.keeps_sums else model
        return shielded(quantized(kept, self.ranges, selection, self.types), selection.kept)

    def sensitive_first(self, trial: Trial) -> list[str]:
        """Return the layers, those first that change an output most where they alone are in integers.

        Args:
            trial: What they are tried on; the first few samples are used.
        """
        right = trial.output_of(self.model, exact=False, most=_FEW)
        errors = {}
        weighted = select(self.model).weighted
        for name in weighted:
            selection = select(self.model, [other for other in weighted if other != name])
            alone = self._in_integers(self.model, selection)
            found = trial.output_of(alone, trial.exact, _FEW)
            errors[name] = float(np.square(found - right).sum())
        return sorted(errors, key=lambda name: -errors[name])
