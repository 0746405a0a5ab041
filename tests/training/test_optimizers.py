"""Optimizers and schedules by name, against torch's own."""

from __future__ import annotations

import pytest
import torch
from onnxnn_runtime.errors import TrainingError

from onnxnn import optimizers
from onnxnn.settings import Settings


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
    made = optimizers.make_schedule(schedule, optimizer, epochs, steps)
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
        ({"optimizer": "Adamm"}, "unknown optimizer, did you mean 'Adam"),
        ({"optimizer": "zzz"}, "Known: SGD, Adam, AdamW"),
        ({"optimizer_options": {"weigth_decay": 1}}, "no option 'weigth_decay', did you mean 'weight_decay'"),
        ({"schedule": "cosin"}, "unknown schedule, did you mean 'cosine'"),
        ({"schedule": {"name": "step", "gama": 1}}, "no option 'gama', did you mean 'gamma'"),
        ({"schedule": {"gamma": 1}}, "unknown schedule"),
        ({"loss": "MSELos"}, "unknown loss, did you mean 'MSELoss'"),
        ({"metrics": "akk"}, "unknown metric"),
        ({"epochs": 0}, "epochs=0: must be a whole number of at least 1"),
        ({"epochs": 2.5}, "epochs=2.5: must be a whole number"),
        ({"patience": 0}, "patience=0"),
        ({"batch_size": True}, "batch_size=True"),
        ({"lr": -0.1}, "lr=-0.1: must be a number above 0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"clip": "1"}, "clip='1'"),
        ({"monitor": "val_los"}, "did you mean 'val_loss'"),
        ({"monitor": "acc"}, "unknown. Known: loss, val_loss"),
    ],
)
def test_settings_that_mean_nothing_are_refused(given, message):
    with pytest.raises(TrainingError, match=message):
        Settings(**given)


def test_values_that_torch_refuses_are_our_error():
    with pytest.raises(TrainingError, match="momentum"):
        optimizers.make_optimizer("SGD", [weight()], 0.1, {"momentum": -1})
    optimizer = optimizers.make_optimizer("SGD", [weight()], 0.1)
    with pytest.raises(TrainingError, match="warmup"):
        optimizers.make_schedule({"name": "onecycle", "warmup": 7}, optimizer, 2, 2)


def test_settings_survive_a_checkpoint():
    settings = Settings(
        0.1, 3, optimizer="sgd", schedule={"name": "step", "gamma": 0.5}, metrics="acc", clip=1
    )
    assert Settings.from_data(settings.to_data()) == settings
