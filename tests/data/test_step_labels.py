"""Labels for each step of a sequence."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import DataError, InputError, TrainingError

from onnxnn import nn
from onnxnn.data import from_arrays
from onnxnn.data.options import ArrayOptions

HELLO = np.array([[0, 1, 2, 2, 3]])  # h e l l o


OHLOL = np.array([[3, 0, 2, 3, 2]])


def per_step(tmp_path, y, classes=None, outputs=4):
    torch.manual_seed(0)
    model = nn("cls", verbose=0, save_fold=str(tmp_path))
    model.load_dataset(np.repeat(HELLO, 4, 0), np.repeat(y, 4, 0), classes=classes)
    model.add("embedding", size=(4, 8))
    model.add("rnn", size=(8, 16))
    model.add("linear", size=(16, outputs), activation="softmax")
    return model


def test_classes_name_the_labels_of_each_step(tmp_path):
    model = per_step(tmp_path, OHLOL, classes=list("helo"))
    model.train(lr=0.05, epochs=60)
    model.inference(HELLO)
    assert "".join(model.print_result()[0]["预测值"]) == "ohlol"
    with pytest.raises(
        DataError, match=r"y: expected class indices 0\.\.1 for the named classes .*, got 0\.\.3"
    ):
        per_step(tmp_path, OHLOL, classes=["a", "b"])


def test_a_label_beyond_the_outputs(tmp_path):
    with pytest.raises(
        TrainingError, match=r"at least one output of the network for each class \(4 in all\), got 3"
    ):
        per_step(tmp_path, OHLOL, outputs=3).train(epochs=1)
    model = per_step(tmp_path, OHLOL)
    with pytest.raises(TrainingError, match="The last layer needs 9 outputs"):
        model.evaluate((HELLO, np.array([[8, 0, 2, 3, 2]])))


def test_tags_with_a_single_one_in_each_row_are_tags_where_the_classes_say_so():
    x, tags = np.array([[1, 2, 3], [3, 2, 1]]), np.array([[0, 1, 0], [1, 0, 0]])
    words = {word: number for number, word in enumerate("abcd")}
    data = from_arrays(x, tags, "cls", ArrayOptions(classes=["O", "NAME"], word2idx=words))
    assert np.array_equal(data.train.tensors()[1], tags)
    assert data.classes == ("O", "NAME")
    one_hot = from_arrays(x, tags, "cls", ArrayOptions(word2idx=words))
    assert one_hot.train.tensors()[1].tolist() == [1, 0]


def test_labels_for_each_step_as_floats_without_fraction():
    x = np.random.default_rng(0).normal(size=(2, 3, 5))
    data = from_arrays(x, np.array([[0.0, 1.0, 2.0], [2.0, 2.0, 0.0]]), "cls")
    assert data.train.tensors()[1].tolist() == [[0, 1, 2], [2, 2, 0]]
    values = from_arrays(x, np.array([[0.0, 1.0, 2.0], [2.0, 2.0, 0.0]]), "gen").train.tensors()[1]
    assert values.dtype == torch.float32


def test_sequences_of_different_length_into_an_output_for_each_step(tmp_path):
    model = per_step(tmp_path, OHLOL)
    with pytest.raises(InputError, match="make no one array"):
        model.inference([HELLO[0], HELLO[0, :3]])


def test_sequences_without_a_step(tmp_path):
    model = per_step(tmp_path, OHLOL)
    with pytest.raises(DataError, match="at least one step of each sequence"):
        model.load_dataset(np.zeros((4, 0), int), np.zeros(4, int))
    with pytest.raises(InputError, match="at least one step"):
        model.inference(np.zeros((1, 0), int))
    model.export(tmp_path / "steps.onnx")
    with pytest.raises(InputError, match="at least 1 along each axis"):
        rt.load(tmp_path / "steps.onnx").infer(np.zeros((1, 0), int))


@pytest.mark.parametrize(
    ("layers", "steps", "message"),
    [
        (
            [("gru", {"return_sequences": False})],
            9,
            r"got labels \(12, 9\), one for each step \(9\)\. Leave out .* return_sequences=False",
        ),
        ([("gru", {}), ("global_avgpool", {})], 9, r"one for each step \(9\)\. Leave out .*'global_avgpool'"),
        ([("gru", {})], 4, r"for each of its steps \(9\), got 4 labels for each"),
    ],
)
def test_labels_that_are_not_as_many_as_the_networks_steps(tmp_path, layers, steps, message):
    draw = np.random.default_rng(0)
    model = nn("cls", verbose=0, save_fold=str(tmp_path))
    model.load_dataset(draw.integers(0, 20, (12, 9)), draw.integers(0, 5, (12, steps)))
    model.add("embedding", size=(20, 8))
    for name, options in layers:
        model.add(name, **({"size": (8, 8)} if name == "gru" else {}), **options)
    model.add("linear", size=(8, 5), activation="softmax")
    with pytest.raises(TrainingError, match=message):
        model.train(epochs=1)
