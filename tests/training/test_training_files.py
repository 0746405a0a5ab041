"""Files and lines that training writes, and folders that it cannot write to."""

from __future__ import annotations

import os
import shutil

import pytest
from onnxnn_runtime.errors import (
    OutputError,
    TrainingError,
)
from support.flowers import flower_network
from support.weights import same_weights, saved_weights

from onnxnn.training import callbacks
from onnxnn.training.callbacks import Callback


def test_an_unwritable_folder_is_known_before_the_first_epoch(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    started = []

    class Started(Callback):
        def on_start(self, trainer):
            started.append(True)

    with pytest.raises(OutputError, match=r"cannot write .*ckpt"):
        flower_network(tmp_path / "file" / "ckpt").train(lr=0.01, epochs=1, callbacks=[Started()])
    assert started == []


def test_a_nested_folder_is_made(tmp_path):
    flower_network(tmp_path / "a" / "b" / "c").train(lr=0.01, epochs=1)
    assert (tmp_path / "a/b/c/basenn.pth").exists()


def test_a_disk_that_fills_up_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    model = flower_network(tmp_path)
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
                (tmp_path / "ckpt").write_text("a file", encoding="utf-8")

    monkeypatch.setattr(callbacks, "WRITE_EVERY", 0)
    monkeypatch.setattr(callbacks, "WRITE_SHARE", 0)
    model = flower_network(tmp_path / "ckpt")
    with pytest.raises(OutputError, match=r"after epoch 3; its weights are in memory, and model\.save"):
        model.train(lr=0.01, epochs=5, callbacks=[Spoil()])
    assert [row["epoch"] for row in model.history] == [1, 2, 3]
    model.save(tmp_path / "kept.pth")
    assert same_weights(saved_weights(tmp_path / "kept.pth"), model.model.state_dict())


@pytest.mark.parametrize("name", ["best.pth", "Best.pth", "iris.csv", "iris.CSV"])
def test_names_that_other_files_of_a_training_have_are_refused(tmp_path, name):
    with pytest.raises(TrainingError, match=r"that name is for .*Choose another name, such as 'basenn.pth'"):
        flower_network(tmp_path / "ckpt").train(epochs=1, filename=name)
    assert list(tmp_path.iterdir()) == []


def test_the_history_never_replaces_another_table(tmp_path):
    (tmp_path / "iris.csv").write_text("sepal,kind\n1,0\n2,1\n", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"the history would replace .*iris.csv.*Choose another filename"):
        flower_network(tmp_path).train(epochs=1, filename="iris.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["iris.csv"]
    flower_network(tmp_path).train(epochs=1)
    flower_network(tmp_path).train(epochs=1)  # a history replaces another


@pytest.mark.parametrize(
    ("every", "verbose", "expected"), [(0, 1, [1, 2, 3, 4]), (1e9, 1, [1, 4]), (0, 0, [])]
)
def test_without_a_terminal_each_epoch_is_a_line(tmp_path, monkeypatch, capsys, every, verbose, expected):
    monkeypatch.setattr(callbacks, "LINE_EVERY", every)
    monkeypatch.setattr(callbacks, "_is_watched", lambda: False)
    seen = []

    class Look(Callback):
        def on_epoch(self, trainer):
            seen.append(capsys.readouterr().err)

    model = flower_network(tmp_path)
    model.verbose = verbose
    model.train(epochs=4, metrics="acc", callbacks=[Look()])
    lines = ("".join(seen) + capsys.readouterr().err).splitlines()
    assert [int(line.split()[1].split("/")[0]) for line in lines] == expected
    assert all(line.startswith("epoch ") and "acc" in line for line in lines)
    assert bool(seen[0]) == bool(verbose)


def test_a_folder_in_the_place_of_a_file_is_known_before_the_first_epoch(tmp_path):
    (tmp_path / "basenn.csv").mkdir()
    with pytest.raises(
        OutputError, match=r"cannot write .*basenn.csv: expected the name of a file, got a folder"
    ):
        flower_network(tmp_path).train(epochs=1)


# ---- silence, precision, processes -----------------------------------------------------------------


def test_what_is_said(tmp_path, capsys):
    flower_network(tmp_path).train(lr=0.01, epochs=2)
    assert capsys.readouterr() == ("", "")
    model = flower_network(tmp_path)
    model.verbose = 1
    model.train(lr=0.01, epochs=2, metrics=["acc"])
    out, err = capsys.readouterr()
    assert out == ""
    assert [line[:17] for line in err.splitlines()] == ["epoch 1/2  loss 1", "epoch 2/2  loss 1"]


def test_a_terminal_gets_one_line_per_epoch(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("onnxnn.training.callbacks._is_watched", lambda: True)
    model = flower_network(tmp_path)
    model.verbose = 1
    model.train(lr=0.01, epochs=3)
    err = capsys.readouterr().err
    assert [line[:9] for line in err.replace("\r", "\n").split("\n") if line.startswith("epoch")] == [
        "epoch 1/3", "epoch 2/3", "epoch 3/3"
    ]  # fmt: skip
