"""Training goes to its end whatever becomes of its side files, its streams and its callbacks."""

from __future__ import annotations

import io
import os
import sys
import warnings

import numpy as np
import pytest
from onnxnn_runtime.errors import OutputError
from support.posix import posix
from support.streams import OnlyWrites

from onnxnn import nn
from onnxnn.training import callbacks
from onnxnn.training.callbacks import Callback

pytestmark = pytest.mark.needs_torch


def classifier(folder, verbose=0):
    model = nn("cls", save_fold=str(folder), verbose=verbose)
    x = np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32)
    model.load_dataset(x, (x[:, 0] > 0).astype(int), classes=["猫", "狗"], batch_size=8)
    model.add("linear", size=(4, 2), activation="softmax")
    return model


def denoiser(folder, verbose=0):
    model = nn(save_fold=str(folder), verbose=verbose)
    x = np.random.default_rng(0).integers(0, 256, (8, 8, 8), dtype=np.uint8)
    model.load_dataset(x, [0, 1] * 4, batch_size=8)
    model.add("diffusion_model", img_size=8, timestep=20, dim=8, dim_mults=(1, 2), attention=False)
    return model


class Only(Callback):
    """Make a kind of file fail in some epochs."""

    def __init__(self, monkeypatch, suffix, epochs, number):
        self.patch, self.suffix, self.epochs, self.number = monkeypatch, suffix, epochs, number
        self.real = os.replace

    def replace(self, source, target):
        if str(target).endswith(self.suffix) and self.epoch in self.epochs:
            raise OSError(self.number, os.strerror(self.number))
        self.real(source, target)

    def on_start(self, trainer):
        self.epoch = 1
        self.patch.setattr(os, "replace", self.replace)

    def on_epoch(self, trainer):
        self.epoch = trainer.epoch + 1


@pytest.fixture(autouse=True)
def write_each_epoch(monkeypatch):
    monkeypatch.setattr(callbacks, "WRITE_EVERY", 0)
    monkeypatch.setattr(callbacks, "WRITE_SHARE", 0)


@pytest.mark.parametrize("number", [28, 30, 122, 5], ids=["full", "read-only", "quota", "broken"])
@pytest.mark.parametrize(
    ("make", "suffix", "left"),
    [
        (classifier, ".csv", "basenn.csv"),
        (denoiser, ".csv", "basenn.csv"),
        pytest.param(denoiser, ".png", "samples", marks=pytest.mark.slow),
    ],
)
def test_a_side_file_that_cannot_be_written_is_one_warning(tmp_path, monkeypatch, make, suffix, left, number):
    model = make(tmp_path)
    failing = Only(monkeypatch, suffix, range(1, 99), number)
    with pytest.warns(UserWarning, match=r"cannot write .*Training continues without it") as caught:
        history = model.train(epochs=4, callbacks=[failing])
    assert len(caught) == 1
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert (tmp_path / "basenn.pth").is_file()
    if left != "samples":
        assert not (tmp_path / left).exists()
    assert not [
        name for _, _, names in os.walk(tmp_path) for name in names if name.endswith((suffix, ".part"))
    ]


@pytest.mark.parametrize(
    ("make", "suffix", "left"),
    [(classifier, ".csv", "basenn.csv"), (denoiser, ".png", "samples/epoch_0004.png")],
)
def test_later_epochs_try_again(tmp_path, monkeypatch, make, suffix, left):
    model = make(tmp_path)
    with pytest.warns(UserWarning, match="tries again after later epochs"):
        model.train(epochs=4, callbacks=[Only(monkeypatch, suffix, (1, 2), 28)])
    assert (tmp_path / left).stat().st_size > 0


def test_a_checkpoint_that_cannot_be_written_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(OutputError, match=r"its weights are in memory"):
        classifier(tmp_path).train(epochs=4, callbacks=[Only(monkeypatch, ".pth", range(1, 99), 28)])


# ---- streams ----------------------------------------------------------------------------------


class Gone:
    encoding = "utf-8"

    def write(self, text):
        raise OSError(5, "Input/output error")

    def flush(self):
        raise OSError(5, "Input/output error")

    def isatty(self):
        return True

    def fileno(self):
        raise io.UnsupportedOperation


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


def ascii_only():
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


STREAMS = {
    "none": lambda: None,
    "only writes": OnlyWrites,
    "gone": Gone,
    "closed": closed,
    "ascii": ascii_only,
}


@pytest.mark.parametrize("make", list(STREAMS.values()), ids=list(STREAMS))
def test_everything_works_on_any_stream(tmp_path, monkeypatch, make):
    """Adding, training, telling, exporting: with Chinese class names, and all that prints."""
    monkeypatch.setattr(sys, "stdout", make())
    monkeypatch.setattr(sys, "stderr", make())
    model = classifier(tmp_path, verbose=1)
    assert len(model.train(epochs=2, metrics="acc")) == 2
    model.inference(np.zeros((1, 4), np.float32), show=True)
    assert model.print_result()[0]["预测值"] in ("猫", "狗")
    assert "linear1" in model.summary()
    model.print_model()
    model.export(tmp_path / "model.onnx", script=True)
    assert (tmp_path / "model.py").is_file()
    from onnxnn import pth_info

    assert pth_info(tmp_path / "basenn.pth")["CLASSES"] == ["猫", "狗"]


@pytest.mark.parametrize("make", list(STREAMS.values()), ids=list(STREAMS))
def test_drawing_works_on_any_stream(tmp_path, monkeypatch, make):
    monkeypatch.setattr(sys, "stdout", make())
    monkeypatch.setattr(sys, "stderr", make())
    model = denoiser(tmp_path, verbose=1)
    model.train(epochs=1)
    images = model.inference(num=4, steps=2, seed=0)
    assert model.show(images).is_file()
    assert len(model.noisy(np.zeros((8, 8), np.uint8), timestep=10, num=3)) == 3


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "猫"), ("cp1252", "?"), ("latin-1", "?"), ("ascii", "?")]
)
def test_print_result_replaces_what_stdout_cannot_hold(tmp_path, monkeypatch, encoding, shown):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    model = classifier(tmp_path)
    found = model.print_result(np.array([[0.9, 0.1]], np.float32))
    sys.stdout.flush()
    assert found[0]["预测值"] == "猫"
    assert f"'{shown}'" in raw.getvalue().decode(encoding)


def test_idle_gets_lines_and_no_bar(tmp_path, monkeypatch):
    """IDLE says that it is a terminal, and shows a bar's every move as one more line."""
    run = pytest.importorskip("idlelib.run")
    shown = []

    class Shell:
        def write(self, text, tags=()):
            shown.append(text)
            return len(text)

    monkeypatch.setattr(sys, "stderr", run.StdOutputFile(Shell(), "stderr"))
    monkeypatch.setattr(callbacks, "LINE_EVERY", 0)
    classifier(tmp_path, verbose=1).train(epochs=3)
    lines = "".join(shown).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]


# ---- what users hook in -----------------------------------------------------------------------


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration, GeneratorExit, RuntimeError, KeyError])
@pytest.mark.parametrize("moment", ["on_start", "on_step", "on_epoch", "on_end"])
def test_what_a_callback_raises_is_passed_on_as_it_is(tmp_path, error, moment):
    raised = error("mine")

    def stop(self, trainer):
        raise raised

    class Mine(Callback):
        pass

    setattr(Mine, moment, stop)
    with pytest.raises(error) as found:
        classifier(tmp_path).train(epochs=2, callbacks=[Mine()])
    assert found.value is raised


def test_what_a_drawing_callback_raises_is_passed_on_as_it_is(tmp_path):
    raised = StopIteration("mine")

    def stop(step, images):
        raise raised

    with pytest.raises(StopIteration) as found:
        denoiser(tmp_path).sample(2, steps=2, callback=stop)
    assert found.value is raised


def test_nothing_is_warned_of_where_all_is_well(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        denoiser(tmp_path).train(epochs=2)
    assert (tmp_path / "samples" / "epoch_0002.png").is_file()


@posix
def test_a_folder_that_no_file_system_can_name_is_one_error(tmp_path):
    with pytest.raises(OutputError, match="no file system can hold this name"):
        classifier(tmp_path / "\ud800").train(epochs=1)
