"""Checkpoints: custom modules, standardisation, and training that continues."""

from __future__ import annotations

import json

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import (
    CheckpointError,
    LayerError,
)
from support.iris import iris_model

from onnxnn import nn
from onnxnn.checkpoint import checkpoint


class Doubled(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(4, 3)

    def forward(self, x):
        return 2 * self.inner(x)


def test_a_custom_module_is_added_before_its_checkpoint_is_loaded(iris, tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_tab_data(str(iris / "train.csv"))
    model.add(Doubled())
    model.add(activation="softmax")
    model.train(lr=0.01, epochs=1)
    expected = model.inference([[5.1, 3.5, 1.4, 0.2]])
    with pytest.raises(LayerError, match=r"call model.add\(Doubled\(...\)\) before loading"):
        nn(verbose=0).load(tmp_path / "basenn.pth")
    fresh = nn(verbose=0)
    fresh.add(Doubled())
    fresh.add(activation="softmax")
    fresh.load(tmp_path / "basenn.pth")
    np.testing.assert_array_equal(fresh.inference([[5.1, 3.5, 1.4, 0.2]]), expected)


def test_a_custom_module_may_be_added_before_the_data(iris, tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.add(Doubled())
    model.add(activation="softmax")
    model.load_tab_data(str(iris / "train.csv"))
    assert [name for name, _ in model.model.named_children()] == ["Doubled1", "softmax2"]


def test_standardised_columns_travel_with_the_network(iris, tmp_path):
    model = iris_model(iris, tmp_path, standardize=True)
    model.train(lr=0.05, epochs=30)
    raw = [[5.1, 3.5, 1.4, 0.2]]
    loaded = nn(verbose=0)
    np.testing.assert_array_equal(
        loaded.inference(raw, checkpoint=tmp_path / "basenn.pth"), model.inference(raw)
    )
    loaded.export(tmp_path / "iris.onnx")
    np.testing.assert_allclose(
        rt.load(tmp_path / "iris.onnx").infer(np.float32(raw)), model.inference(raw), atol=1e-5
    )


def test_standardised_data_continues_with_a_checkpoints_own_layers(iris, tmp_path):
    iris_model(iris, tmp_path, standardize=True).train(lr=0.01, epochs=2)
    again = nn("cls", verbose=0, save_fold=str(tmp_path / "again"))
    again.load_tab_data(str(iris / "train.csv"), batch_size=120, standardize=True)
    with pytest.raises(LayerError, match="no layers yet"):
        again.inference([[5.0, 3.0, 1.0, 0.2]])
    history = again.train(epochs=1, checkpoint=tmp_path / "basenn.pth")
    assert [row["epoch"] for row in history] == [1, 2, 3]


@pytest.mark.parametrize("way", ["load, data", "data, load", "train(checkpoint)"])
def test_tables_of_integers_are_tokens_to_a_checkpoint_that_reads_them(tmp_path, way):
    x = np.random.default_rng(0).integers(1, 9, (30, 6))
    y = (x == 3).any(axis=1).astype(int)
    model = nn("cls", verbose=0, save_fold=str(tmp_path))
    model.load_dataset(x, y)
    model.add("embedding", size=(9, 4))
    model.add("global_avgpool")
    model.add("linear", size=(4, 2), activation="softmax")
    model.train(epochs=1)
    again = nn("cls", verbose=0, save_fold=str(tmp_path / "again"))
    if way == "load, data":
        again.load(tmp_path / "basenn.pth")
    again.load_dataset(x, y)
    if way == "data, load":
        again.load(tmp_path / "basenn.pth")
    source = tmp_path / "basenn.pth" if way == "train(checkpoint)" else None
    again.train(lr=1e-12, epochs=1, checkpoint=source)
    np.testing.assert_allclose(again.inference(x), model.inference(x), atol=1e-6)


def test_training_continues_with_a_checkpoints_own_layers(iris, tmp_path):
    iris_model(iris, tmp_path).train(lr=0.01, epochs=2)
    fresh = nn(verbose=0, save_fold=str(tmp_path))
    fresh.load_tab_data(str(iris / "train.csv"), batch_size=120)
    history = fresh.train(epochs=3, checkpoint=tmp_path / "basenn.pth")
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]


def test_saving_and_loading_keeps_the_numbers(iris, tmp_path):
    model = iris_model(iris, tmp_path)
    model.save(tmp_path / "mine.pth")
    loaded = nn(verbose=0)
    loaded.load(tmp_path / "mine.pth")
    np.testing.assert_array_equal(loaded.inference([[1, 2, 3, 4]]), model.inference([[1, 2, 3, 4]]))
    loaded.add("linear", size=(3, 2))
    assert list(loaded.model.state_dict())[-1] == "linear4.bias"


def test_how_it_was_trained_travels_with_the_network_as_it_is(iris, tmp_path):
    model = iris_model(iris, tmp_path)
    assert model.card().training == {}
    model.train(lr=0.01, epochs=2)
    model.export(tmp_path / "two.onnx")
    assert rt.load(tmp_path / "two.onnx").card.training["epochs"] == 2
    assert model.card().training == checkpoint.load(tmp_path / "basenn.pth").card.training
    again = nn("cls", verbose=0)
    again.load(tmp_path / "basenn.pth")
    assert again.card().training["epochs"] == 2
    again.load_tab_data(str(iris / "train.csv"))
    again.train(lr=0.01, epochs=3, save_fold=str(tmp_path / "more"))
    assert again.card().training["epochs"] == 3
    assert checkpoint.load(again.save(tmp_path / "saved.pth")).card.training["settings"]["lr"] == 0.01
    again.add("linear", size=(3, 3))
    assert again.card().training == {}, "a layer that has learned nothing"


@pytest.mark.parametrize("damage", ["weights", "sample", "layers"])
def test_a_checkpoint_that_contradicts_itself_changes_nothing(tmp_path, damage):
    other = nn("cls", verbose=0)
    other.add("linear", size=(2, 5), activation="softmax")
    other.save(tmp_path / "other.pth")
    content = torch.load(tmp_path / "other.pth", weights_only=True)
    if damage == "weights":
        content["state_dict"]["linear1.weight"] = torch.zeros(5, 7)
    elif damage == "layers":
        content["card"] = json.dumps({**json.loads(content["card"]), "network": []})
    else:
        content["training"].pop("sample")
    torch.save(content, tmp_path / "damaged.pth")
    model = nn("cls", verbose=0)
    model.add("linear", size=(3, 2), activation="softmax")
    before = model.inference(np.ones((1, 3), np.float32))
    with pytest.raises(CheckpointError, match=r"damaged\.pth"):
        model.load(tmp_path / "damaged.pth")
    np.testing.assert_array_equal(model.inference(np.ones((1, 3), np.float32)), before)
    with pytest.raises(CheckpointError, match=r"damaged\.pth"):
        nn(verbose=0).load(tmp_path / "damaged.pth")
