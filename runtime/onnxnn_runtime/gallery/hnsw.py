"""Approximate search of millions of vectors: a graph of neighbours (HNSW, Malkov and Yashunin 2018).

The graph finds candidates; their scores are those of exact search, from the gallery's own vectors, with the
same rounding, thresholds and order of equal scores. Rows that were added since are searched exactly, and
those that were removed are left out.
"""

from __future__ import annotations

import errno
import os
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator

import numpy as np

from onnxnn_runtime.arrays.numbers import check_integer, is_number, plain_number
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.atomic import flush_to_disk
from onnxnn_runtime.messages.shorten import printable, shortened

from .exact import SLACK, Found, best, best_of, products
from .index_facts import IndexFacts
from .packages import usearch

if TYPE_CHECKING:
    from typing_extensions import Protocol

    class Graph(Protocol):
        """An index of usearch."""

        expansion_search: int

        def search(self, vectors: np.ndarray, count: int, *, threads: int) -> Any:
            """Return keys and distances of the nearest vectors."""

        def save(self, path: str) -> object:
            """Write the graph to a file."""


NEIGHBOURS = 10
"""Of how many neighbours the recall is measured."""

_QUERIES = 500
"""Entries that are searched for to measure the recall."""

_WIDTHS = (32, 64, 128, 256, 512, 1024)
"""Candidates of a search that are tried until the recall is reached."""

_MOST = _WIDTHS[-1]

_BLOCK, _BLOCKS = 1 << 16, 32
_SAMPLED = 64
_ADDED = 10_000
"""Vectors that are added at once."""

_SHARE = 8
"""Where more than one row in so many would be a candidate, exact search is as fast."""


@dataclass(frozen=True)
class IndexOptions:
    """How an index is built.

    Args:
        recall: The share of the nearest neighbours that a search should find, above 0, up to 1.
        connectivity: Neighbours of each node of the graph.
        expansion_add: Candidates looked at when a node is added.

    Raises:
        InputError: An option is out of range.
    """

    recall: float = 0.98
    connectivity: int = 16
    expansion_add: int = 128

    def __post_init__(self) -> None:
        recall = plain_number(self.recall)
        if not (is_number(recall) and 0 < recall <= 1):
            raise InputError.coded(
                "E-INPUT-06",
                "recall={recall}: expected a share above 0, up to 1.",
                recall=shortened(self.recall),
            )
        check_integer("connectivity", self.connectivity)
        check_integer("expansion_add", self.expansion_add)
        for name, value, low, high in (
            ("connectivity", self.connectivity, 2, 512),
            ("expansion_add", self.expansion_add, 1, 1 << 16),
        ):
            if not low <= value <= high:
                raise InputError.coded(
                    "E-INPUT-06",
                    "{name}={value}: expected an integer in {low}..{high}.",
                    name=name,
                    value=value,
                    low=low,
                    high=high,
                )


class HnswIndex:
    """The graph of the first rows of a gallery's vectors.

    Args:
        graph: An index of usearch, whose keys are rows.
        rows: How many rows it was built from.
        width: Candidates that a search looks at.
    """

    def __init__(self, graph: Graph, rows: int, width: int) -> None:
        self._graph = graph
        self._rows = rows
        self._width = width
        graph.expansion_search = width

    def best(
        self,
        vectors: np.ndarray,
        queries: np.ndarray,
        k: int | None,
        threshold: float | None,
        removed: np.ndarray,
    ) -> Iterator[Found]:
        """Yield the best rows for each query; arguments and results are those of `exact.best`."""
        is_removed = np.zeros(len(vectors), bool)
        is_removed[removed] = True
        for query in queries:
            yield self._best_of(vectors, query, k, threshold, is_removed)

    def _best_of(
        self,
        vectors: np.ndarray,
        query: np.ndarray,
        k: int | None,
        threshold: float | None,
        is_removed: np.ndarray,
    ) -> Found:
        later = np.flatnonzero(~is_removed[self._rows :]) + self._rows
        later_scores = products(query[np.newaxis], vectors[self._rows :])[0][later - self._rows]
        count = len(vectors) if k is None else k + max(k, NEIGHBOURS)
        while count * _SHARE <= self._rows:
            keys = np.sort(self._graph.search(query, count, threads=1).keys.astype(np.int64))
            keys = keys[(keys >= 0) & (keys < self._rows)]  # as a file that nothing damaged has them
            keys = keys[~is_removed[keys]]
            scores = products(query[np.newaxis], vectors[keys])[0]
            all_scores = _finite(np.concatenate([scores, later_scores]))
            if is_settled(all_scores, k, all_scores[: len(keys)].min() if len(keys) else -np.inf):
                rows = np.concatenate([keys, later])
                return best_of(all_scores, vectors, query, k, threshold, rows)
            count *= 4
        return next(best(vectors, query[np.newaxis], k, threshold, np.flatnonzero(is_removed)))


def _finite(scores: np.ndarray) -> np.ndarray:
    """Return scores with -inf for those of damaged vectors, which are not found."""
    return np.where(np.isfinite(scores), scores, np.float32(-np.inf))


def is_settled(scores: np.ndarray, k: int | None, lowest: float) -> bool:
    """Return whether there are k scores that are above all that were not fetched.

    Args:
        scores: float32 (C,), those of the candidates.
        k: How many matches are wanted.
        lowest: The lowest score of the candidates that were fetched; others are not above it.
    """
    if k is None or len(scores) < k:
        return False
    return bool(np.partition(scores, -k)[-k] - lowest > SLACK)


def built_graph(
    vectors: np.ndarray, rows: np.ndarray, options: IndexOptions, report: Callable[[int, int], object]
) -> Graph:
    """Return a graph of rows of vectors; `report` is called with the number of rows done and of all."""
    graph = usearch().Index(
        ndim=vectors.shape[1],
        metric="ip",
        dtype="f16",
        connectivity=options.connectivity,
        expansion_add=options.expansion_add,
    )
    for start in range(0, len(rows), _ADDED):
        block = rows[start : start + _ADDED]
        graph.add(block, np.asarray(vectors[block], np.float32))
        report(start + len(block), len(rows))
    result: Graph = graph
    return result


def measured(graph: Graph, vectors: np.ndarray, removed: np.ndarray, wanted: float) -> tuple[int, float, int]:
    """Measure a graph against exact search for entries, which themselves are left out.

    Returns:
        The candidates of a search that reach the recall `wanted`, or else the most that are tried; the recall
        with them; and how many entries were searched for.
    """
    kept = np.ones(len(vectors), bool)
    kept[removed] = False
    rows = np.flatnonzero(kept)
    chosen = np.sort(np.random.RandomState(0).permutation(rows)[:_QUERIES])
    queries = np.asarray(vectors[chosen], np.float32)
    k = min(NEIGHBOURS + 1, len(rows))
    exact = [
        _without(found, row) for row, (found, _) in zip(chosen, best(vectors, queries, k, None, removed))
    ]
    width, recall = _WIDTHS[0], 1.0
    for width in _WIDTHS:
        index = HnswIndex(graph, len(vectors), width)
        found = index.best(vectors, queries, k, None, removed)
        hits = [len(_without(rows, row) & true) for row, (rows, _), true in zip(chosen, found, exact)]
        recall = sum(hits) / max(1, sum(map(len, exact))) if k > 1 else 1.0
        if recall >= wanted:
            break
    return width, recall, len(chosen)


def _without(rows: np.ndarray, row: int) -> set[int]:
    return set(rows[rows != row].tolist()[:NEIGHBOURS])


def write_index(folder: Path, facts: IndexFacts, vectors: np.ndarray, graph: Graph) -> IndexFacts:
    """Write a graph to its file, whole or not at all; return the facts with what the file is like.

    Raises:
        OSError: It cannot be written.
    """
    path = folder / facts.file
    part = folder / f".{facts.file}.{os.urandom(4).hex()}.part"
    try:
        try:
            graph.save(str(part))
        except RuntimeError as error:
            raise OSError(errno.EIO, str(error)) from error
        with open(str(part), "r+b") as file:
            flush_to_disk(file.fileno())
        os.replace(str(part), str(path))
    except BaseException:
        if part.exists():
            part.unlink()
        raise
    size = os.stat(str(path)).st_size
    crc = _vectors_crc(vectors[: facts.rows])
    return replace(facts, size=size, file_crc=_file_crc(path, size), vectors_crc=crc)


def open_index(folder: Path, facts: IndexFacts, vectors: np.ndarray, number: int) -> HnswIndex:
    """Map the file of an index into memory.

    Args:
        folder: The gallery.
        facts: What its manifest says of the index.
        vectors: Its vectors.
        number: The number of their file.

    Raises:
        InputError: The file is damaged or missing, or is of other vectors.
        ImportError: usearch is not installed.
    """
    path = folder / facts.file
    module = usearch()
    try:
        is_whole = os.stat(str(path)).st_size == facts.size and _file_crc(path, facts.size) == facts.file_crc
        belongs = number == facts.vectors and len(vectors) >= facts.rows and facts.expansion_search <= _MOST
        if not (is_whole and belongs and _vectors_crc(vectors[: facts.rows]) == facts.vectors_crc):
            raise _foreign(path)
        graph = module.Index.restore(str(path), view=True)
    except (OSError, RuntimeError) as error:
        raise _foreign(path) from error
    if graph is None or graph.ndim != vectors.shape[1]:
        raise _foreign(path)
    return HnswIndex(graph, facts.rows, facts.expansion_search)


def _file_crc(path: Path, size: int) -> int:
    """Return the CRC-32 of blocks of a file, the first and the last among them."""
    result = 0
    with open(str(path), "rb") as file:
        for start in np.unique(np.linspace(0, max(0, size - _BLOCK), _BLOCKS).astype(np.int64)).tolist():
            file.seek(start)
            result = zlib.crc32(file.read(_BLOCK), result)
    return result


def _vectors_crc(vectors: np.ndarray) -> int:
    rows = np.unique(np.linspace(0, max(0, len(vectors) - 1), _SAMPLED).astype(np.int64))
    return zlib.crc32(vectors[rows].tobytes() if len(vectors) else b"")


def _foreign(path: Path) -> InputError:
    return InputError.coded(
        "E-GALLERY-06",
        "{path}: expected the index of this gallery's vectors, got a damaged one or one of other vectors. "
        "Build it again with build_index() or `onnxnn gallery index`; search(exact=True) needs none.",
        path=printable(str(path)),
    )
