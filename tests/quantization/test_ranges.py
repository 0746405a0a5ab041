"""The range that loses least: narrower than all numbers where few of them are large."""

from __future__ import annotations

import numpy as np
import pytest

from onnxnn.quantization.ranges import closest_range


def found(numbers):
    counts, edges = np.histogram(numbers, 2048, range=(-np.abs(numbers).max(), np.abs(numbers).max()))
    return closest_range(counts, edges, numbers.min(), numbers.max())


def error(numbers, low, high):
    scale = (high - low) / 255
    return np.square(np.round(np.clip(numbers, low, high) / scale) * scale - numbers).mean()


@pytest.mark.parametrize("kind", ["normal", "laplace", "relu", "negative"])
def test_the_error_is_at_most_that_of_all_numbers(kind):
    random = np.random.default_rng(0)
    numbers = random.laplace(size=100_000) if kind == "laplace" else random.standard_normal(100_000)
    if kind == "relu":
        numbers = np.maximum(numbers, 0)
    if kind == "negative":
        numbers = -np.abs(numbers)
    low, high = found(numbers)
    assert numbers.min() - 1e-6 <= low <= 0 <= high <= max(numbers.max(), 0) + 1e-6
    assert error(numbers, low, high) <= 1.01 * error(numbers, min(numbers.min(), 0), max(numbers.max(), 0))
    if kind == "laplace":
        assert high < numbers.max() * 0.9


def test_even_numbers_keep_their_range():
    numbers = np.random.default_rng(0).uniform(-1, 3, 100_000)
    low, high = found(numbers)
    assert low == pytest.approx(-1, abs=0.03)
    assert high == pytest.approx(3, abs=0.09)


def test_a_value_that_is_always_0():
    assert closest_range(np.array([0, 9, 0]), np.array([-1.0, -0.5, 0.5, 1.0]), 0.0, 0.0) == (0, 0)
