"""What a training says at its end, and what a resumed one keeps."""

from __future__ import annotations

import numpy as np
import pytest

from onnxnn import nn
from onnxnn.checkpoint import checkpoint
from onnxnn.training.advice import advice
from onnxnn.training.history import History


def network(folder, build=True, verbose=0, labels=None):
    model = nn(save_fold=str(folder), verbose=verbose)
    model.set_seed(0)
    x = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)
    y = np.arange(60) % 3 if labels is None else labels
    model.load_dataset(x + 2 * np.eye(3, 4)[y], y, batch_size=20, train_val_ratio=0.8)
    if build:
        model.add("linear", size=(4, 32), activation="relu")
        model.add("linear", size=(32, 3), activation="softmax")
    return model


@pytest.mark.parametrize("build", [False, True])
@pytest.mark.parametrize(
    ("optimizer", "options"),
    [("SGD", {}), ("SGD", {"momentum": 0.5}), ("RMSprop", {}), ("Adam", {"weight_decay": 0.1})],
)
def test_a_fresh_network_keeps_the_optimizer_of_its_checkpoint(tmp_path, optimizer, options, build):
    whole = network(tmp_path / "whole")
    whole.add(optimizer=optimizer, **options)
    expected = whole.train(lr=0.01, epochs=3)
    first = network(tmp_path)
    first.add(optimizer=optimizer, **options)
    first.train(lr=0.01, epochs=1)
    later = network(tmp_path, build)
    assert later.train(epochs=2, checkpoint=tmp_path / "basenn.pth") == expected
    settings = checkpoint.load(tmp_path / "basenn.pth").training["settings"]
    assert later.optimizer == settings["optimizer"] == optimizer
    assert settings["optimizer_options"] == options


def test_an_optimizer_that_is_chosen_counts(tmp_path):
    network(tmp_path).train(lr=0.01, epochs=1)
    later = network(tmp_path)
    later.add(optimizer="SGD")
    with pytest.warns(UserWarning, match="SGD begins without") as found:
        later.train(epochs=1, checkpoint=tmp_path / "basenn.pth")
    assert found[0].filename == __file__
    assert checkpoint.load(tmp_path / "basenn.pth").training["settings"]["optimizer"] == "SGD"


def test_the_best_epoch_is_said_and_kept(tmp_path, capsys):
    model = network(tmp_path, verbose=1)
    history = model.train(lr=0.05, epochs=12, metrics=["acc"])
    losses = history.column("val_loss")
    best = 1 + losses.index(min(losses))
    assert f"best epoch {best} of 12: val_loss" in capsys.readouterr().err
    assert history.best_epoch == best
    assert checkpoint.load(tmp_path / "best.pth").training["epoch"] == best


@pytest.mark.parametrize("metrics", [["acc"], []])
def test_validation_at_chance_is_said_with_what_to_try(tmp_path, capsys, metrics):
    draw = np.random.default_rng(3)
    model = nn(save_fold=str(tmp_path))
    model.set_seed(0)
    x = draw.standard_normal((60, 40)).astype(np.float32)
    model.load_dataset(x, draw.integers(0, 6, 60), train_val_ratio=0.5)
    model.add("linear", size=(40, 128), activation="relu")
    model.add("linear", size=(128, 6), activation="softmax")
    history = model.train(lr=0.02, epochs=40, metrics=metrics)
    said = capsys.readouterr().err
    row = history[-1]
    at_chance = all(r["val_acc"] <= 1.25 / 6 for r in history[-5:]) if metrics else row["val_loss"] > 1.8
    assert ("no better than a guess" in said) == at_chance
    assert at_chance or metrics


def test_advice_needs_a_perfect_training_and_validation_at_chance():
    def rows(acc, val_acc):
        return History(
            {"epoch": n, "loss": 0.1, "acc": acc, "val_loss": 3.0, "val_acc": val_acc} for n in range(6)
        )

    assert any("guess" in line for line in advice(rows(1.0, 1 / 3), 3, 48, 12))
    assert not advice(rows(1.0, 0.8), 3, 48, 12)
    assert not advice(rows(0.4, 1 / 3), 3, 48, 12)
    assert any("coarse" in line for line in advice(rows(1.0, 0.8), 3, 48, 3))
