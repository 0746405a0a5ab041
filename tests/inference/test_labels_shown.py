"""`print_result`, metrics and the runtime's `predict` name the same class."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch

from onnxnn import nn


def network(classes, outputs):
    """Return a network of one layer whose scores for [1, 0], [0, 1], ... are the classes in order."""
    model = nn(verbose=0)
    rows = np.arange(2 * len(classes)) % len(classes)
    model.load_dataset(np.eye(len(classes), dtype=np.float32)[rows], rows, classes=list(classes))
    model.add("linear", size=(len(classes), outputs), activation="softmax" if outputs > 1 else "sigmoid")
    with torch.no_grad():
        model.model[0].weight.copy_(torch.eye(outputs, len(classes)) * (5 if outputs > 1 else 0))
        model.model[0].bias.zero_()
    return model


@pytest.mark.parametrize("odd", ["7_1", "01", "٣", " 1", "1.0", "+2"])
def test_labels_that_only_look_like_integers_stay_texts(odd, tmp_path):
    model = network((odd, "12"), 2)
    one = model.inference(np.eye(2, dtype=np.float32))
    shown = model.print_result(one)
    assert [shown[0]["预测值"], shown[1]["预测值"]] == [odd, 12]
    model.export(tmp_path / "m.onnx")
    assert [p.label for p in rt.load(tmp_path / "m.onnx").predict(np.eye(2, dtype=np.float32))] == [odd, "12"]


def test_a_score_of_exactly_one_half_is_the_second_class_everywhere(tmp_path):
    model = network(("no", "yes"), 1)
    x = np.eye(2, dtype=np.float32)
    scores = model.inference(x)
    assert scores.ravel().tolist() == [0.5, 0.5]
    assert [row["预测值"] for row in model.print_result(scores).values()] == ["yes", "yes"]
    for loss in ("BCELoss", "MSELoss"):  # one sees the score before sigmoid, one after
        assert model.evaluate((x, np.array([1, 1])), loss=loss)["acc"] == 1
    model.export(tmp_path / "m.onnx")
    assert [p.label for p in rt.load(tmp_path / "m.onnx").predict(x)] == ["yes", "yes"]
