"""What a gallery is searched for, and exact search for it."""

from __future__ import annotations

from typing import Callable, Iterator, NamedTuple, Sequence, Union

import numpy as np

from .entries import View
from .exact import Found, best
from .matching import matches_of
from .results import Matches

Searcher = Callable[
    [np.ndarray, np.ndarray, Union[int, None], Union[float, None], np.ndarray], Iterator[Found]
]
"""What finds the best rows, as `exact.best` does."""


class Asked(NamedTuple):
    """Queries, and which matches they want.

    Args:
        vectors: float32 (M, D) of unit length.
        names: The name of each query.
        k: How many matches at most.
        threshold: The lowest score, or None.
        exact: Whether no index may be used.
        labelled: Whether entries without a label do not count.
    """

    vectors: np.ndarray
    names: Sequence[str]
    k: int
    threshold: float | None = None
    exact: bool = False
    labelled: bool = False


def matches_in(view: View, asked: Asked, searcher: Searcher = best) -> list[Matches]:
    """Return the matches of each query among the entries of a view."""
    removed = view.removed
    if asked.labelled:
        removed = np.union1d(removed, np.array(_without_label(view), np.int64))
    found = searcher(view.vectors, asked.vectors, asked.k, asked.threshold, removed)
    return [matches_of(view, name, rows, scores) for name, (rows, scores) in zip(asked.names, found)]


def has_labels(view: View) -> bool:
    """Return whether an entry has a label."""
    return len(np.union1d(view.removed, np.array(_without_label(view), np.int64))) < len(view.vectors)


def _without_label(view: View) -> list[int]:
    return [row for row in range(len(view.vectors)) if view.labels[row] is None]
