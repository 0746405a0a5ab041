"""From rows and scores to matches, groups of duplicates and classes."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .entries import View
from .exact import products
from .results import Classification, Match, Matches

_ROWS = 256
"""Entries that are compared with all later ones at once."""


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
    for start in range(0, len(rows), _ROWS):
        block = rows[start : start + _ROWS]
        later = view.vectors[block[0] :]
        scores = products(np.asarray(view.vectors[block], np.float32), later).astype(np.float64)
        for row, values in zip(block.tolist(), np.clip(np.round(scores, 6), -1, 1)):
            if not is_free[row]:
                continue
            near = np.flatnonzero(values >= threshold) + block[0]
            near = near[(near > row) & is_free[near]]
            if len(near):
                near_scores = values[near - block[0]]
                order = np.argsort(-near_scores, kind="stable")
                found.append(matches_of(view, view.names[row], near[order], near_scores[order]))
                is_free[near] = False
    return found
