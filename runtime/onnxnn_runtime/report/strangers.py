"""How well a model that can say "unknown" notices samples of other classes.

The distances are those of `onnxnn_runtime.unknown`, in thresholds: above 1 the answer is "unknown".
"""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np

from .figures import auroc, share

MOST_FAMILIAR = 12
"""Strangers that look most like the training samples that are listed."""

BINS = 24
"""Bars of the drawing of distances."""

_CLEAR = 3.0
"""Distances beyond so many thresholds stand in the last bar."""


def strangers_found(
    known: Sequence[float], strange: Sequence[float], names: Sequence[str]
) -> dict[str, object]:
    """Return the figures of a report.

    Args:
        known: The distance of each test sample to the training samples, in thresholds; at least one.
        strange: That of each stranger; at least one.
        names: The names of the strangers.
    """
    near, far = np.asarray(known, np.float64), np.asarray(strange, np.float64)
    edges = np.linspace(0, _CLEAR, BINS + 1)
    familiar = np.argsort(far, kind="stable")[:MOST_FAMILIAR].tolist()
    return {
        "strangers": len(far),
        "auroc": auroc(near, far),
        "known_accepted": share(near <= 1),
        "strangers_noticed": share(far > 1),
        "known_distances": np.histogram(np.minimum(near, _CLEAR), edges)[0].tolist(),
        "stranger_distances": np.histogram(np.minimum(far, _CLEAR), edges)[0].tolist(),
        "edges": edges.tolist(),
        "most_familiar": [{"name": names[place], "distance": float(far[place])} for place in familiar],
    }


def familiar_of(facts: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the strangers that a page shows."""
    found = facts.get("unknown")
    listed = found.get("most_familiar") if isinstance(found, Mapping) else None
    return listed if isinstance(listed, list) else []
