"""A gallery in an engine: searched there, and read from there where all entries are asked for."""

from __future__ import annotations

import contextlib
from typing import Iterator

import numpy as np

from onnxnn_runtime.errors import InputError

from .address import Address, parsed
from .asked import Asked
from .engine import Engine, Part
from .entries import Entries, Record, View
from .exact import best_of, products
from .hnsw import is_settled
from .manifest import About
from .results import Match, Matches

_MORE = 16
"""Candidates that are fetched beyond those that are wanted: equal scores have their order."""


def connected(address: Address, create: bool = False) -> Engine:
    """Return the engine of an address.

    Raises:
        ImportError: Its package is not installed.
        InputError: It cannot be opened.
    """
    if address.engine == "lancedb":
        from .lancedb_engine import LanceEngine  # here, because most galleries are in no engine

        return LanceEngine(address, create)
    from .qdrant_engine import QdrantEngine

    return QdrantEngine(address, create)


class EngineStore:
    """The entries of a table or collection.

    Args:
        address: lancedb://..., qdrant://..., ...

    Raises:
        ImportError: The package of the engine is not installed.
        MissingInputError: There is no such table.
        InputError: The address is wrong, the engine cannot be reached, or the table is no gallery.
    """

    path = None
    index = None

    def __init__(self, address: str) -> None:
        self._engine = connected(parsed(address))
        try:
            self.about: About = self._engine.about()
        except BaseException:
            self._engine.close()
            raise
        self._read: tuple[Entries, View] | None = None

    @property
    def where(self) -> str:
        """What messages call it."""
        return self._engine.where

    @property
    def entries(self) -> Entries:
        """Names and labels of all entries, which are read now where they were not before."""
        return self._all()[0]

    def view(self) -> View:
        """Return all entries, which are read now where they were not before."""
        return self._all()[1]

    def count(self) -> int:
        """Return the number of entries."""
        return self._engine.count(False)

    def has_labels(self) -> bool:
        """Return whether an entry has a label."""
        return self._engine.count(True) > 0

    def refresh(self) -> bool:
        """Forget what was read; return True, since engines do not say whether something has changed."""
        self._engine.latest()
        self._read = None
        return True

    def close(self) -> None:
        """End the connection."""
        self._engine.close()

    def matches(self, asked: Asked) -> list[Matches]:
        """Return the matches of each query."""
        total = self._engine.count(asked.labelled)
        return [
            self._matches_of(query, name, asked, total) for query, name in zip(asked.vectors, asked.names)
        ]

    def _matches_of(self, query: np.ndarray, name: str, asked: Asked, total: int) -> Matches:
        """Return the matches of a query, with scores computed as those of a gallery in a folder."""
        count = min(total, asked.k + _MORE)
        if not count:
            return Matches(name)
        while True:
            found = in_order(self._engine.nearest(query, count, asked.labelled, asked.exact))
            scores = products(query[np.newaxis], found.vectors)[0]
            if count >= total or is_settled(scores, asked.k, scores.min() if len(scores) else -np.inf):
                break
            count = min(total, count * 4)
        rows, rounded = best_of(scores, found.vectors, query, asked.k, asked.threshold)
        pairs = zip(rows.tolist(), rounded.tolist())
        return Matches(
            name, [Match(found.rows[row].name, score, found.rows[row].label) for row, score in pairs]
        )

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Refuse a change: what is in an engine is changed by pushing the gallery again.

        Raises:
            InputError: Always.
        """
        raise InputError.coded(
            "E-GALLERY-06",
            "{path}: expected a gallery in a folder, which can be changed, got one in an engine. Change the "
            "folder, and push it again.",
            path=self.where,
        )
        yield

    def append(self, record: Record, vectors: np.ndarray | None = None) -> None:
        """Refuse a change, as `writing` does."""
        with self.writing():
            return

    def _all(self) -> tuple[Entries, View]:
        if self._read is None:
            parts = list(self._engine.parts())
            rows = [row for part in parts for row in part.rows]
            empty = np.zeros((0, self.about.dimension), np.float32)
            found = in_order(Part(rows, np.concatenate([empty, *(part.vectors for part in parts)])))
            entries = Entries([row.name for row in found.rows], [row.label for row in found.rows])
            self._read = entries, entries.view(found.vectors)
        return self._read


def in_order(part: Part) -> Part:
    """Return entries in the order in which they were added."""
    order = sorted(range(len(part.rows)), key=lambda place: part.rows[place].position)
    return Part([part.rows[place] for place in order], part.vectors[order])
