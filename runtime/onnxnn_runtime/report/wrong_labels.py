"""Labels that are probably wrong, by confident learning.

Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels". A class
counts for a sample where its probability reaches the mean probability that the samples with this label have
for it. A label is doubted where the most probable class that counts is another one, and the model does not
predict the label either.
"""

from __future__ import annotations

import numpy as np


def doubted(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples whose label is probably wrong, the most doubtful first.

    Args:
        probabilities: float (N, classes), of a model that did not learn from these samples.
        labels: int64 (N,), class indices.

    Returns:
        (places int64 (M,), the class that each of them probably is, int64 (M,)).
    """
    scores = np.asarray(probabilities, np.float64)
    support = np.bincount(labels, minlength=scores.shape[1])
    own = scores[np.arange(len(labels)), labels]
    totals = np.bincount(labels, own, minlength=scores.shape[1])
    thresholds = np.where(support > 0, totals / np.maximum(support, 1), np.inf)
    confident = np.where(scores >= thresholds, scores, -np.inf)
    likely = confident.argmax(axis=1)
    is_doubted = np.isfinite(confident.max(axis=1)) & (likely != labels) & (scores.argmax(axis=1) != labels)
    places = np.flatnonzero(is_doubted)
    margin = own[places] - scores[places, likely[places]]
    order = np.argsort(margin, kind="stable")
    return places[order], likely[places][order]
