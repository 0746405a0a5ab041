"""Ridge regression on one-hot labels, from the vectors themselves or from their second moments.

Both are around the mean of the vectors, X, and of the labels, Y, so that the intercept is not regularised:
the weights are (XᵀX + λ)⁻¹ XᵀY, and the hat matrix is H = 1 1ᵀ/n + X (XᵀX + λ)⁻¹ Xᵀ.
"""

from __future__ import annotations

from typing import Callable, Union

import numpy as np

_ZERO = 1e-11
"""Squared singular values, relative to the largest, below which a direction holds rounding errors alone."""

_STRENGTHS = np.logspace(-7, 1, 33)
"""Regularisation that is tried, relative to the largest squared singular value."""

_COARSE = 4
"""Where each trial takes long, every fourth comes first, and then those beside the best."""


class FromVectors:
    """By the singular values of the vectors.

    Args:
        around: X, float64 (N, D).
        answers: XᵀY, float64 (D, classes).
        total: ‖Y‖².

    Attributes:
        largest: The largest squared singular value; 0 where all vectors are the same.
    """

    def __init__(self, around: np.ndarray, answers: np.ndarray, total: float) -> None:
        _, singular, directions = np.linalg.svd(around, full_matrices=False)
        squares = singular**2
        self.largest = float(squares[:1].sum())
        kept = squares > self.largest * _ZERO
        self._squares, self._directions = squares[kept], directions[kept]
        self._answers = np.dot(self._directions, answers)
        self._power = (self._answers**2).sum(axis=1) / self._squares  # of Y in each direction of U
        self._outside = max(total - float(self._power.sum()), 0.0)
        self._count = len(around)

    def validation(self, strength: float) -> float:
        """Return the generalised cross-validation ‖(I - H)Y‖² / (1 - tr(H)/n)², but for a factor."""
        left = strength / (self._squares + strength)
        freedom = self._count - 1 - float((1 - left).sum())
        return (self._outside + float((left**2 * self._power).sum())) / max(freedom, 1e-12) ** 2

    def strength(self) -> float:
        """Return the regularisation whose validation is least."""
        return _least(self.validation, self.largest, 1)

    def weight(self, strength: float) -> np.ndarray:
        """Return the weights, float64 (classes, D)."""
        gains = self._answers / (self._squares + strength)[:, None]
        found: np.ndarray = np.dot(gains.T, self._directions)
        return found

    def leverage(self, around: np.ndarray, strength: float) -> np.ndarray:
        """Return the diagonal of H without 1/n, of vectors around the mean."""
        along = np.dot(around, self._directions.T)
        found: np.ndarray = (along**2 / (self._squares + strength)).sum(axis=1)
        return found


class FromMoments:
    """By the second moments of more vectors than are kept: little memory, and none for each vector.

    Args:
        moments: XᵀX, float64 (D, D); changed while it is used.
        answers: XᵀY, float64 (D, classes).
        total: ‖Y‖².
        count: How many vectors there are.

    Attributes:
        largest: The largest squared singular value; 0 where all vectors are the same.
    """

    def __init__(self, moments: np.ndarray, answers: np.ndarray, total: float, count: int) -> None:
        self._moments, self._answers, self._total, self._count = moments, answers, total, count
        self._diagonal = moments.diagonal().copy()
        self._squares = np.maximum(np.linalg.eigvalsh(moments), 0.0)
        self.largest = float(self._squares.max())

    def validation(self, strength: float) -> float:
        """Return the generalised cross-validation; see `FromVectors`."""
        weight = self._solved(self._answers, strength)
        left = self._total - float((weight * self._answers).sum()) - strength * float((weight**2).sum())
        freedom = self._count - 1 - float((self._squares / (self._squares + strength)).sum())
        return max(left, 0.0) / max(freedom, 1e-12) ** 2

    def strength(self) -> float:
        """Return the regularisation whose validation is least."""
        return _least(self.validation, self.largest, _COARSE)

    def weight(self, strength: float) -> np.ndarray:
        """Return the weights, float64 (classes, D)."""
        return self._solved(self._answers, strength).T

    def leverage(self, around: np.ndarray, strength: float) -> np.ndarray:
        """Return the diagonal of H without 1/n, of vectors around the mean."""
        found: np.ndarray = (around.T * self._solved(around.T, strength)).sum(axis=0)
        return found

    def _solved(self, right: np.ndarray, strength: float) -> np.ndarray:
        np.fill_diagonal(self._moments, self._diagonal + strength)
        found: np.ndarray = np.linalg.solve(self._moments, right)
        np.fill_diagonal(self._moments, self._diagonal)
        return found


Regression = Union[FromVectors, FromMoments]


def _least(validation: Callable[[float], float], largest: float, step: int) -> float:
    """Return the strength whose validation is least; 1 where all vectors are the same."""
    if not largest > 0:
        return 1.0
    tried = list(range(0, len(_STRENGTHS), step))
    values = {place: validation(float(_STRENGTHS[place]) * largest) for place in tried}
    best = min(tried, key=lambda place: values[place])
    for place in range(max(best - step + 1, 0), min(best + step, len(_STRENGTHS))):
        if place not in values:
            values[place] = validation(float(_STRENGTHS[place]) * largest)
    return float(_STRENGTHS[min(values, key=lambda place: values[place])]) * largest
