"""The report of a model that returns values."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.errors import DataError

from .figures import r2
from .shown import WORST

_POINTS = 1500
"""The most points of a plot; of more samples evenly spread ones stand for all."""


def predicted_values(
    names: Sequence[str], expected: np.ndarray, values: np.ndarray, card: ModelCard
) -> dict[str, object]:
    """Return the figures and lists of a report.

    Args:
        names: The name of each sample.
        expected: float64 (N, K), what the values should be.
        values: The same of the predictions.
        card: The model's card.

    Raises:
        DataError: There are other numbers of values.
    """
    found = np.asarray(values, np.float64).reshape(len(values), -1)
    if found.shape != expected.shape:
        raise DataError.coded(
            "E-DATA-06",
            "labels: expected values of shape (samples, {expected}), as the model returns them, got "
            "(samples, "
            "{got}). Give a value for each target.",
            expected=found.shape[1],
            got=expected.shape[1],
        )
    error = found - expected
    targets = [
        card.output.targets[i] if i < len(card.output.targets) else f"value {i}"
        for i in range(found.shape[1])
    ]
    each = r2(expected, found)
    spread = expected.std(axis=0)
    scaled = np.abs(error) / np.where(spread > 0, spread, 1)
    order = np.argsort(-scaled.max(axis=1), kind="stable")[:WORST].tolist()
    points = np.unique(np.linspace(0, len(found) - 1, min(_POINTS, len(found))).round().astype(np.int64))
    return {
        "samples": len(found),
        "r2": float(each.mean()),
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "targets": [
            {
                "name": target,
                "r2": float(each[i]),
                "mae": float(np.abs(error[:, i]).mean()),
                "rmse": float(np.sqrt((error[:, i] ** 2).mean())),
                "mean_error": float(error[:, i].mean()),
                "deviation": float(spread[i]),
                "points": [[float(expected[place, i]), float(found[place, i])] for place in points.tolist()],
            }
            for i, target in enumerate(targets)
        ],
        "worst": [
            {
                "name": names[place],
                "expected": dict(zip(targets, map(float, expected[place]))),
                "predicted": dict(zip(targets, map(float, found[place]))),
            }
            for place in order
        ],
    }
