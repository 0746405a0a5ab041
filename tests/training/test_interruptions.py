"""Interrupted and resumed trainings, seeds, threads."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from support.flowers import flower_network, flowers
from support.posix import posix
from support.weights import same_weights, saved_weights

from onnxnn import nn
from onnxnn.checkpoint import checkpoint
from onnxnn.training.callbacks import Callback
from onnxnn.training.interruptions import Interruptions
from onnxnn.training.optimizers import make_optimizer

# ---- repeatable, and resumed ------------------------------------------------------------------------


def test_same_seed_same_bits(tmp_path):
    first = flower_network(tmp_path / "a").train(lr=0.01, epochs=3, metrics=["acc"])
    second = flower_network(tmp_path / "b").train(lr=0.01, epochs=3, metrics=["acc"])
    assert (first, first.steps) == (second, second.steps)
    assert same_weights(saved_weights(tmp_path / "a/basenn.pth"), saved_weights(tmp_path / "b/basenn.pth"))


@pytest.mark.parametrize("optimizer", ["Adam", "SGD", "RMSprop", "Adagrad", "ASGD", "AdamW"])
def test_four_epochs_and_six_more_are_ten(tmp_path, optimizer):
    whole = flower_network(tmp_path / "whole", ratio=0.8, optimizer=optimizer).train(
        lr=0.01, epochs=10, metrics="acc"
    )
    flower_network(tmp_path / "parts", ratio=0.8, optimizer=optimizer).train(lr=0.01, epochs=4, metrics="acc")
    later = flower_network(tmp_path / "parts", ratio=0.8, optimizer=optimizer)
    torch.manual_seed(99)  # the checkpoint brings its own
    parts = later.train(epochs=6, checkpoint=tmp_path / "parts/basenn.pth", metrics="acc")
    assert parts == whole
    assert [row["epoch"] for row in parts] == list(range(1, 11))
    assert same_weights(
        saved_weights(tmp_path / "parts/basenn.pth"), saved_weights(tmp_path / "whole/basenn.pth")
    )


def test_a_new_learning_rate_wins(tmp_path):
    flower_network(tmp_path).train(lr=0.01, epochs=1)
    assert flower_network(tmp_path).train(epochs=1, checkpoint=tmp_path / "basenn.pth")[-1]["lr"] == 0.01
    history = flower_network(tmp_path).train(lr=0.5, epochs=1, checkpoint=tmp_path / "basenn.pth")
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
    whole = flower_network(tmp_path / "whole").train(**options)

    class Killed(Callback):
        def on_epoch(self, trainer):
            if trainer.epoch == 4:
                raise SystemExit  # nothing is written any more, as after a power cut

    monkeypatch.setattr("onnxnn.training.callbacks.WRITE_EVERY", 0.0)
    monkeypatch.setattr("onnxnn.training.callbacks.WRITE_SHARE", 0.0)
    with pytest.raises(SystemExit):
        flower_network(tmp_path / "cut").train(**options, callbacks=[Killed()])
    assert checkpoint.load(tmp_path / "cut/basenn.pth").training["epoch"] == 4
    history = flower_network(tmp_path / "cut").train(resume=tmp_path / "cut/basenn.pth")
    assert history == whole
    assert same_weights(
        saved_weights(tmp_path / "cut/basenn.pth"), saved_weights(tmp_path / "whole/basenn.pth")
    )


def test_ctrl_c_keeps_what_was_learned(tmp_path, capsys):
    model = flower_network(tmp_path)
    model.verbose = 1
    history = model.train(lr=0.01, epochs=9, callbacks=[StopAfter(2, step=1)])
    assert [row["epoch"] for row in history] == [1, 2]
    assert "stopped by Ctrl-C: 2 of 9 epochs done, what was learned is kept." in capsys.readouterr().err
    assert same_weights(saved_weights(tmp_path / "basenn.pth"), dict(model.model.state_dict()))
    finished = flower_network(tmp_path).train(resume=tmp_path / "basenn.pth")
    assert [row["epoch"] for row in finished] == list(range(1, 10))


WRITING = """
import signal, sys, numpy as np, torch
from onnxnn import nn

class Interrupting:
    def __init__(self, file):
        self.file = file
    def write(self, data):
        signal.raise_signal(signal.SIGINT)
        return self.file.write(data)
    def __getattr__(self, name):
        return getattr(self.file, name)

save = torch.save
torch.save = lambda content, file: save(content, Interrupting(file))
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts without it
model = nn("cls", save_fold=sys.argv[1], verbose=0)
model.load_dataset(np.eye(6, 4, dtype=np.float32), np.arange(6) % 2)
model.add("linear", size=(4, 2), activation="softmax")
try:
    history = model.train(lr=0.01, epochs=9)
except KeyboardInterrupt:  # the last checkpoint's
    history = model.history
save(dict(model.model.state_dict()), sys.argv[1] + "/now.pt")
print("epochs", len(history), flush=True)
"""


def test_ctrl_c_waits_for_a_checkpoint_to_be_written(tmp_path):
    """Every write gets Ctrl-C."""
    command = [sys.executable, "-c", WRITING, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "epochs 1\n" in done.stdout
    now = torch.load(tmp_path / "now.pt", weights_only=True)
    assert same_weights(saved_weights(tmp_path / "basenn.pth"), now)


SCRIPT = """
import signal, sys, numpy as np
from onnxnn import nn
from onnxnn.training.callbacks import Callback
class Announce(Callback):
    def on_epoch(self, trainer):
        print("epoch", flush=True)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts without it
model = nn("cls", save_fold=sys.argv[1])
model.load_dataset(np.zeros((6, 4), np.float32), np.arange(6) % 2)
model.add("linear", size=(4, 2), activation="softmax")
history = model.train(lr=0.01, epochs=10**7, callbacks=[Announce()])
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


def test_later_calls_continue_training_in_training_mode(tmp_path):
    model = flower_network(tmp_path)
    model.train(lr=0.01, epochs=1)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    model.inference(flowers()[0])
    modes = []

    class Look(Callback):
        def on_step(self, trainer):
            modes.append(trainer.net.training)

    model.train(lr=0.01, epochs=1, callbacks=[Look()])
    assert modes == [True] * 3
    assert not same_weights(before, dict(model.model.state_dict()))


# ---- Ctrl-C that has to wait ------------------------------------------------------------------------


def test_an_optimizer_is_made_before_ctrl_c_counts():
    """The first one imports hundreds of modules, which Python would leave half imported."""
    made = []

    def parameters():
        signal.raise_signal(signal.SIGINT)
        yield torch.nn.Parameter(torch.zeros(2))
        made.append(True)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has none
    try:
        with pytest.raises(KeyboardInterrupt):
            make_optimizer("SGD", parameters(), 0.1)
        assert made == [True]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_optimizer_is_made_in_any_thread():
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(make_optimizer, "SGD", [torch.nn.Parameter(torch.zeros(2))], 0.1).result()
    assert made.param_groups[0]["lr"] == 0.1


@posix
def test_several_processes_count_ctrl_c_to_end_together(monkeypatch):
    monkeypatch.setattr("onnxnn.training.interruptions._ONE", 0.05)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has none
    try:
        found = Interruptions()
        with found.counted():
            for _ in range(2):  # the terminal's and torchrun's
                signal.raise_signal(signal.SIGINT)
            assert found.count == 2
            time.sleep(0.1)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        with found.counted(False), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
