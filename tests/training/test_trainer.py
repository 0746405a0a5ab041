"""The training loop: history, the best checkpoint, early stopping, numbers that are not finite."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import (
    CheckpointError,
    TrainingError,
)
from support.flowers import flower_network, flowers
from support.weights import same_weights, saved_weights

from onnxnn import nn
from onnxnn.checkpoint import checkpoint
from onnxnn.training.callbacks import Callback
from onnxnn.training.finite import check_weights

# ---- validation, stopping, clipping ----------------------------------------------------------------


def test_history_files_and_best_checkpoint(tmp_path):
    model = flower_network(tmp_path, ratio=0.8)
    history = model.train(lr=0.1, epochs=12, metrics=["acc", "f1"])
    assert list(history[0]) == ["epoch", "loss", "acc", "f1", "val_loss", "val_acc", "val_f1", "lr"]
    assert all(type(value) in (int, float) for row in history for value in row.values())
    assert list(history.steps[0]) == ["epoch", "step", "loss", "acc", "f1"]
    assert [(step["epoch"], step["step"]) for step in history.steps[:4]] == [(1, 1), (1, 2), (1, 3), (2, 1)]
    lines = (tmp_path / "basenn.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "epoch,loss,acc,f1,val_loss,val_acc,val_f1,lr"
    assert float(lines[12].split(",")[1]) == history[-1]["loss"]
    best = min(history, key=lambda row: row["val_loss"])
    stored = checkpoint.load(tmp_path / "best.pth")
    assert stored.training["epoch"] == best["epoch"]
    model.load(tmp_path / "best.pth")
    assert model.evaluate()["loss"] == pytest.approx(best["val_loss"], rel=1e-6)


def test_continuing_keeps_the_best_until_a_better_one_comes(tmp_path):
    model = flower_network(tmp_path, ratio=0.8)
    best = min(row["val_loss"] for row in model.train(lr=0.05, epochs=20))
    model.train(lr=5.0, epochs=2, checkpoint=tmp_path / "basenn.pth")
    assert min(row["val_loss"] for row in checkpoint.load(tmp_path / "best.pth").training["history"]) == best
    assert checkpoint.load(tmp_path / "best.pth").training["epoch"] <= 20
    model.train(lr=5.0, epochs=2, checkpoint=tmp_path / "basenn.pth", save_fold=tmp_path / "other")
    assert (tmp_path / "other/best.pth").is_file()


def test_continuing_from_weights_alone(tmp_path):
    model = flower_network(tmp_path, ratio=0.8)
    model.train(lr=0.05, epochs=3)
    saved = model.save(tmp_path / "saved.pth")
    before = saved_weights(saved)
    again = flower_network(tmp_path, ratio=0.8)
    history = again.train(lr=1e-12, epochs=2, checkpoint=saved)
    assert [row["epoch"] for row in history] == [1, 2]
    for name, value in again.model.state_dict().items():
        torch.testing.assert_close(value, before[name])
    with pytest.raises(CheckpointError, match="no training to finish"):
        again.train(resume=saved)


def test_without_validation_there_is_no_best(tmp_path):
    flower_network(tmp_path).train(lr=0.01, epochs=1)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["basenn.csv", "basenn.pth"]


def test_the_epochs_loss_is_the_mean_over_samples(tmp_path):
    history = flower_network(tmp_path, batch_size=25).train(lr=0.01, epochs=1)
    losses = [step["loss"] for step in history.steps]
    assert history[0]["loss"] == pytest.approx((25 * losses[0] + 25 * losses[1] + 10 * losses[2]) / 60)


@pytest.mark.parametrize(("monitor", "epochs"), [("loss", 60), ("acc", 60)])
def test_patience_stops_early(tmp_path, monitor, epochs):
    model = flower_network(tmp_path, batch_size=None)
    history = model.train(lr=2.0, epochs=epochs, metrics="acc", patience=3, monitor=monitor)
    values = [row[monitor] if monitor == "loss" else -row[monitor] for row in history]
    assert len(history) < epochs
    assert min(values[-3:]) >= min(values[:-3])
    assert all(min(values[i - 3 : i]) < min(values[: i - 3]) for i in range(4, len(values)))


def test_clipping_limits_the_step(tmp_path):
    for clip, longest in [(0.001, 0.001), (None, math.inf)]:
        model = flower_network(tmp_path, batch_size=None, optimizer="SGD", momentum=0.0)
        before = torch.cat([w.detach().flatten().clone() for w in model.model.parameters()])
        model.train(lr=1.0, epochs=1, clip=clip)
        after = torch.cat([w.detach().flatten() for w in model.model.parameters()])
        moved = float((after - before).norm())
        assert moved == pytest.approx(longest, rel=1e-3) if clip else moved > 0.01


def test_batch_size_of_train_counts(tmp_path):
    assert len(flower_network(tmp_path).train(lr=0.01, epochs=1, batch_size=15).steps) == 4


# ---- errors ----------------------------------------------------------------------------------------


def test_nan_stops_and_keeps_the_last_good_checkpoint(tmp_path):
    model = flower_network(tmp_path)
    model.train(lr=0.01, epochs=1)
    before = (tmp_path / "basenn.pth").read_bytes()

    class Spoil(Callback):
        def on_start(self, trainer):
            with torch.no_grad():
                trainer.net[0].weight.fill_(math.nan)

    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 1, step 1. Try a smaller lr"):
        model.train(lr=0.01, epochs=3, callbacks=[Spoil()])
    assert (tmp_path / "basenn.pth").read_bytes() == before


def test_weights_that_became_infinite_are_never_written(tmp_path):
    class Spoil(Callback):
        def on_step(self, trainer):
            with torch.no_grad():
                trainer.net[0].weight.fill_(math.inf)

    with pytest.raises(TrainingError, match=r"the weights of linear1.weight became NaN or infinite"):
        flower_network(tmp_path, batch_size=None).train(lr=0.01, epochs=3, callbacks=[Spoil()])
    assert list(tmp_path.iterdir()) == []


def test_validation_that_became_nan_ends_training_before_a_file_is_written(tmp_path):
    class Spoil(Callback):
        def on_step(self, trainer):
            with torch.no_grad():
                for weight in trainer.net.parameters():
                    weight.fill_(1e30)  # a number, but what is computed with it is none

    model = flower_network(tmp_path, batch_size=None, ratio=0.8)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    with pytest.raises(TrainingError, match=r"val_loss became nan in epoch 1. Try a smaller lr"):
        model.train(lr=0.01, epochs=3, callbacks=[Spoil()])
    assert list(tmp_path.iterdir()) == []
    assert all(torch.equal(value, before[name]) for name, value in model.model.state_dict().items())


@pytest.mark.parametrize("ema", [None, 0.9])
def test_a_learning_rate_too_high_leaves_the_network_as_it_came(tmp_path, ema):
    model = flower_network(tmp_path)
    model.train(lr=0.01, epochs=1, ema=ema)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    with pytest.raises(TrainingError, match="again the weights with which this training began"):
        model.train(lr=1e30, epochs=3, ema=ema)
    assert same_weights(before, dict(model.model.state_dict()))
    assert math.isfinite(model.train(lr=0.001, epochs=1)[-1]["loss"])


def test_weights_that_are_nan_after_the_last_step_are_put_back(tmp_path):
    class Spoil(Callback):
        def on_end(self, trainer):
            raise TrainingError("spoilt at the end")

    model = flower_network(tmp_path)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    with pytest.raises(TrainingError, match="spoilt"):
        model.train(lr=0.01, epochs=1, callbacks=[Spoil()])
    assert same_weights(before, dict(model.model.state_dict()))


def test_evaluation_leaves_the_networks_mode(tmp_path):
    model = flower_network(tmp_path)
    for mode in (True, False):
        model.model.train(mode)
        model.evaluate(flowers())
        assert all(module.training == mode for module in model.model.modules())

    def fail(module, arguments):
        raise RuntimeError("broken")

    model.model.train()
    model.model[0].register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="broken"):
        model.evaluate(flowers())
    assert model.model.training


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16"])
def test_mixed_precision_trains(tmp_path, precision):
    model = flower_network(tmp_path)
    history = model.train(lr=0.01, epochs=3, precision=precision, clip=1.0)
    assert history[-1]["loss"] < history[0]["loss"]
    assert model.model[0].weight.dtype == torch.float32


TWO = """
import os, sys, numpy as np
from onnxnn import nn
x = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
model = nn("reg", save_fold=sys.argv[1], verbose=0)
model.set_seed(0)
model.load_dataset(x, x.sum(1), batch_size=10, train_val_ratio=0.8)
model.add("linear", size=(4, 1))
model.add(optimizer="SGD")
history = model.train(lr=0.01, epochs=3, devices=int(sys.argv[2]), device="cpu", metrics="mae")
figures = [history[-1][name] for name in ("loss", "mae", "val_loss")]
os.write(1, (" ".join(map(str, figures)) + os.linesep).encode())  # a whole line at once: two processes write
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="two processes talk through gloo")
def test_two_processes_learn_what_one_learns(tmp_path):
    script = tmp_path / "two.py"
    script.write_text(TWO, encoding="utf-8")
    found = []
    for devices in ("1", "2"):
        command = [sys.executable, str(script), str(tmp_path / devices), devices]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        numbers = [line for line in ran.stdout.splitlines() if line[:1].isdigit()]
        found += [list(map(float, line.split())) for line in numbers]
    assert len(found) == 3  # one process, then the two
    assert found[0] == pytest.approx(found[1], rel=1e-4)
    assert found[1] == pytest.approx(found[2])
    one, two = (saved_weights(tmp_path / n / "basenn.pth")["linear1.weight"] for n in ("1", "2"))
    torch.testing.assert_close(one, two)


def test_statistics_that_became_nan_are_refused():
    module = torch.nn.Sequential(torch.nn.BatchNorm1d(2))
    module[0].running_var.fill_(math.inf)  # a custom module may hold a mask of infinite numbers
    check_weights(module, 0)
    module[0].running_var[1] = math.nan
    with pytest.raises(
        TrainingError, match=r"the weights of 0.running_var became NaN or infinite in epoch 3"
    ):
        check_weights(module, 3)


class Modes(Callback):
    """Collects the modules that are in evaluation mode when the network has learned from a batch."""

    def __init__(self):
        self.evaluating = set()

    def on_step(self, trainer):
        self.evaluating |= {name for name, module in trainer.net.named_modules() if not module.training}


def test_after_a_training_that_failed_every_module_learns(tmp_path):
    x = np.random.default_rng(0).standard_normal((9, 6, 8)).astype(np.float32)
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.load_dataset(x, np.arange(9) % 2, batch_size=4)
    model.add("action_model", size=(8, 2))
    with pytest.raises(TrainingError, match="at least two samples in a batch"):
        model.train(batch_size=1, epochs=1)
    modes = Modes()
    model.train(epochs=1, callbacks=[modes])
    assert modes.evaluating == set()
