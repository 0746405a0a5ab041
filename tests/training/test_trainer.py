"""The loop: going on, stopping, validation, and everything that can go wrong."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys

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

from onnxnn import nn
from onnxnn.checkpoint import checkpoint
from onnxnn.training import callbacks
from onnxnn.training.callbacks import Callback


def flowers(count=60):
    """Three clouds of points in four dimensions, and their classes."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % 3
    return (np.eye(3, 4)[y] * 2 + rng.standard_normal((count, 4))).astype(np.float32), y


def network(folder, seed=0, batch_size=20, ratio=1.0, task="cls", optimizer="Adam", **options):
    model = nn(task, save_fold=str(folder), verbose=0)
    model.set_seed(seed)
    model.load_dataset(*flowers(), batch_size=batch_size, train_val_ratio=ratio)
    model.add("linear", size=(4, 8), activation="relu")
    model.add("dropout", p=0.2)
    model.add("linear", size=(8, 3), activation="softmax")
    model.add(optimizer=optimizer, **options)
    return model


def weights(path):
    return checkpoint.load(path).state_dict


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# ---- repeatable, and going on ----------------------------------------------------------------------


def test_same_seed_same_bits(tmp_path):
    first = network(tmp_path / "a").train(lr=0.01, epochs=3, metrics=["acc"])
    second = network(tmp_path / "b").train(lr=0.01, epochs=3, metrics=["acc"])
    assert (first, first.steps) == (second, second.steps)
    assert same(weights(tmp_path / "a/basenn.pth"), weights(tmp_path / "b/basenn.pth"))


@pytest.mark.parametrize("optimizer", ["Adam", "SGD", "RMSprop", "Adagrad", "ASGD", "AdamW"])
def test_four_epochs_and_six_more_are_ten(tmp_path, optimizer):
    whole = network(tmp_path / "whole", ratio=0.8, optimizer=optimizer).train(
        lr=0.01, epochs=10, metrics="acc"
    )
    network(tmp_path / "parts", ratio=0.8, optimizer=optimizer).train(lr=0.01, epochs=4, metrics="acc")
    later = network(tmp_path / "parts", ratio=0.8, optimizer=optimizer)
    torch.manual_seed(99)  # the checkpoint brings its own
    parts = later.train(epochs=6, checkpoint=tmp_path / "parts/basenn.pth", metrics="acc")
    assert parts == whole
    assert [row["epoch"] for row in parts] == list(range(1, 11))
    assert same(weights(tmp_path / "parts/basenn.pth"), weights(tmp_path / "whole/basenn.pth"))


def test_a_new_learning_rate_wins(tmp_path):
    network(tmp_path).train(lr=0.01, epochs=1)
    assert network(tmp_path).train(epochs=1, checkpoint=tmp_path / "basenn.pth")[-1]["lr"] == 0.01
    history = network(tmp_path).train(lr=0.5, epochs=1, checkpoint=tmp_path / "basenn.pth")
    assert [row["lr"] for row in history] == [0.01, 0.01, 0.5]


class StopAfter(Callback):
    """Ctrl-C once so many epochs are done."""

    def __init__(self, epochs, step=0):
        self.epochs, self.step, self.steps = epochs, step, 0

    def on_step(self, trainer):
        self.steps += 1
        if trainer.epoch == self.epochs and self.steps % trainer.steps_per_epoch == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("schedule", ["cosine", "onecycle", "plateau", "step", None])
def test_resume_finishes_an_interrupted_training(tmp_path, schedule, monkeypatch):
    options = {"lr": 0.05, "epochs": 6, "schedule": schedule, "clip": 1.0}
    whole = network(tmp_path / "whole").train(**options)

    class Killed(Callback):
        def on_epoch(self, trainer):
            if trainer.epoch == 4:
                raise SystemExit  # nothing is written any more, as after a power cut

    monkeypatch.setattr("onnxnn.training.callbacks.WRITE_EVERY", 0.0)
    monkeypatch.setattr("onnxnn.training.callbacks.WRITE_SHARE", 0.0)
    with pytest.raises(SystemExit):
        network(tmp_path / "cut").train(**options, callbacks=[Killed()])
    assert checkpoint.load(tmp_path / "cut/basenn.pth").training["epoch"] == 4
    history = network(tmp_path / "cut").train(resume=tmp_path / "cut/basenn.pth")
    assert history == whole
    assert same(weights(tmp_path / "cut/basenn.pth"), weights(tmp_path / "whole/basenn.pth"))


def test_ctrl_c_keeps_what_was_learned(tmp_path, capsys):
    model = network(tmp_path)
    model.verbose = 1
    history = model.train(lr=0.01, epochs=9, callbacks=[StopAfter(2, step=1)])
    assert [row["epoch"] for row in history] == [1, 2]
    assert "stopped by Ctrl-C: 2 of 9 epochs are done, what was learned is kept." in capsys.readouterr().err
    assert same(weights(tmp_path / "basenn.pth"), dict(model.model.state_dict()))
    finished = network(tmp_path).train(resume=tmp_path / "basenn.pth")
    assert [row["epoch"] for row in finished] == list(range(1, 10))


SCRIPT = """
import signal, sys, numpy as np
from onnxnn import nn
from onnxnn.training.callbacks import Callback
class Tell(Callback):
    def on_epoch(self, trainer):
        print("epoch", flush=True)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts without it
model = nn("cls", save_fold=sys.argv[1])
model.load_dataset(np.zeros((6, 4), np.float32), np.arange(6) % 2)
model.add("linear", size=(4, 2), activation="softmax")
history = model.train(lr=0.01, epochs=10**7, callbacks=[Tell()])
print("done", len(history) > 0, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_a_real_ctrl_c_in_a_script(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert "epoch\n" in iter(child.stdout.readline, "")
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=60)
        finally:
            child.kill()
    assert child.returncode == 0, err
    assert out.endswith("done True\n")
    assert "stopped by Ctrl-C" in err
    checkpoint.load(tmp_path / "basenn.pth")


@pytest.mark.parametrize(("width", "expected"), [(8, 1), (60_000, 2)])
def test_small_batches_take_one_thread(tmp_path, width, expected):
    found = []

    class Look(Callback):
        def on_step(self, trainer):
            found.append(torch.get_num_threads())

    model = nn("cls", verbose=0, save_fold=str(tmp_path))
    model.load_dataset(*flowers(), batch_size=50)
    model.add("linear", size=(4, width), activation="relu")
    model.add("linear", size=(width, 3), activation="softmax")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        model.train(lr=0.01, epochs=1, callbacks=[Look()])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(found) == {expected}


def test_later_calls_go_on_training_in_training_mode(tmp_path):
    model = network(tmp_path)
    model.train(lr=0.01, epochs=1)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    model.inference(flowers()[0])
    modes = []

    class Look(Callback):
        def on_step(self, trainer):
            modes.append(trainer.net.training)

    model.train(lr=0.01, epochs=1, callbacks=[Look()])
    assert modes == [True] * 3
    assert not same(before, dict(model.model.state_dict()))


# ---- validation, stopping, clipping ----------------------------------------------------------------


def test_history_files_and_best_checkpoint(tmp_path):
    model = network(tmp_path, ratio=0.8)
    history = model.train(lr=0.1, epochs=12, metrics=["acc", "f1"])
    assert list(history[0]) == ["epoch", "loss", "acc", "f1", "val_loss", "val_acc", "val_f1", "lr"]
    assert all(type(value) in (int, float) for row in history for value in row.values())
    assert list(history.steps[0]) == ["epoch", "step", "loss", "acc", "f1"]
    assert [(step["epoch"], step["step"]) for step in history.steps[:4]] == [(1, 1), (1, 2), (1, 3), (2, 1)]
    lines = (tmp_path / "basenn.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,acc,f1,val_loss,val_acc,val_f1,lr"
    assert float(lines[12].split(",")[1]) == history[-1]["loss"]
    best = min(history, key=lambda row: row["val_loss"])
    stored = checkpoint.load(tmp_path / "best.pth")
    assert stored.training["epoch"] == best["epoch"]
    model.load(tmp_path / "best.pth")
    assert model.evaluate()["loss"] == pytest.approx(best["val_loss"], rel=1e-6)


def test_going_on_keeps_the_best_until_a_better_one_comes(tmp_path):
    model = network(tmp_path, ratio=0.8)
    best = min(row["val_loss"] for row in model.train(lr=0.05, epochs=20))
    model.train(lr=5.0, epochs=2, checkpoint=tmp_path / "basenn.pth")
    assert min(row["val_loss"] for row in checkpoint.load(tmp_path / "best.pth").training["history"]) == best
    assert checkpoint.load(tmp_path / "best.pth").training["epoch"] <= 20
    model.train(lr=5.0, epochs=2, checkpoint=tmp_path / "basenn.pth", save_fold=tmp_path / "other")
    assert (tmp_path / "other/best.pth").is_file()


def test_going_on_from_weights_alone(tmp_path):
    model = network(tmp_path, ratio=0.8)
    model.train(lr=0.05, epochs=3)
    saved = model.save(tmp_path / "saved.pth")
    before = weights(saved)
    again = network(tmp_path, ratio=0.8)
    history = again.train(lr=1e-12, epochs=2, checkpoint=saved)
    assert [row["epoch"] for row in history] == [1, 2]
    for name, value in again.model.state_dict().items():
        torch.testing.assert_close(value, before[name])
    with pytest.raises(CheckpointError, match="no training to finish"):
        again.train(resume=saved)


def test_without_validation_there_is_no_best(tmp_path):
    network(tmp_path).train(lr=0.01, epochs=1)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["basenn.csv", "basenn.pth"]


def test_the_epochs_loss_is_the_mean_over_samples(tmp_path):
    history = network(tmp_path, batch_size=25).train(lr=0.01, epochs=1)
    losses = [step["loss"] for step in history.steps]
    assert history[0]["loss"] == pytest.approx((25 * losses[0] + 25 * losses[1] + 10 * losses[2]) / 60)


@pytest.mark.parametrize(("monitor", "epochs"), [("loss", 60), ("acc", 60)])
def test_patience_stops_early(tmp_path, monitor, epochs):
    model = network(tmp_path, batch_size=None)
    history = model.train(lr=2.0, epochs=epochs, metrics="acc", patience=3, monitor=monitor)
    values = [row[monitor] if monitor == "loss" else -row[monitor] for row in history]
    assert len(history) < epochs
    assert min(values[-3:]) >= min(values[:-3])
    assert all(min(values[i - 3 : i]) < min(values[: i - 3]) for i in range(4, len(values)))


def test_clipping_limits_the_step(tmp_path):
    for clip, longest in [(0.001, 0.001), (None, math.inf)]:
        model = network(tmp_path, batch_size=None, optimizer="SGD", momentum=0.0)
        before = torch.cat([w.detach().flatten().clone() for w in model.model.parameters()])
        model.train(lr=1.0, epochs=1, clip=clip)
        after = torch.cat([w.detach().flatten() for w in model.model.parameters()])
        moved = float((after - before).norm())
        assert moved == pytest.approx(longest, rel=1e-3) if clip else moved > 0.01


def test_batch_size_of_train_counts(tmp_path):
    assert len(network(tmp_path).train(lr=0.01, epochs=1, batch_size=15).steps) == 4


# ---- errors ----------------------------------------------------------------------------------------


def test_nan_stops_and_keeps_the_last_good_checkpoint(tmp_path):
    model = network(tmp_path)
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
        network(tmp_path, batch_size=None).train(lr=0.01, epochs=3, callbacks=[Spoil()])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ema", [None, 0.9])
def test_a_learning_rate_too_high_leaves_the_network_as_it_came(tmp_path, ema):
    model = network(tmp_path)
    model.train(lr=0.01, epochs=1, ema=ema)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    with pytest.raises(TrainingError, match="again the weights with which this training began"):
        model.train(lr=1e30, epochs=3, ema=ema)
    assert same(before, dict(model.model.state_dict()))
    assert math.isfinite(model.train(lr=0.001, epochs=1)[-1]["loss"])


def test_weights_that_are_nan_after_the_last_step_are_put_back(tmp_path):
    class Spoil(Callback):
        def on_end(self, trainer):
            raise TrainingError("spoilt at the end")

    model = network(tmp_path)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    with pytest.raises(TrainingError, match="spoilt"):
        model.train(lr=0.01, epochs=1, callbacks=[Spoil()])
    assert same(before, dict(model.model.state_dict()))


def test_evaluation_leaves_the_networks_mode(tmp_path):
    model = network(tmp_path)
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
    (tmp_path / "a_file").write_text("")
    (tmp_path / "ckpt" / "taken.pth").mkdir(parents=True)
    (tmp_path / "ckpt" / "taken.csv.csv").mkdir()
    network("other").train(lr=0.1, epochs=2)
    model = network("ckpt", seed=1)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    with pytest.raises(error):
        model.train(epochs=1, checkpoint="other/basenn.pth", **options)
    assert same(before, dict(model.model.state_dict()))
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


def test_sequences_go_on_from_a_checkpoints_own_layers(tmp_path):
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


def test_an_unwritable_folder_is_known_before_the_first_epoch(tmp_path):
    (tmp_path / "file").write_text("")
    started = []

    class Started(Callback):
        def on_start(self, trainer):
            started.append(True)

    with pytest.raises(OutputError, match=r"cannot write .*ckpt"):
        network(tmp_path / "file" / "ckpt").train(lr=0.01, epochs=1, callbacks=[Started()])
    assert started == []


def test_a_nested_folder_is_made(tmp_path):
    network(tmp_path / "a" / "b" / "c").train(lr=0.01, epochs=1)
    assert (tmp_path / "a/b/c/basenn.pth").exists()


def test_a_disk_that_fills_up_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    model = network(tmp_path)
    model.train(lr=0.01, epochs=1)
    before = (tmp_path / "basenn.pth").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        model.train(lr=0.01, epochs=1)
    assert (tmp_path / "basenn.pth").read_bytes() == before


def test_a_folder_that_goes_away_leaves_history_and_weights(tmp_path, monkeypatch):
    class Spoil(Callback):
        def on_epoch(self, trainer):
            if trainer.epoch == 2:
                shutil.rmtree(tmp_path / "ckpt")
                (tmp_path / "ckpt").write_text("a file")

    monkeypatch.setattr(callbacks, "WRITE_EVERY", 0)
    monkeypatch.setattr(callbacks, "WRITE_SHARE", 0)
    model = network(tmp_path / "ckpt")
    with pytest.raises(OutputError, match=r"after epoch 3; its weights are in memory, and model\.save"):
        model.train(lr=0.01, epochs=5, callbacks=[Spoil()])
    assert [row["epoch"] for row in model.history] == [1, 2, 3]
    model.save(tmp_path / "kept.pth")
    assert same(weights(tmp_path / "kept.pth"), model.model.state_dict())


@pytest.mark.parametrize("name", ["best.pth", "Best.pth", "iris.csv", "iris.CSV"])
def test_names_that_other_files_of_a_training_have_are_refused(tmp_path, name):
    with pytest.raises(TrainingError, match=r"that name is for .*Choose another name, such as 'basenn.pth'"):
        network(tmp_path / "ckpt").train(epochs=1, filename=name)
    assert list(tmp_path.iterdir()) == []


def test_the_history_never_replaces_another_table(tmp_path):
    (tmp_path / "iris.csv").write_text("sepal,kind\n1,0\n2,1\n")
    with pytest.raises(TrainingError, match=r"the history would replace .*iris.csv.*Choose another filename"):
        network(tmp_path).train(epochs=1, filename="iris.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["iris.csv"]
    network(tmp_path).train(epochs=1)
    network(tmp_path).train(epochs=1)  # a history replaces another


@pytest.mark.parametrize(("every", "verbose", "told"), [(0, 1, [1, 2, 3, 4]), (1e9, 1, [1, 4]), (0, 0, [])])
def test_without_a_terminal_epochs_are_told_as_they_go(tmp_path, monkeypatch, capsys, every, verbose, told):
    monkeypatch.setattr(callbacks, "LINE_EVERY", every)
    monkeypatch.setattr(callbacks, "_is_watched", lambda: False)
    seen = []

    class Look(Callback):
        def on_epoch(self, trainer):
            seen.append(capsys.readouterr().err)

    model = network(tmp_path)
    model.verbose = verbose
    model.train(epochs=4, metrics="acc", callbacks=[Look()])
    lines = ("".join(seen) + capsys.readouterr().err).splitlines()
    assert [int(line.split()[1].split("/")[0]) for line in lines] == told
    assert all(line.startswith("epoch ") and "acc" in line for line in lines)
    assert bool(seen[0]) == bool(verbose)


def test_a_folder_in_the_place_of_a_file_is_known_before_the_first_epoch(tmp_path):
    (tmp_path / "basenn.csv").mkdir()
    with pytest.raises(
        OutputError, match=r"cannot write .*basenn.csv: expected the name of a file, got a folder"
    ):
        network(tmp_path).train(epochs=1)


def test_what_train_cannot_do_is_refused(tmp_path):
    model = network(tmp_path)
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
    network(tmp_path, optimizer="SGD").train(lr=0.01, epochs=1)
    with pytest.warns(UserWarning, match="trained with SGD.*AdamW begins without"):
        network(tmp_path, optimizer="AdamW").train(checkpoint=tmp_path / "basenn.pth", epochs=1)


# ---- silence, precision, processes -----------------------------------------------------------------


def test_what_is_said(tmp_path, capsys):
    network(tmp_path).train(lr=0.01, epochs=2)
    assert capsys.readouterr() == ("", "")
    model = network(tmp_path)
    model.verbose = 1
    model.train(lr=0.01, epochs=2, metrics=["acc"])
    out, err = capsys.readouterr()
    assert out == ""
    assert [line[:17] for line in err.splitlines()] == ["epoch 1/2  loss 1", "epoch 2/2  loss 1"]


def test_a_terminal_gets_one_line_per_epoch(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("onnxnn.training.callbacks._is_watched", lambda: True)
    model = network(tmp_path)
    model.verbose = 1
    model.train(lr=0.01, epochs=3)
    err = capsys.readouterr().err
    assert [line[:9] for line in err.replace("\r", "\n").split("\n") if line.startswith("epoch")] == [
        "epoch 1/3", "epoch 2/3", "epoch 3/3"
    ]  # fmt: skip


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16"])
def test_mixed_precision_trains(tmp_path, precision):
    model = network(tmp_path)
    history = model.train(lr=0.01, epochs=3, precision=precision, clip=1.0)
    assert history[-1]["loss"] < history[0]["loss"]
    assert model.model[0].weight.dtype == torch.float32


TWO = """
import sys, numpy as np
from onnxnn import nn
x = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
model = nn("reg", save_fold=sys.argv[1], verbose=0)
model.set_seed(0)
model.load_dataset(x, x.sum(1), batch_size=10, train_val_ratio=0.8)
model.add("linear", size=(4, 1))
model.add(optimizer="SGD")
history = model.train(lr=0.01, epochs=3, devices=int(sys.argv[2]), device="cpu", metrics="mae")
print(history[-1]["loss"], history[-1]["mae"], history[-1]["val_loss"], flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="two processes talk through gloo")
def test_two_processes_learn_what_one_learns(tmp_path):
    script = tmp_path / "two.py"
    script.write_text(TWO)
    found = []
    for devices in ("1", "2"):
        command = [sys.executable, str(script), str(tmp_path / devices), devices]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        numbers = [line for line in ran.stdout.splitlines() if line[:1].isdigit()]
        found += [list(map(float, line.split())) for line in numbers]
    assert len(found) == 3  # one process, then the two
    assert found[0] == pytest.approx(found[1], rel=1e-4)
    assert found[1] == pytest.approx(found[2])
    one, two = (weights(tmp_path / n / "basenn.pth")["linear1.weight"] for n in ("1", "2"))
    torch.testing.assert_close(one, two)
