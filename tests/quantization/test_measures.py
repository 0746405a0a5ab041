"""What decides between two quantised models."""

from __future__ import annotations

import math

import pytest

from onnxnn.quantization.measures import Comparison


def found(drop, cosine=1.0):
    return Comparison("neighbours", {}, {}, drop, max_drop=3.0, cosine=cosine)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (found(2.0, 0.998), found(0.0, 0.995)),  # of few samples one neighbour is a point and more
        (found(0.5), found(1.0)),
        (found(-1.0), found(1.0)),
        (found(9.0), found(math.nan)),
        (found(0.0, 0.9), found(0.0, math.nan)),
    ],
)
def test_the_closer_vectors_come_first_and_then_the_smaller_drop(better, worse):
    assert better.loss < worse.loss


@pytest.mark.parametrize(
    ("comparison", "passed"),
    [
        (found(3.0, 0.99), True),
        (found(3.1, 0.99), False),
        (found(0.0, 0.989), False),
        (found(math.nan), False),
        (found(0.0, math.nan), False),
    ],
)
def test_what_passes(comparison, passed):
    assert comparison.passed == passed
