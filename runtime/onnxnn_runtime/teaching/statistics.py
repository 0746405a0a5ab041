"""What must be known of feature vectors so that a head can be computed again when others come.

Of few vectors all are kept. Of more, their second moments XᵀX, from which least squares come out the same
whatever the number of vectors, and a sample of them, on which leave-one-out and unknown inputs are measured.
"""

from __future__ import annotations

import zlib

import numpy as np

from onnxnn_runtime.errors import InputError

from .regression import FromMoments, FromVectors, Regression

SMALL_SIZE = 2048
"""The longest vectors of which any number can be learned from: their moments are a square of that side."""

_KEPT, _KEPT_OF_LONG = 2**20, 2**23
"""Numbers in the vectors that are kept: of those up to SMALL_SIZE, and of longer ones."""

_SAMPLED = 2**18
"""Numbers in those of them that are kept beside the moments, as a sample."""

_AT_ONCE = 128
"""Vectors that are taken in together."""


class Statistics:
    """Counts, sums and second moments of the feature vectors of each class.

    The order in which vectors come makes no difference, apart from rounding.

    Args:
        size: The length of a vector, D.

    Attributes:
        counts: How many vectors each class has.
        sums: Their sums, float64 (classes, D).
        rows: The vectors that are kept, float32 (N, D); all of them where `moments` is None.
        labels: Their class indices, int64 (N,).
        moments: XᵀX, float64 (D, D); None as long as all vectors are kept.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.counts: list[int] = []
        self.sums = np.zeros((0, size))
        self.rows = np.zeros((0, size), np.float32)
        self.labels = np.zeros(0, np.int64)
        self.moments: np.ndarray | None = None
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
        if self.moments is None and len(self.rows) <= self.most_rows:
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
        if self.moments is None:
            self.moments, news = np.zeros((self.size, self.size)), self.rows
        _add_moments(self.moments, news)
        most = max(min(_SAMPLED // self.size, self.most_rows), len(self.counts))
        kept = sample_of(self.rows, self.labels, most)
        self.rows, self.labels = self.rows[kept], self.labels[kept]

    @property
    def count(self) -> int:
        """How many vectors there are."""
        return sum(self.counts)

    @property
    def mean(self) -> np.ndarray:
        """The mean of all vectors, float64 (D,)."""
        mean: np.ndarray = self.sums.sum(axis=0) / self.count
        return mean

    def regression(self) -> Regression:
        """Return what weights are computed from.

        Raises:
            InputError: As for `add`.
        """
        self.settle()
        counts, mean = np.array(self.counts, np.float64), self.mean
        answers = (self.sums - counts[:, None] * mean).T
        total = float((counts * (1 - counts / self.count)).sum())
        if self.moments is None:
            return FromVectors(self.rows - mean, answers, total)
        around = self.moments.copy()
        for place in range(self.size):  # row by row: the whole product would take as much memory again
            around[place] -= self.count * mean[place] * mean
        return FromMoments(around, answers, total, self.count)


def _add_moments(moments: np.ndarray, rows: np.ndarray) -> None:
    """Add rowsᵀ rows, a part at a time, which takes little memory."""
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE].astype(np.float64)
        for place in range(0, len(moments), _AT_ONCE):
            moments[place : place + _AT_ONCE] += np.dot(part[:, place : place + _AT_ONCE].T, part)


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
