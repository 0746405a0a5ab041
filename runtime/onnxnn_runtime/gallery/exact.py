"""Exact search: the products of queries and all vectors, and the largest of them."""

from __future__ import annotations

from typing import Iterator, Tuple

import numpy as np

Found = Tuple[np.ndarray, np.ndarray]
"""int64 rows and float64 scores of one query, the best first."""

DECIMALS = 6
"""Scores are rounded to these, which float32 holds, so that vectors that are equal have equal scores."""

SLACK = 2.0 * 10.0**-DECIMALS
"""How far below the k-th score one may lie that is equal to it when it is rounded."""

_MOST_SCORES = 1 << 24
"""Scores in memory at once: 64 MiB."""

_CONVERTED = 1 << 21
"""Numbers that are converted to another type at once: 8 MiB of float32."""


_PRECISE = 1024
"""Vectors that are converted to float64 at once."""


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return float32 vectors (N, D) of length 1; those of length zero stay zero."""
    result = np.empty(vectors.shape, np.float32)
    rows = max(1, _CONVERTED // max(1, vectors.shape[1]))
    for start in range(0, len(vectors), rows):
        wide = vectors[start : start + rows].astype(np.float64)
        length = np.sqrt(np.square(wide).sum(axis=1, keepdims=True))
        result[start : start + rows] = wide / np.where(length == 0, 1, length)
    return result


def best(
    vectors: np.ndarray, queries: np.ndarray, k: int | None, threshold: float | None, removed: np.ndarray
) -> Iterator[Found]:
    """Yield the best rows for each query.

    Args:
        vectors: float32 or float16 (R, D) of unit length.
        queries: float32 (M, D) of unit length.
        k: How many at most; None for all.
        threshold: The lowest score, itself included; None for any.
        removed: int64, rows that are left out.
    """
    if not len(vectors):
        nothing = np.zeros(0, np.int64), np.zeros(0, np.float32)
        yield from [nothing] * len(queries)
        return
    many = max(1, _MOST_SCORES // max(1, len(vectors)))
    for start in range(0, len(queries), many):
        scores = products(queries[start : start + many], vectors)
        if not np.isfinite(scores.sum(dtype=np.float64)):
            scores[~np.isfinite(scores)] = -np.inf
        if len(removed):
            scores[:, removed] = -np.inf
        for row, query in zip(scores, queries[start : start + many]):
            yield best_of(row, vectors, query, k, threshold)


def products(queries: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return queries (M, D) times vectors (R, D), float32 (M, R); float32 vectors are not copied.

    Those of float16, whose rounding changed their length, are scaled to length 1.
    """
    result = np.empty((len(queries), len(vectors)), np.float32)
    whole = vectors.dtype == np.float32
    rows = max(1, len(vectors) if whole else _CONVERTED // max(1, vectors.shape[1]))
    with np.errstate(all="ignore"):  # a file of vectors that something else changed
        for start in range(0, len(vectors), rows):
            block = vectors[start : start + rows].astype(np.float32, copy=False)
            np.matmul(queries, block.T, out=result[:, start : start + rows])
            if not whole:
                result[:, start : start + rows] /= _lengths(block)
    return result


def best_of(
    scores: np.ndarray,
    vectors: np.ndarray,
    query: np.ndarray,
    k: int | None,
    threshold: float | None,
    rows: np.ndarray | None = None,
) -> Found:
    """Return the best of one query's scores; of equal ones those of the first rows.

    The scores that are returned are computed again in float64: a product in float32 depends in its last
    digits on what else is multiplied with it.

    Args:
        scores: float32 (C,), the products of the query and vectors, -inf for those that are left out.
        vectors: float32 or float16 (R, D) of unit length.
        query: float32 (D,) of unit length.
        k: How many at most; None for all.
        threshold: The lowest score, itself included; None for any.
        rows: int64 (C,), increasing, whose scores these are; None for those of all vectors.
    """
    most = int(np.count_nonzero(scores > -np.inf))
    num = most if k is None else min(k, most)
    if not num:
        return np.zeros(0, np.int64), np.zeros(0, np.float64)
    if num < len(scores):
        lowest = scores[np.argpartition(scores, -num)[-num:]].min()
        candidates = np.flatnonzero(scores >= lowest - SLACK)
    else:
        candidates = np.arange(len(scores))
    candidates = candidates[scores[candidates] > -np.inf]
    found = candidates if rows is None else rows[candidates]
    rounded = np.clip(np.round(_precise(vectors, found, query), DECIMALS), -1, 1)
    order = np.argsort(-rounded, kind="stable")[:num]
    if threshold is not None:
        order = order[rounded[order] >= threshold]
    return found[order], rounded[order]


def _precise(vectors: np.ndarray, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Return the products of some vectors, of length 1, and a query, float64."""
    wide = query.astype(np.float64)
    found = np.empty(len(rows))
    for start in range(0, len(rows), _PRECISE):
        block = vectors[rows[start : start + _PRECISE]]
        block = block if block.dtype == np.float32 else unit(block)
        found[start : start + _PRECISE] = block.astype(np.float64) @ wide
    return found


def _lengths(vectors: np.ndarray) -> np.ndarray:
    """Return the length of each of some vectors (R, D); 1 for those of length zero."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.where(lengths == 0, 1, lengths)
