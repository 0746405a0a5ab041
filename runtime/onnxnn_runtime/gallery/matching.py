"""From rows and scores to matches, groups of duplicates and classes."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .entries import View
from .exact import DECIMALS, products, unit
from .results import Classification, Match, Matches

_ROWS = 256
"""Entries that are compared with all later ones at once, at most."""

_SCORES = 1 << 24
"""Scores in memory at once: 64 MiB."""


def matches_of(view: View, query: str, rows: np.ndarray, scores: np.ndarray) -> Matches:
    """Return rows and scores as matches of a query."""
    pairs = zip(rows.tolist(), scores.tolist())
    return Matches(query, [Match(view.names[row], score, view.labels[row]) for row, score in pairs])


def classified(matches: Matches) -> Classification:
    """Return the label of a query by its neighbours, which all have one."""
    votes = Counter(str(each.label) for each in matches)
    similarity: Counter[str] = Counter()
    for each in matches:
        similarity[str(each.label)] += each.score  # type: ignore[assignment]  # sums of floats
    order = sorted(votes, key=lambda label: (-votes[label], -similarity[label]))
    top = tuple((label, votes[label] / len(matches)) for label in order)
    return Classification(matches.query, *top[0], top, matches)


def groups(view: View, threshold: float) -> list[Matches]:
    """Return groups of entries that are at least as similar to their first one as the threshold says."""
    rows = view.rows
    is_free = np.ones(len(view.vectors), bool)
    is_free[view.removed] = False
    found = []
    size = max(1, min(_ROWS, _SCORES // max(1, len(view.vectors))))
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        block = block[is_free[block]]
        if not len(block):
            continue
        first = view.vectors[block]
        queries = first if first.dtype == np.float32 else unit(first)
        scores = products(queries, view.vectors[block[0] :])
        for row, several in zip(block.tolist(), scores):
            if not is_free[row]:
                continue
            values = np.clip(np.round(several.astype(np.float64), DECIMALS), -1, 1)
            near = np.flatnonzero(values >= threshold) + block[0]
            near = near[(near > row) & is_free[near]]
            if len(near):
                near_scores = values[near - block[0]]
                order = np.argsort(-near_scores, kind="stable")
                found.append(matches_of(view, view.names[row], near[order], near_scores[order]))
                is_free[near] = False
    return found
