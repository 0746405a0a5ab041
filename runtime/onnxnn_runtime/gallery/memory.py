"""A gallery in memory alone, until it is saved."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Iterator

import numpy as np

from onnxnn_runtime.messages.catalogue import gettext

from .asked import Asked, has_labels, matches_in
from .entries import Entries, Record, View
from .manifest import About
from .results import Matches

_FEW = 1000
"""Removed rows that are kept for the time being."""


class MemoryStore:
    """Entries and vectors that no file holds.

    Args:
        about: What the vectors are.
        entries: What there is.
        vectors: Their vectors (R, D), of the dtype that `about` says.
    """

    path = None
    index = None

    def __init__(
        self, about: About, entries: Entries | None = None, vectors: np.ndarray | None = None
    ) -> None:
        self.about = about
        self.entries = Entries() if entries is None else entries
        self._vectors = np.zeros((0, about.dimension), about.dtype) if vectors is None else vectors
        self._view = self.entries.view(self._vectors)

    @property
    def where(self) -> str:
        """What messages call it."""
        return gettext("gallery")

    def view(self) -> View:
        """Return what there is now."""
        return self._view

    def count(self) -> int:
        """Return the number of entries."""
        return len(self._view.vectors) - len(self._view.removed)

    def has_labels(self) -> bool:
        """Return whether an entry has a label."""
        return has_labels(self._view)

    def matches(self, asked: Asked) -> list[Matches]:
        """Return the matches of each query."""
        return matches_in(self._view, asked)

    def refresh(self) -> bool:
        """Return False: nobody else changes it."""
        return False

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Changes happen within this block, and are seen when it ends."""
        try:
            yield
        finally:
            if len(self.entries.removed) > max(_FEW, len(self.entries)):
                self._compact()
            self._view = self.entries.view(self._vectors[: len(self.entries.names)])

    def _compact(self) -> None:
        """Forget the rows of removed entries; what views hold stays as it is."""
        before = self.entries
        rows = [row for row in range(len(before.names)) if row not in before.removed]
        files = [before.file_of(row) for row in rows]
        names, labels = [before.names[row] for row in rows], [before.labels[row] for row in rows]
        self.entries = Entries(names, labels, lambda: files)
        self._vectors = self._vectors[rows]

    def append(self, record: Record, vectors: np.ndarray | None = None) -> None:
        """Change the entries, and add the vectors (N, D) of unit length of those that are new."""
        if vectors is not None and len(vectors):
            if not self.about.dimension:
                self.about = replace(self.about, dimension=vectors.shape[1])
                self._vectors = np.zeros((0, vectors.shape[1]), self.about.dtype)
            start = len(self.entries.names)
            needed = start + len(vectors)
            if needed > len(self._vectors):
                grown = np.empty((max(needed, start + start // 2), vectors.shape[1]), self.about.dtype)
                grown[:start] = self._vectors[:start]
                self._vectors = grown
            self._vectors[start:needed] = vectors
        self.entries.apply(record)
