"""How much a model loses by being quantised: one class for each measure.

A measure compares what the float file and the quantised one return for the same held-out samples. Its drop is
in points of 100; of perplexity and the Fréchet distance it is how many percent they grew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnxnn_runtime.card.quantization import GROWS
from onnxnn_runtime.labelled.samples import Samples
from onnxnn_runtime.report.figures import decided, r2

from .running import Feeds, Runner

Array = np.ndarray[Any, Any]

MIN_COSINE = 0.99
"""The least mean cosine between feature vectors of the float file and those of the quantised one."""


@dataclass(frozen=True)
class Comparison:
    """What a measure found.

    Args:
        measure: Its name.
        before: The figures of the float file.
        after: Those of the quantised file.
        drop: Points of 100 that were lost, or percent that the figure grew where the least is best; below 0
            where the quantised file is better.
        max_drop: How many may be.
        cosine: The mean cosine between feature vectors; 1 where there are none.
    """

    measure: str
    before: Mapping[str, float]
    after: Mapping[str, float]
    drop: float
    max_drop: float
    cosine: float = 1.0

    @property
    def grows(self) -> bool:
        """Whether the figure is one that grows as a model loses: `drop` is in percent of it then."""
        return self.measure in GROWS

    @property
    def passed(self) -> bool:
        """Whether the loss is allowed; NaN is not."""
        return self.drop <= self.max_drop and self.cosine >= MIN_COSINE

    @property
    def loss(self) -> tuple[float, float]:
        """What is compared between candidates: the smaller, the better.

        The cosine comes first where there are vectors: of a hundred samples one neighbour is a point.
        """
        drop = self.drop if np.isfinite(self.drop) else np.inf
        return (1 - self.cosine if np.isfinite(self.cosine) else np.inf, max(drop, 0.0))


class Measure(ABC):
    """One way to compare two files.

    Attributes:
        output: The graph output that it compares; None takes the first.
        max_drop: How many points, or percent, may be lost by default.
        margin: The share of it that calibration samples may lose, so that others lose no more than all.

    Args:
        feed: The graph's input.
    """

    output: str | None = None
    max_drop: float = 0.5
    margin: float = 0.5

    def __init__(self, feed: str) -> None:
        self._feed = feed

    def feeds(self, samples: Samples) -> Iterator[Feeds]:
        """Yield what the graph runs on, a few samples at a time.

        Raises:
            InputError: A sample cannot be read, or does not match the model.
        """
        for batch in samples.batches():
            yield {self._feed: batch}

    def results(self, runner: Runner, samples: Samples, output: str) -> Array:
        """Return what is compared: here one output for all samples, (N, ...).

        Args:
            runner: The model.
            samples: What it runs on.
            output: The graph output.
        """
        return runner.all(self.feeds(samples), output)

    def references(self, samples: Samples) -> Array | None:
        """Return what the results of both files are compared with: the labels, where they are known."""
        return samples.labels

    @abstractmethod
    def compare(self, before: Array, after: Array, labels: Array | None, max_drop: float) -> Comparison:
        """Compare the results of two files.

        Args:
            before: What `results` returned for the float file.
            after: The same of the quantised one.
            labels: What `references` returned; None where it is not known: then the float file is right.
            max_drop: The points or percent that may be lost.
        """


class Accuracy(Measure):
    """The share of right labels; without labels, of those that are the float file's."""

    def compare(self, before: Array, after: Array, labels: Array | None, max_drop: float) -> Comparison:
        old, new = decided(before), decided(after)
        agreement = float(np.mean(old == new))
        if labels is None or old.shape != labels.shape:
            figures = {"agreement": 1.0}, {"agreement": agreement}
            return Comparison("agreement", *figures, 100 * (1 - agreement), max_drop)
        right = float(np.mean(old == labels)), float(np.mean(new == labels))
        return Comparison(
            "accuracy",
            {"accuracy": right[0], "agreement": 1.0},
            {"accuracy": right[1], "agreement": agreement},
            100 * (right[0] - right[1]),
            max_drop,
        )


class Values(Measure):
    """R² and the mean absolute error; without targets, beside the float file's values."""

    def compare(self, before: Array, after: Array, labels: Array | None, max_drop: float) -> Comparison:
        old, new = (np.asarray(each, np.float64).reshape(len(before), -1) for each in (before, after))
        right = old if labels is None or labels.shape != old.shape else labels
        figures = [
            {"r2": float(r2(right, each).mean()), "mae": float(np.abs(right - each).mean())}
            for each in (old, new)
        ]
        return Comparison("r2", figures[0], figures[1], 100 * (figures[0]["r2"] - figures[1]["r2"]), max_drop)


class Vectors(Measure):
    """How often the nearest vector is of the same sample, and the mean cosine between the two files.

    With labels the drop is that of the share of samples whose nearest neighbour has their own label.
    """

    max_drop = 3.0
    margin = 1.0  # what is sure is the cosine

    def __init__(self, feed: str, output: str) -> None:
        super().__init__(feed)
        self.output = output

    def compare(self, before: Array, after: Array, labels: Array | None, max_drop: float) -> Comparison:
        old, new = _unit(before), _unit(after)
        cosine = float((old * new).sum(axis=1).mean())
        nearest = _nearest(old), _nearest(new)
        same = float(np.mean(nearest[0] == nearest[1]))
        figures = {"cosine": 1.0, "same_neighbour": 1.0}, {"cosine": cosine, "same_neighbour": same}
        drop = 100 * (1 - same)
        if labels is not None:
            right = [float(np.mean(labels[each] == labels)) for each in nearest]
            for figure, share in zip(figures, right, strict=True):
                figure["neighbour_accuracy"] = share
            drop = 100 * (right[0] - right[1])
        return Comparison("neighbours", *figures, drop, max_drop, cosine)


def _unit(vectors: Array) -> Array:
    flat = np.asarray(vectors, np.float64).reshape(len(vectors), -1)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.where(length > 0, length, 1))


def _nearest(unit: Array) -> Array:
    """Return the place of the nearest other vector."""
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    return np.asarray(similarity.argmax(axis=1))
