"""Heads in closed form on feature vectors: ridge regression on the classes, and class means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

import numpy as np

from .statistics import Statistics

_TEMPERATURES = np.logspace(-2, 1, 121)
"""Temperatures that are tried, relative to the mean distance between best and second score."""

_UNMEASURED = 0.25
"""The temperature by the same measure where no class has two images."""


@dataclass(frozen=True)
class Head:
    """A linear classifier: probabilities are softmax(weight (x - mean) + bias).

    Vectors of an encoder are often nearly alike; what they have in common would cost float32 its last digits.

    Args:
        mean: float32 (D,).
        weight: float32 (classes, D), divided by the temperature.
        bias: float32 (classes,), likewise.
        strength: How strongly it is regularised; 0 of class means.
        temperature: By what scores were divided, so that probabilities are calibrated.
        accuracy: Of the images, each classified without itself (leave-one-out), 0..1; None where no class has
            two.
        accuracies: The same by the index of the class, where it has two images.
    """

    mean: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    strength: float
    temperature: float
    accuracy: float | None
    accuracies: Mapping[int, float]

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Return the probability of each class, float64 (N, classes), of vectors (N, D)."""
        rows = np.asarray(vectors, np.float64) - self.mean
        return softmax(np.dot(rows, self.weight.T.astype(np.float64)) + self.bias)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return exp(logits), each row divided by its sum."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return found


def ridge(statistics: Statistics) -> Head:
    """Return ridge regression on one-hot labels, with an intercept that is not regularised.

    With the hat matrix H, the strength minimises the generalised cross-validation ‖(I - H)Y‖² / (1 -
    tr(H)/n)² (Golub, Heath, Wahba, Technometrics 1979). Scores without the vector itself are exact:
    y - (y - ŷ) / (1 - H_ii).

    Args:
        statistics: Of two classes or more.
    """
    found = statistics.regression()
    shares = np.array(statistics.counts, np.float64) / statistics.count
    strength = found.strength()
    weight = found.weight(strength)
    around = statistics.rows - statistics.mean
    scores = np.dot(around, weight.T) + shares
    leverage = 1 / statistics.count + found.leverage(around, strength)
    expected = np.eye(len(shares))[statistics.labels]
    without = expected - (expected - scores) / np.maximum(1 - leverage, 1e-9)[:, None]
    return _calibrated(statistics, weight, shares, strength, without)


def class_means(statistics: Statistics) -> Head:
    """Return the classifier by the nearest class mean: ‖x - m‖² is least where 2 m x - ‖m‖² is largest.

    Args:
        statistics: Of two classes or more.
    """
    statistics.settle()
    counts = np.array(statistics.counts, np.float64)
    means = statistics.sums / counts[:, None] - statistics.mean  # around the mean, as all that follows
    rows, labels = statistics.rows - statistics.mean, statistics.labels
    own, alone = counts[labels], counts[labels] == 1
    scores = 2 * np.dot(rows, means.T) - (means**2).sum(axis=1)
    others = (means[labels] * own[:, None] - rows) / np.maximum(own - 1, 1)[:, None]  # the mean without it
    own_score = 2 * (rows * others).sum(axis=1) - (others**2).sum(axis=1)
    scores[np.arange(len(rows)), labels] = np.where(alone, -np.inf, own_score)
    return _calibrated(statistics, 2 * means, -(means**2).sum(axis=1), 0.0, scores)


def _calibrated(
    statistics: Statistics, weight: np.ndarray, bias: np.ndarray, strength: float, without: np.ndarray
) -> Head:
    """Return a head whose temperature and accuracy follow from scores without the vector itself.

    Args:
        statistics: What it was computed from.
        weight, bias: Of the scores of vectors around their mean.
        strength: How strongly it was regularised.
        without: The scores of the vectors that are kept, each without itself.
    """
    counts, labels = np.array(statistics.counts), statistics.labels
    measured = counts[labels] > 1
    right = without.argmax(axis=1) == labels
    each = {
        index: float(right[labels == index].mean())
        for index, count in enumerate(statistics.counts)
        if count > 1
    }
    accuracy = sum(counts[index] * share for index, share in each.items()) / sum(counts) if each else None
    temperature = _temperature(without[measured], labels[measured])
    if temperature is None:
        scores = np.dot(statistics.rows - statistics.mean, weight.T) + bias
        temperature = _UNMEASURED * _margin(scores)
    return Head(
        statistics.mean.astype(np.float32),
        (weight / temperature).astype(np.float32),
        (bias / temperature).astype(np.float32),
        strength,
        temperature,
        accuracy,
        each,
    )


def _temperature(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """Return the temperature with the least cross entropy; None without scores.

    Targets are those of Platt (1999): one wrong answer among two more than there are counts as possible, so
    that a few images that are all right do not make certain.
    """
    if not len(scores):
        return None
    doubt = 1 / (len(scores) + 2)
    targets = np.full(scores.shape, doubt / max(scores.shape[1] - 1, 1))
    targets[np.arange(len(scores)), labels] = 1 - doubt
    best, chosen = np.inf, 1.0
    for temperature in _TEMPERATURES * _margin(scores):
        shifted = (scores - scores.max(axis=1, keepdims=True)) / temperature
        loss = float((np.log(np.exp(shifted).sum(axis=1)) - (targets * shifted).sum(axis=1)).mean())
        if loss < best:
            best, chosen = loss, float(temperature)
    return chosen


def _margin(scores: np.ndarray) -> float:
    """Return the mean distance between the best and the second score, above 0."""
    ordered = np.sort(scores, axis=1)
    margin = float((ordered[:, -1] - ordered[:, -2]).mean())
    return margin if np.isfinite(margin) and margin > 0 else 1.0


HEADS = {"ridge": ridge, "mean": class_means}
"""Every head by its name."""
