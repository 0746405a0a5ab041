"""The figures of a report, each a function of arrays. Quantisation measures by the same ones.

Sources: Wilson 1927 (interval of a share), Guo et al. 2017 (expected calibration error), Jelinek et al. 1977
(perplexity), Fawcett 2006 (area under the ROC curve).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from onnxnn_runtime.card.labels import THRESHOLD

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution, for intervals of 95 %."""

BINS = 10
"""Equally wide bins of scores in a reliability diagram."""

_LEAST = 1e-12
"""The least probability that counts, so that a perplexity is finite."""


class Interval(NamedTuple):
    """A range that holds the true value with 95 % confidence."""

    low: float
    high: float


def decided(scores: np.ndarray) -> np.ndarray:
    """Return the class index of each sample, or of each of its steps.

    Args:
        scores: (..., classes), or (..., 1) of a binary network.
    """
    if scores.shape[-1] == 1:
        return np.asarray(scores[..., 0] >= THRESHOLD, np.int64)
    return np.asarray(scores.argmax(axis=-1))


def share(right: np.ndarray) -> float:
    """Return the share of what is true; NaN of nothing."""
    return float(np.mean(right)) if len(right) else math.nan


def wilson(right: int, total: int) -> Interval:
    """Return the interval in which the true share lies with 95 % confidence (Wilson 1927).

    Args:
        right: How many were right.
        total: Of how many, at least 1.
    """
    p, z2 = right / total, Z * Z
    middle = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = Z / (1 + z2 / total) * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total))
    return Interval(
        0.0 if right == 0 else max(0.0, middle - half), 1.0 if right == total else min(1.0, middle + half)
    )


def confusion(labels: np.ndarray, predicted: np.ndarray, num: int) -> np.ndarray:
    """Return how often samples of each class were taken for each class.

    Args:
        labels: int64 (N,), class indices below `num`.
        predicted: The same of the predictions.
        num: The number of classes.

    Returns:
        int64 (num, num): a row for each true class, a column for each predicted one.
    """
    return np.bincount(labels * num + predicted, minlength=num * num).reshape(num, num)


@dataclass(frozen=True)
class PerClass:
    """Figures of each class, float64 (num,); 0 where a class was never predicted or has no samples.

    Args:
        precision: Of those that were taken for the class, the share that was right.
        recall: Of the samples of the class, the share that was found.
        f1: Their harmonic mean.
        support: int64 (num,): the samples of the class.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray

    def macro(self) -> tuple[float, float, float]:
        """Return the means of precision, recall and F1 over the classes that have samples or predictions."""
        counts = (self.support > 0) | (self.predicted > 0)
        return tuple(float(each[counts].mean()) for each in (self.precision, self.recall, self.f1))  # type: ignore[return-value]

    predicted: np.ndarray
    """int64 (num,): how many were taken for the class."""


def per_class(matrix: np.ndarray) -> PerClass:
    """Return precision, recall, F1 and support of each class.

    Args:
        matrix: A confusion matrix, see `confusion`.
    """
    hits = np.diag(matrix).astype(np.float64)
    predicted, support = matrix.sum(axis=0), matrix.sum(axis=1)
    precision, recall = hits / np.maximum(predicted, 1), hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(predicted + support, 1)
    return PerClass(precision, recall, f1, support, predicted)


@dataclass(frozen=True)
class Calibration:
    """How far scores can be taken for probabilities (Guo et al. 2017).

    Args:
        error: The expected calibration error: the mean distance of score and accuracy over the bins,
            weighted by their samples; 0..1.
        confidence: The mean score of each bin, `BINS` of them; NaN where it is empty.
        accuracy: The share of right answers of each bin; NaN where it is empty.
        count: The samples of each bin.
    """

    error: float
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    count: tuple[int, ...]


def calibration(score: np.ndarray, right: np.ndarray) -> Calibration:
    """Compare the scores of the predicted classes with how often they are right.

    Args:
        score: float (N,) in 0..1, the score of the predicted class; N at least 1.
        right: bool (N,), whether it was the right one.
    """
    score = np.asarray(score, np.float64)
    place = np.clip(np.ceil(score * BINS).astype(np.int64) - 1, 0, BINS - 1)  # bins ((m-1)/M, m/M]
    count = np.bincount(place, minlength=BINS)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(place, score, BINS) / count
        accuracy = np.bincount(place, np.asarray(right, np.float64), BINS) / count
    gaps = np.where(count > 0, np.abs(confidence - accuracy), 0)
    error = float((gaps * count).sum() / len(score))
    return Calibration(error, tuple(confidence.tolist()), tuple(accuracy.tolist()), tuple(count.tolist()))


def r2(right: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the coefficient of determination of each column.

    Of a column that is constant it is 1 where it is met, else 0.

    Args:
        right: float64 (N, K).
        found: The same of the predictions.
    """
    error = ((right - found) ** 2).sum(axis=0)
    total = ((right - right.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(1 - error / np.where(total > 0, total, np.where(error > 0, error, 1)))


def perplexity(probabilities: np.ndarray) -> float:
    """Return the exponential of the mean negative log-likelihood (Jelinek et al. 1977).

    Args:
        probabilities: float64 (N,), the probability of each token that came next; N at least 1.
    """
    return float(np.exp(-np.log(np.maximum(probabilities, _LEAST)).mean()))


def auroc(known: np.ndarray, strange: np.ndarray) -> float:
    """Return how likely a strange sample has a higher score than a known one (area under the ROC curve).

    By ranks (Mann and Whitney 1947); equal scores count half.

    Args:
        known: float (N,), how strange known samples look; N at least 1.
        strange: float (M,), the same of strange ones; M at least 1.
    """
    both = np.concatenate([known, strange]).astype(np.float64)
    _, inverse, count = np.unique(both, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks = (last - (count - 1) / 2.0)[inverse.reshape(-1)]
    num = len(strange)
    return float((ranks[len(known) :].sum() - num * (num + 1) / 2.0) / (len(known) * num))
