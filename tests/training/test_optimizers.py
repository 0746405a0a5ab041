"""Optimizers and schedules by name, against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import TrainingError

from onnxnn import nn
from onnxnn.training import lr_schedules, optimizers
from onnxnn.training.settings import TrainSettings


def weight():
    return torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))


@pytest.mark.parametrize("name", ["SGD", "adam", "ADAMW", "Adagrad", "asgd", "RMSProp"])
def test_every_optimizer_steps_as_torchs_own(name):
    official = optimizers.optimizer_name(name)
    ours, theirs = weight(), weight()
    options = {"momentum": 0.9} if official == "SGD" else {}
    pair = [
        (ours, optimizers.make_optimizer(official, [ours], 0.1)),
        (theirs, getattr(torch.optim, official)([theirs], lr=0.1, **options)),
    ]
    for _ in range(5):
        for parameter, optimizer in pair:
            optimizer.zero_grad()
            (parameter**2).sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_momentum_can_be_given():
    optimizer = optimizers.make_optimizer("SGD", [weight()], 0.1, {"momentum": 0.5, "weight_decay": 0.1})
    assert (optimizer.param_groups[0]["momentum"], optimizer.param_groups[0]["weight_decay"]) == (0.5, 0.1)


def rates(schedule, epochs, steps=1, lr=0.1, values=None):
    """The learning rate of every epoch (of every step where the schedule moves then)."""
    optimizer = optimizers.make_optimizer("SGD", [weight()], lr)
    made = lr_schedules.make_schedule(schedule, optimizer, epochs, steps)
    found = []
    for number in range(epochs * steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if isinstance(made, torch.optim.lr_scheduler.ReduceLROnPlateau):
            made.step(values[number])
        elif made is not None:
            made.step()
    return found


@pytest.mark.parametrize("schedule", [None, "constant"])
def test_without_a_schedule_the_rate_stays(schedule):
    assert rates(schedule, 4) == [0.1] * 4


def test_cosine():
    found = rates("Cosine", 4)
    assert found == pytest.approx([0.1, 0.1 * (1 + 2**-0.5) / 2, 0.05, 0.1 * (1 - 2**-0.5) / 2])


def test_linear():
    assert rates({"name": "linear", "end": 0.5}, 4) == pytest.approx([0.1, 0.0875, 0.075, 0.0625])


def test_step():
    assert rates({"name": "step", "step_size": 2, "gamma": 0.5}, 5) == pytest.approx(
        [0.1, 0.1, 0.05, 0.05, 0.025]
    )
    assert rates("step", 6) == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_exponential():
    assert rates({"name": "exponential", "gamma": 0.5}, 3) == pytest.approx([0.1, 0.05, 0.025])


def test_plateau():
    found = rates({"name": "plateau", "patience": 1, "factor": 0.1}, 5, values=[1.0, 1.0, 1.0, 0.5, 0.4])
    assert found == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01])


def test_onecycle_moves_every_step():
    found = rates({"name": "onecycle", "warmup": 0.5}, 2, steps=5)
    assert max(found) == pytest.approx(0.1, rel=0.1)
    assert found.index(max(found)) == 4
    assert found[0] < found[2] < found[4] > found[7] > found[9]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optimizer": "Adamm"}, "unknown optimizer. Did you mean 'Adam"),
        ({"optimizer": "zzz"}, "Known: SGD, Adam, AdamW"),
        ({"optimizer_options": {"weigth_decay": 1}}, "no option 'weigth_decay' .did you mean 'weight_decay'"),
        ({"schedule": "cosin"}, "unknown schedule. Did you mean 'cosine'"),
        ({"schedule": {"name": "step", "gama": 1}}, "no option 'gama' .did you mean 'gamma'"),
        ({"schedule": {"gamma": 1}}, "unknown schedule"),
        ({"loss": "MSELos"}, "unknown loss. Did you mean 'MSELoss'"),
        ({"metrics": "akk"}, "unknown metric"),
        ({"epochs": 0}, "epochs=0: expected an integer of at least 1"),
        ({"epochs": 2.5}, "epochs=2.5: expected an integer"),
        ({"patience": 0}, "patience=0"),
        ({"batch_size": True}, "batch_size=True"),
        ({"lr": -0.1}, "lr=-0.1: expected a number above 0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"lr": float("inf")}, "lr=inf"),
        ({"lr": 1e39}, r"lr=1e\+39: expected a number above 0, up to 3.4e38"),
        ({"clip": 10**400}, "clip=an integer of about 401 digits: expected a number above 0"),
        ({"epochs": -(10**5000)}, "epochs=an integer of about 5,001 digits: expected an integer"),
        (
            {"optimizer_options": {"weight_decay": 1e39}},
            "expected weight_decay to be a number of at least 0, got 1e",
        ),
        (
            {"optimizer_options": {"eps": 10**400}},
            "expected eps to be a number of at least 0, got an integer",
        ),
        (
            {"schedule": {"name": "step", "gamma": 10**5000}},
            "expected gamma to be a number above 0, got an integer",
        ),
        ({"clip": "1"}, "clip='1'"),
        ({"monitor": "val_los"}, "Did you mean 'val_loss'"),
        ({"monitor": "acc"}, "unknown column. Known: loss, val_loss"),
        ({"monitor": 5}, "monitor=5: unknown column. Known: loss, val_loss"),
        ({"metrics": 5}, "metrics=5: expected a name or a list of names"),
        ({"metrics": False}, "metrics=False: expected a name or a list of names"),
        ({"metrics": b""}, "metrics=b'': expected a name or a list of names"),
        ({"metrics": [5]}, "unknown metric 5"),
    ],
)
def test_settings_that_mean_nothing_are_refused(given, message):
    with pytest.raises(TrainingError, match=message):
        TrainSettings(**given)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"name": "step", "gamma": -1}, "schedule 'step': expected gamma to be a number above 0, got -1"),
        ({"name": "step", "gamma": None}, "expected gamma to be a number above 0, got None"),
        ({"name": "step", "step_size": 0}, "expected step_size to be an integer of at least 1, got 0"),
        ({"name": "step", "step_size": 2.5}, "expected step_size to be an integer.*, got 2.5"),
        ({"name": "exponential", "gamma": float("nan")}, "expected gamma to be a number above 0, got nan"),
        ({"name": "cosine", "end": "x"}, "expected end to be a number of at least 0, got 'x'"),
        ({"name": "linear", "end": 2}, "expected end to be a number from 0 to 1, got 2"),
        ({"name": "plateau", "patience": "x"}, "expected patience to be an integer of at least 0, got 'x'"),
        ({"name": "plateau", "factor": 1.0}, "expected factor to be a number between 0 and 1, got 1.0"),
        ({"name": "onecycle", "warmup": 7}, "expected warmup to be a number from 0 to 1, got 7"),
    ],
)
def test_options_of_schedules_that_mean_nothing_are_refused(schedule, message):
    with pytest.raises(TrainingError, match=message):
        TrainSettings(schedule=schedule)


def test_a_cosine_does_not_end_above_its_beginning():
    with pytest.raises(TrainingError, match=r"expected end to be at most lr, 0.1, got 2"):
        rates({"name": "cosine", "end": 2}, 4)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("SGD", {"momentum": -1}, "expected momentum to be a number of at least 0, got -1"),
        ("SGD", {"momentum": True}, "expected momentum to be a number of at least 0, got True"),
        (
            "SGD",
            {"dampening": "x", "nesterov": 1},
            "expected dampening to be .*, got 'x'; expected nesterov to be True or False, got 1",
        ),
        ("SGD", {"nesterov": True, "momentum": 0}, "Nesterov momentum requires a momentum"),
        (
            "Adam",
            {"betas": 0.9},
            r"'Adam': expected betas to be two numbers from 0 to below 1, got 0.9\. \[E-TRAIN-03\]$",
        ),
        ("Adam", {"betas": ()}, r"expected betas to be two numbers.*, got \(\)"),
        ("Adam", {"betas": (0.9, 1)}, r"expected betas to be two numbers.*, got \(0.9, 1\)"),
        ("Adam", {"amsgrad": "yes"}, "expected amsgrad to be True or False, got 'yes'"),
        ("Adam", {"fused": "x"}, "expected fused to be True, False or None, got 'x'"),
        ("Adam", {"fused": True, "foreach": True}, "cannot be `True` together"),
        ("Adam", {"capturable": True}, "expected capturable to be False, .* got True"),
        ("AdamW", {"differentiable": True}, "expected differentiable to be False, .* got True"),
        ("ASGD", {"t0": "x"}, "expected t0 to be a number.*, got 'x'"),
    ],
)
def test_options_of_optimizers_that_mean_nothing_are_refused(name, options, message):
    with pytest.raises(TrainingError, match=message):
        optimizers.check_optimizer_options(name, options)
    model = nn(verbose=0)
    with pytest.raises(TrainingError, match=message):
        model.add(optimizer=name, **options)
    assert model.optimizer == "Adam"


def test_numbers_of_numpy_are_numbers():
    settings = TrainSettings(
        np.float32(0.5),
        np.int64(2),
        np.int64(4),
        optimizer_options={"betas": np.array([0.5, 0.75]), "weight_decay": np.float32(0.25)},
        schedule={"name": "step", "step_size": np.int64(1)},
        ema=np.float64(0.5),
    )
    plain = TrainSettings(
        0.5,
        2,
        4,
        optimizer_options={"betas": (0.5, 0.75), "weight_decay": 0.25},
        schedule={"name": "step", "step_size": 1},
        ema=0.5,
    )
    assert settings == plain
    assert "np." not in repr(settings)


def test_settings_survive_a_checkpoint():
    settings = TrainSettings(
        0.1, 3, optimizer="sgd", schedule={"name": "step", "gamma": 0.5}, metrics="acc", clip=1
    )
    assert TrainSettings.from_data(settings.to_data()) == settings
