"""Resuming from checkpoints whose optimizer, schedule or random state is not what training writes."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import CheckpointError

from onnxnn import nn


def network(folder):
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.set_seed(0)
    x = np.random.default_rng(0).standard_normal((12, 4)).astype(np.float32)
    model.load_dataset(x, np.arange(12) % 3, batch_size=4)
    model.add("linear", size=(4, 3), activation="softmax")
    return model


OPTIMIZERS = ("SGD", "Adam", "AdamW", "Adagrad", "ASGD", "RMSprop")
SCHEDULES = ("cosine", "linear", "step", "exponential", "plateau", "onecycle")


@pytest.fixture
def trained(tmp_path):
    """Train two of four epochs with an optimizer and a schedule; return the checkpoint's content."""

    def train(optimizer, schedule):
        model = network(tmp_path)
        model.add(optimizer=optimizer)
        model.train(epochs=4, schedule=schedule)
        content = torch.load(tmp_path / "basenn.pth", weights_only=True)
        content["training"]["epoch"] = 2
        return content

    return train


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_is_resumed(tmp_path, trained, optimizer):
    content = trained(optimizer, None)
    torch.save(content, tmp_path / "basenn.pth")
    assert len(network(tmp_path).train(resume=tmp_path / "basenn.pth")) == 6


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_is_resumed(tmp_path, schedule):
    class Stop(Exception):
        pass

    whole = network(tmp_path / "whole")
    whole.train(epochs=4, schedule=schedule)
    halfway = network(tmp_path / "half")
    halfway.train(epochs=2, schedule=schedule)
    content = torch.load(tmp_path / "half/basenn.pth", weights_only=True)
    content["training"]["settings"]["epochs"] = 4
    torch.save(content, tmp_path / "half/basenn.pth")
    if schedule in ("exponential", "plateau"):  # whose course does not depend on the number of epochs
        resumed = network(tmp_path / "half")
        resumed.train(resume=tmp_path / "half/basenn.pth")
        assert resumed.history == whole.history
    else:
        assert len(network(tmp_path / "half").train(resume=tmp_path / "half/basenn.pth")) == 4


def change(place, value):
    """Return what puts a value somewhere into the training state: "optimizer.param_groups.0.lr"."""

    def apply(state):
        *path, last = place.split(".")
        for key in path:
            state = state[int(key) if key.isdecimal() else key]
        state[int(last) if last.isdecimal() else last] = value

    return apply


HOSTILE = [
    ("optimizer.param_groups.0.lr", "fast"),
    ("optimizer.param_groups.0.lr", float("nan")),
    ("optimizer.param_groups.0.betas", 3),
    ("optimizer.param_groups.0.betas", (0.9, None)),
    ("optimizer.param_groups.0.eps", torch.zeros(3)),
    ("optimizer.param_groups.0.amsgrad", "yes"),
    ("optimizer.param_groups", []),
    ("optimizer.param_groups.0.params", [0]),
    ("optimizer.state.0", {"step": torch.tensor(1.0)}),
    ("optimizer.state.0.exp_avg", torch.zeros(7)),
    ("optimizer.state.0.exp_avg", "x"),
    ("optimizer.state.0.step", None),
    ("schedule.T_max", 0),
    ("schedule.T_max", "x"),
    ("schedule.eta_min", float("nan")),
    ("schedule.base_lrs", []),
    ("schedule.step", 3),
    ("schedule.last_epoch", "x"),
    ("random.torch", torch.zeros(3)),
    ("random.torch", "x"),
    ("random.python", None),
    ("random.python", (3, torch.zeros(2, dtype=torch.int64), None)),
    ("random.numpy", (torch.zeros(624, dtype=torch.int64), 2**30, 0, 0.0)),
    ("random.numpy", (torch.zeros(3, dtype=torch.int64), 0, 0, 0.0)),
    ("random.numpy", 5),
    ("random.cuda", 5),
    ("settings.epochs", "x"),
    ("settings.optimizer", 3),
    ("settings.metrics", torch.zeros(2)),
    ("settings.lr", -1),
    ("settings.schedule", [1]),
    ("settings.optimizer_options", "x"),
]


@pytest.mark.parametrize(
    ("place", "value"), HOSTILE, ids=[f"{place}-{type(v).__name__}" for place, v in HOSTILE]
)
def test_a_state_that_is_none_is_refused_before_training(tmp_path, trained, place, value):
    content = trained("Adam", "cosine")
    change(place, value)(content["training"])
    torch.save(content, tmp_path / "edited.pth")
    model = network(tmp_path / "new")
    weights = {name: value.clone() for name, value in model.model.state_dict().items()}
    drawn = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    with pytest.raises(CheckpointError, match="training state"):
        model.train(resume=tmp_path / "edited.pth")
    assert all(torch.equal(weights[name], value) for name, value in model.model.state_dict().items())
    assert drawn[:2] == (random.getstate(), np.random.get_state()[1].tolist())
    assert torch.equal(drawn[2], torch.get_rng_state())
    assert not (tmp_path / "new/basenn.pth").exists()


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_an_optimizer_that_is_set_as_an_attribute_is_chosen(tmp_path, trained, optimizer):
    other = "Adam" if optimizer == "SGD" else "SGD"
    torch.save(trained(other, None), tmp_path / "old.pth")
    model = network(tmp_path / "new")
    model.optimizer = optimizer
    with pytest.warns(UserWarning, match=f"trained with {other}; {optimizer} begins"):
        model.train(epochs=1, checkpoint=tmp_path / "old.pth")
    assert model.optimizer == optimizer


def test_the_optimizer_of_a_checkpoint_is_not_a_choice_of_the_next(tmp_path, trained):
    torch.save(trained("SGD", None), tmp_path / "first.pth")
    torch.save(trained("RMSprop", None), tmp_path / "second.pth")
    model = network(tmp_path / "new")
    for name, optimizer in (("first", "SGD"), ("second", "RMSprop")):
        model.train(epochs=1, checkpoint=tmp_path / f"{name}.pth")
        assert model.optimizer == optimizer


def test_another_optimizer_has_none_of_the_options_of_the_one_before(tmp_path):
    model = network(tmp_path)
    model.add(optimizer="SGD", momentum=0.5)
    model.optimizer = "Adam"
    assert len(model.train(epochs=1)) == 1
