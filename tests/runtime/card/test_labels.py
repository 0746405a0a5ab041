"""Class names as results show them, and which class a score means."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.card.card import InputSpec, ModelCard, OutputSpec
from onnxnn_runtime.card.labels import best_classes, readable
from onnxnn_runtime.results import prediction


@pytest.mark.parametrize(
    ("name", "shown"),
    [("7", 7), ("-3", -3), ("0", 0), ("2019", 2019)]
    + [
        (text, text)
        for text in ("7_1", "01", "٣", " 1", "1 ", "+1", "-0", "1.0", "1e3", "", "9" * 5000, "猫")
    ],
)
def test_a_name_is_an_integer_only_where_it_is_exactly_that_text(name, shown):
    assert readable(name) == shown
    assert type(readable(name)) is type(shown)


def card(kind: str, classes: tuple[str, ...], shape: tuple[int | str, ...]) -> ModelCard:
    return ModelCard("cls", (), InputSpec("table", ("batch", 2)), OutputSpec(kind, shape, classes))


@pytest.mark.parametrize(("score", "label"), [(0.5, "yes"), (0.49999, "no"), (0.50001, "yes"), (0.0, "no")])
def test_a_binary_score_of_one_half_is_the_second_class(score, label):
    answer = prediction(card("binary", ("no", "yes"), ("batch", 1)), "x", np.float32([score]), 2)
    assert answer.label == label
    assert answer.score == pytest.approx(max(score, 1 - score))
    steps = prediction(card("binary", ("no", "yes"), ("batch", "time", 1)), "x", np.float32([[score]] * 2), 1)
    assert steps.label == [label, label]


def test_the_best_classes_come_first_and_the_first_of_equal_ones():
    output = OutputSpec("classes", ("batch", 3), ("a", "b", "c"))
    assert best_classes(output, np.float32([0.25, 0.5, 0.25]), 3) == [(1, 0.5), (0, 0.25), (2, 0.25)]
