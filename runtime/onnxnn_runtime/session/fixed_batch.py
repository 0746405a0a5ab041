"""Graphs that take a fixed number of samples at once: any number goes through them in parts."""

from __future__ import annotations

from typing import Callable, Dict, Mapping

import numpy as np

from .states import Described

Feeds = Dict[str, np.ndarray]


def any_batch(inputs: Described, size: int) -> Described:
    """Return inputs whose first axis, where it is the fixed batch, may have any size."""
    return {
        name: (dtype, ("batch", *shape[1:]) if shape[:1] == (size,) else shape)
        for name, (dtype, shape) in inputs.items()
    }


def in_parts(
    feeds: Mapping[str, np.ndarray], size: int, run: Callable[[Feeds], list[np.ndarray]]
) -> list[np.ndarray]:
    """Run a graph on samples, as many at once as it takes; copies of the last one fill the last part.

    Args:
        feeds: The samples, batch axis first, the same number in each.
        size: How many the graph takes.
        run: Returns outputs, one row for each sample.

    Returns:
        The outputs for all samples.
    """
    number = len(next(iter(feeds.values())))
    results = []
    for start in range(0, number, size):
        count = min(size, number - start)
        part = {name: _filled(array[start : start + size], size) for name, array in feeds.items()}
        results.append([values[:count] for values in run(part)])
    return results[0] if len(results) == 1 else [np.concatenate(values) for values in zip(*results)]


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    missing = size - len(array)
    return array if missing == 0 else np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])
