"""What decides between two quantised models."""

from __future__ import annotations

import math

import numpy as np
import pytest

from onnxnn.quantization.measures import Accuracy, Comparison, Values, Vectors


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


BEFORE = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]])
AFTER = np.array([[1, 0], [0.3, 0.9], [0, 1], [0.1, 0.9]])
"""Vectors of which the second moves from the first one to the others."""


@pytest.mark.parametrize("scale", [1.0, 7.0])
def test_neighbours_with_labels(scale):
    found = Vectors("x", "embedding").compare(BEFORE, scale * AFTER, np.array([0, 0, 1, 1]), 3.0)
    assert (found.measure, found.drop, found.max_drop, found.passed) == ("neighbours", 25.0, 3.0, False)
    assert (found.before["neighbour_accuracy"], found.after["neighbour_accuracy"]) == (1.0, 0.75)
    second = 0.9 * 0.3 + 0.1 * 0.9
    assert found.cosine == pytest.approx((3 + second / np.hypot(0.9, 0.1) / np.hypot(0.3, 0.9)) / 4)
    better = Vectors("x", "embedding").compare(AFTER, BEFORE, np.array([0, 0, 1, 1]), 3.0)
    assert better.drop == -25.0


def test_neighbours_without_labels():
    """Without labels the float file's neighbours are right: never a vector itself."""
    found = Vectors("x", "embedding").compare(BEFORE, AFTER, None, 3.0)
    assert (found.before["same_neighbour"], found.after["same_neighbour"], found.drop) == (1.0, 0.75, 25.0)
    assert Vectors("x", "embedding").compare(BEFORE, BEFORE, None, 3.0).drop == 0.0


@pytest.mark.parametrize(("labels", "drop"), [([0, 1, 1], 100 / 3), ([0, 1, 0], -100 / 3), (None, 100 / 3)])
def test_classes(labels, drop):
    before, after = np.eye(2)[[0, 1, 1]], np.eye(2)[[0, 1, 0]]
    found = Accuracy("x").compare(before, after, None if labels is None else np.array(labels), 0.5)
    assert found.drop == pytest.approx(drop)
    assert found.measure == ("agreement" if labels is None else "accuracy")


def test_one_score_is_decided_by_half():
    before, after = np.array([[0.4], [0.6], [0.9]]), np.array([[0.6], [0.6], [0.9]])
    assert Accuracy("x").compare(before, after, np.array([0, 1, 1]), 0.5).drop == pytest.approx(100 / 3)


def test_values():
    """R² = 1 - squared error / squared deviation from the mean, of each column; then their mean."""
    right = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    after = right + np.array([[0.0, 10.0], [0.0, 0.0], [1.0, 0.0]])
    found = Values("x").compare(right, after, right, 0.5)
    assert found.before == {"r2": 1.0, "mae": 0.0}
    assert found.after["r2"] == pytest.approx(((1 - 1 / 2) + (1 - 100 / 200)) / 2)
    assert found.after["mae"] == pytest.approx(11 / 6)
    assert found.drop == pytest.approx(50)
