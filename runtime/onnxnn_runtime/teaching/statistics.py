"""What must be known of feature vectors so that a head can be computed again when others come.

Of few vectors all are kept. Of more, the factor R of X = QR is: RᵀR = XᵀX, with which least squares come out
the same (Golub, Van Loan: Matrix Computations, 5.3), whatever the number of vectors; and a sample of them, on
which leave-one-out and the threshold of unknown inputs are measured.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from onnxnn_runtime.errors import InputError

SMALL_SIZE = 2048
"""The longest vectors of which any number can be learned from: R has that many rows and columns."""

_KEPT, _KEPT_OF_LONG = 2**20, 2**23
"""Numbers in the vectors that are kept: of those up to SMALL_SIZE, and of longer ones."""

_AT_ONCE = 128
"""Vectors that are taken in together."""

_ZERO = 1e-11
"""Squared singular values, relative to the largest, below which a direction holds rounding errors alone."""


@dataclass(frozen=True)
class Spectrum:
    """The singular values and directions of vectors around their mean, X - 1 meanᵀ = U diag(s) Vᵀ.

    Args:
        count: How many vectors there are, n.
        mean: float64 (D,).
        squares: s², float64 (r,), above 0.
        directions: Vᵀ, float64 (r, D).
        answers: Vᵀ Xᵀ Y with one-hot labels Y around their mean, float64 (r, classes).
        shares: The share of each class, float64 (classes,): the mean of Y.
    """

    count: int
    mean: np.ndarray
    squares: np.ndarray
    directions: np.ndarray
    answers: np.ndarray
    shares: np.ndarray


class Statistics:
    """Counts, sums and second moments of the feature vectors of each class.

    The order in which vectors come makes no difference, apart from rounding.

    Args:
        size: The length of a vector, D.

    Attributes:
        counts: How many vectors each class has.
        sums: Their sums, float64 (classes, D).
        rows: The vectors that are kept, float32 (N, D); all of them where `factor` is None.
        labels: Their class indices, int64 (N,).
        factor: R, float64 (up to D, D); None as long as all vectors are kept.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.counts: list[int] = []
        self.sums = np.zeros((0, size))
        self.rows = np.zeros((0, size), np.float32)
        self.labels = np.zeros(0, np.int64)
        self.factor: np.ndarray | None = None
        self._waiting: list[np.ndarray] = []
        self._waiting_labels: list[int] = []

    @property
    def most_rows(self) -> int:
        """How many vectors are kept at most; but one of each class is."""
        kept = _KEPT if self.size <= SMALL_SIZE else _KEPT_OF_LONG
        return max(kept // self.size, len(self.counts))

    def add_class(self) -> int:
        """Return the index of another class, without vectors yet."""
        self.counts.append(0)
        self.sums = np.concatenate([self.sums, np.zeros((1, self.size))])
        return len(self.counts) - 1

    def add(self, label: int, vectors: np.ndarray) -> None:
        """Take in vectors of a class.

        Args:
            label: Its index.
            vectors: float32 (N, D).

        Raises:
            InputError: They are longer than `SMALL_SIZE`, and too many to be kept.
        """
        self.counts[label] += len(vectors)
        self.sums[label] += vectors.sum(axis=0, dtype=np.float64)
        for row in vectors:
            self._waiting.append(np.array(row, np.float32))  # a copy: the batch may be reused
            self._waiting_labels.append(label)
        if len(self._waiting) >= _AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Take in what waits for others to come."""
        if not self._waiting:
            return
        news = np.stack(self._waiting)
        labels = np.array(self._waiting_labels, np.int64)
        self._waiting, self._waiting_labels = [], []
        self.rows = np.concatenate([self.rows, news])
        self.labels = np.concatenate([self.labels, labels])
        if self.factor is None and len(self.rows) <= self.most_rows:
            return
        if self.size > SMALL_SIZE:
            raise InputError.coded(
                "E-INPUT-10",
                "teach(): expected at most {most} images, since the feature vectors of this encoder have "
                "{size} numbers, got more. Take fewer images, or an encoder with vectors of up to {small} "
                "numbers.",
                most=self.most_rows,
                size=self.size,
                small=SMALL_SIZE,
            )
        whole = self.rows if self.factor is None else np.concatenate([self.factor, news])
        factor: np.ndarray = np.linalg.qr(whole.astype(np.float64, copy=False), mode="r")  # type: ignore[assignment]
        self.factor = factor
        kept = sample_of(self.rows, self.labels, self.most_rows)
        self.rows, self.labels = self.rows[kept], self.labels[kept]

    def spectrum(self) -> Spectrum:
        """Return what heads are computed from.

        Raises:
            InputError: As for `add`.
        """
        self.settle()
        count = sum(self.counts)
        shares = np.array(self.counts, np.float64) / count
        mean = self.sums.sum(axis=0) / count
        if self.factor is None:
            _, singular, directions = np.linalg.svd(self.rows - mean, full_matrices=False)
            squares = singular**2
        else:
            moments = np.dot(self.factor.T, self.factor)
            moments -= count * np.outer(mean, mean)
            squares, vectors = np.linalg.eigh(moments)
            squares, directions = squares[::-1], vectors.T[::-1]
        kept = squares > max(float(squares[:1].sum()), 0) * _ZERO
        squares, directions = squares[kept], directions[kept]
        moved = self.sums - count * np.outer(shares, mean)  # Xᵀ Y around both means, a row for each class
        return Spectrum(count, mean, squares, directions, np.dot(directions, moved.T), shares)


def sample_of(rows: np.ndarray, labels: np.ndarray, most: int) -> np.ndarray:
    """Return which vectors are kept: as many of each class as of the others, by their checksums.

    What is kept of a sample is what would be kept of all, so that the order in which they come does not
    count (bottom-k sampling, Cohen and Kaplan, PODC 2007).

    Args:
        rows: float32 (N, D).
        labels: int64 (N,).
        most: How many are kept at most; but one of each class is.
    """
    keys = np.array([zlib.crc32(row.tobytes()) for row in rows], np.int64)
    order = np.lexsort((keys, labels))
    starts = np.searchsorted(labels[order], labels[order])
    turns = np.arange(len(order)) - starts  # each vector's place among those of its class
    first = np.argsort(turns, kind="stable")[:most]
    return np.sort(order[first])
