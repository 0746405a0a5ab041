"""What `train` refuses, and that a refused call changes nothing."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import (
    CheckpointError,
    DataError,
    DeviceError,
    OnnxnnError,
    OutputError,
    TrainingError,
)
from support.flowers import flower_network, flowers
from support.weights import same_weights

from onnxnn import nn

REFUSED = [
    ({"loss": "ArcFace"}, TrainingError),
    ({"device": "tpu"}, DeviceError),
    ({"monitor": "val_loss"}, TrainingError),
    ({"schedule": {"name": "cosine", "end": 2}}, TrainingError),
    ({"batch_size": 3, "loss": "ArcFace"}, TrainingError),
    ({"save_fold": "a_file"}, OutputError),
    ({"filename": "."}, TrainingError),
    ({"filename": "taken.pth"}, OutputError),
    ({"filename": "taken.csv.pth"}, OutputError),
]


@pytest.mark.parametrize(("options", "error"), REFUSED)
def test_what_is_refused_changes_nothing(tmp_path, monkeypatch, options, error):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").write_text("", encoding="utf-8")
    (tmp_path / "ckpt" / "taken.pth").mkdir(parents=True)
    (tmp_path / "ckpt" / "taken.csv.csv").mkdir()
    flower_network("other").train(lr=0.1, epochs=2)
    model = flower_network("ckpt", seed=1)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    with pytest.raises(error):
        model.train(epochs=1, checkpoint="other/basenn.pth", **options)
    assert same_weights(before, dict(model.model.state_dict()))
    assert (model.save_fold, model.history, model.card().training) == ("ckpt", [], {})
    assert len(model.train(lr=0.01, epochs=1).steps) == 3
    assert (tmp_path / "ckpt" / "basenn.pth").is_file()


def test_a_batch_size_that_cannot_be_learned_with_is_forgotten(tmp_path):
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    x = np.random.default_rng(0).standard_normal((9, 6, 8)).astype(np.float32)
    model.load_dataset(x, np.arange(9) % 2, batch_size=4)
    model.add("action_model", size=(8, 2))
    with pytest.raises(TrainingError, match="expected at least two samples in a batch, got one"):
        model.train(batch_size=1, epochs=1)
    assert len(model.train(epochs=1).steps) == 2  # the ninth sample joins a batch


def sequences(folder):
    model = nn("cls", save_fold=str(folder), verbose=0)
    x = np.random.default_rng(0).standard_normal((8, 5, 3)).astype(np.float32)
    model.load_dataset(x, np.arange(8) % 2)
    model.add("lstm", size=(3, 4))
    model.add("linear", size=(4, 2), activation="softmax")
    return model, x


@pytest.mark.parametrize("options", [{"epochs": 0}, {"lr": -1}, {"loss": "ArcFace"}])
def test_a_refused_training_leaves_an_output_for_each_step(tmp_path, options):
    model, x = sequences(tmp_path)
    before = model.inference(x)
    with pytest.raises(TrainingError):
        model.train(**options)
    np.testing.assert_array_equal(model.inference(x), before)


def test_the_last_step_only_keeps_the_weights(tmp_path):
    model, x = sequences(tmp_path)
    each_step = model.inference(x)
    model.save(tmp_path / "saved.pth")
    model, _ = sequences(tmp_path)
    model.load(tmp_path / "saved.pth")
    model.train(lr=1e-12, epochs=1)
    np.testing.assert_allclose(model.inference(x), each_step[:, -1], atol=1e-6)


def test_sequences_continue_from_a_checkpoints_own_layers(tmp_path):
    model, x = sequences(tmp_path)
    model.train(epochs=1)
    later = nn("cls", save_fold=str(tmp_path), verbose=0)
    later.load_dataset(x, np.arange(8) % 2)
    assert len(later.train(epochs=1, checkpoint=tmp_path / "basenn.pth")) == 2


class Squeezing(torch.nn.Module):
    """Loses the batch axis of a single sample, as the module of the lessons does."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x)[:, None].squeeze()[:, :3]


def test_a_module_that_squeezes_a_single_sample(tmp_path):
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    x, y = flowers(9)
    model.load_dataset(x, y, batch_size=4)
    model.add(Squeezing(), activation="softmax")
    assert len(model.train(epochs=1).steps) == 2
    one, all_of_them = model.evaluate((x[:1], y[:1])), model.evaluate((x, y))
    assert one["loss"] == pytest.approx(-math.log(model.inference(x)[0, y[0]]), rel=1e-5)
    assert math.isfinite(all_of_them["loss"])
    with pytest.raises(
        TrainingError, match=r"a custom module failed on a batch of a single sample .* Use batch_size=2"
    ):
        model.train(epochs=1, batch_size=1)
    assert len(model.train(epochs=1).steps) == 2


def test_what_train_cannot_do_is_refused(tmp_path):
    model = flower_network(tmp_path)
    model.train(lr=0.01, epochs=1)
    path = tmp_path / "basenn.pth"
    with pytest.raises(TrainingError, match="expected checkpoint= or resume=, got both"):
        model.train(checkpoint=path, resume=path)
    with pytest.raises(TrainingError, match=r"there is no validation data. Load data with train_val_ratio"):
        model.train(monitor="val_loss")
    with pytest.raises(DeviceError, match=r"device='tpu'.*This machine offers: cpu"):
        model.train(device="tpu")
    with pytest.raises(TrainingError, match="precision='8'"):
        model.train(precision="8")
    with pytest.raises(TrainingError, match=r"strategy=5: unknown strategy. Known: auto, ddp"):
        model.train(strategy=5)
    with pytest.raises(DeviceError, match=r"devices=0: expected an integer"):
        model.train(devices=0)
    for given in ({"checkpoint": ""}, {"resume": ""}):
        with pytest.raises(CheckpointError, match="expected the path of a file"):
            model.train(**given)
    model.save(tmp_path / "bare.pth")
    with pytest.raises(CheckpointError, match="holds no training to finish"):
        model.train(resume=tmp_path / "bare.pth")
    with pytest.raises(DataError, match="no data to train on"):
        nn(verbose=0).train()
    empty = nn(verbose=0, save_fold=str(tmp_path))
    empty.load_dataset(*flowers())
    empty.add(activation="softmax")
    with pytest.raises(TrainingError, match=r"got 4 outputs|no weights to train"):
        empty.train()


@pytest.mark.parametrize(
    ("options", "layer"),
    [
        ({}, {"activation": "softmax"}),  # no weights
        ({}, {"layer": "linear", "size": (4, 2)}),  # fewer outputs than classes
        ({"loss": "SupCon"}, {"layer": "linear", "size": (4, 3), "activation": "softmax"}),
        ({"metrics": "unknown"}, {"layer": "linear", "size": (4, 3), "activation": "softmax"}),
        ({"strategy": 5}, {"layer": "linear", "size": (4, 3), "activation": "softmax"}),
        ({"schedule": {"name": "step", "step_size": 0}}, {"layer": "linear", "size": (4, 3)}),
        ({"checkpoint": "no.pth"}, {"layer": "linear", "size": (4, 3)}),
    ],
)
def test_a_refused_training_makes_no_folder(tmp_path, options, layer):
    model = nn(save_fold=str(tmp_path / "new" / "folder"), verbose=0)
    model.load_dataset(*flowers())
    model.add(**layer)
    with pytest.raises(OnnxnnError):
        model.train(epochs=1, **options)
    assert os.listdir(tmp_path) == []


def test_another_optimizers_state_is_left_out(tmp_path):
    flower_network(tmp_path, optimizer="SGD").train(lr=0.01, epochs=1)
    with pytest.warns(UserWarning, match="trained with SGD.*AdamW begins without"):
        flower_network(tmp_path, optimizer="AdamW").train(checkpoint=tmp_path / "basenn.pth", epochs=1)
