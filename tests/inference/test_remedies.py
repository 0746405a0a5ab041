"""Errors about data say what to give instead, in both languages."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.errors import OnnxnnError

from onnxnn import nn

X, Y = np.eye(6, 4, dtype=np.float32), np.arange(6) % 2

CALLS = {
    "samples without labels": lambda model: model.evaluate(X),
    "no data": lambda model: model.evaluate(5),
    "no labels": lambda model: model.evaluate((X, None)),
    "too few labels": lambda model: model.evaluate((X, Y[:3])),
    "no labels to train on": lambda model: model.load_dataset(X, None),
    "too few labels to train on": lambda model: model.load_dataset(X, Y[:3]),
    "too few columns": lambda model: model.inference(X[:, :3]),
    "too many axes": lambda model: model.inference(np.zeros((2, 4, 4))),
    "no path": lambda model: model.load_img_data(3),
}


@pytest.fixture(scope="module")
def model():
    network = nn("cls", verbose=0)
    network.load_dataset(X, Y)
    network.add("linear", size=(4, 2), activation="softmax")
    return network


@pytest.mark.parametrize(("language", "remedy"), [("en", r"\. Give .*\. \[E-"), ("zh", "。请.*。 ?\\[E-")])
@pytest.mark.parametrize("name", CALLS)
def test_an_error_about_data_says_what_to_give(model, monkeypatch, name, language, remedy):
    monkeypatch.setenv("ONNXNN_LANG", language)
    with pytest.raises(OnnxnnError, match=remedy):
        CALLS[name](model)


def test_evaluate_says_how_labels_are_given(model):
    with pytest.raises(OnnxnnError, match=r"Give the samples with their labels: evaluate\(\(x, y\)\)\."):
        model.evaluate(X)
