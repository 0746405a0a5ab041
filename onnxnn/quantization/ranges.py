"""The range of a value for which rounding and clipping together lose least.

A wide range rounds all numbers coarsely for the sake of a few large ones. Of the ranges within that of the
calibration samples, the one is taken whose mean squared error on their histogram is smallest: Nagel et al.
2021 ("A White Paper on Neural Network Quantization", arXiv:2106.08295, section 3.1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_LEVELS = 255
"""Steps of 8 bits."""

_SHARES = np.linspace(0.3, 1, 36)
"""The shares of each end that are tried."""


def closest_range(counts: Array, edges: Array, low: float, high: float) -> tuple[np.float32, np.float32]:
    """Return the range with the smallest mean squared error; it holds 0.

    Args:
        counts: How many numbers lie in each bin (B,).
        edges: The edges of the bins (B + 1,), rising.
        low: The smallest number.
        high: The largest one.
    """
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    middles = (edges[:-1] + edges[1:]) / 2
    weights = np.asarray(counts, np.float64) * ((edges[:-1] > 0) | (edges[1:] < 0))  # 0 itself is exact
    lows, highs = (end * _SHARES if end else np.zeros(1) for end in (low, high))
    below = np.array([weights @ np.square(np.maximum(end - middles, 0)) for end in lows])
    above = np.array([weights @ np.square(np.maximum(middles - end, 0)) for end in highs])
    steps = (highs[np.newaxis] - lows[:, np.newaxis]) / _LEVELS
    error = below[:, np.newaxis] + above + weights.sum() * np.square(steps) / 12
    best = np.unravel_index(error.argmin(), error.shape)
    return np.float32(lows[best[0]]), np.float32(highs[best[1]])
