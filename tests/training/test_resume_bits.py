"""A training that was interrupted and resumed equals one that was not, bit for bit, whatever it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onnxnn import nn
from onnxnn.training.callbacks import Callback

X = np.random.default_rng(0).random((40, 3)).astype(np.float32)
V = X @ [1, 2, 3]
CLASSES = np.arange(40) % 4

CASES = {
    "scaled targets": ("reg", 1e6 * V, None, {}),
    "bounded targets": ("reg", 1e6 * V, "sigmoid", {}),
    "last relu": ("reg", 1e6 * V, "relu", {}),
    "rates": ("reg", np.round(1e3 * V), None, {"loss": "poisson"}),
    "pairs": ("embed", CLASSES, None, {}),
    "ArcFace": ("embed", CLASSES, None, {"loss": "ArcFace"}),
    "average": ("cls", CLASSES, None, {"ema": 0.9}),
    **{
        schedule: ("cls", CLASSES, None, {"schedule": schedule})
        for schedule in ("constant", "cosine", "linear", "step", "exponential", "plateau", "onecycle")
    },
}


class InterruptAt(Callback):
    """Presses Ctrl-C after an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch(self, trainer):
        if trainer.epoch == self.epoch:
            raise KeyboardInterrupt


def built(task, folder, load, activation):
    model = nn(task, save_fold=str(folder), verbose=0)
    model.set_seed(0)
    load(model)
    model.add("linear", size=(3, 8))
    model.add("batchnorm1d", size=8)
    model.add("linear", size=(8, 1 if task == "reg" else 4), activation=activation)
    return model


def assert_the_same(resumed, whole):
    pairs = zip(resumed.model.state_dict().values(), whole.model.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert resumed.history == whole.history
    assert np.array_equal(resumed.inference(X), whole.inference(X))


@pytest.mark.parametrize("ratio", [1.0, 0.8])
@pytest.mark.parametrize("name", CASES)
def test_an_interrupted_training_is_finished(tmp_path, name, ratio):
    task, y, activation, options = CASES[name]

    def load(model):
        model.load_dataset(X, y, batch_size=8, train_val_ratio=ratio)

    whole = built(task, tmp_path / "whole", load, activation)
    whole.train(lr=0.05, epochs=4, **options)
    built(task, tmp_path, load, activation).train(lr=0.05, epochs=4, callbacks=[InterruptAt(2)], **options)
    resumed = built(task, tmp_path, load, activation)
    resumed.set_seed(7)
    resumed.train(resume=tmp_path / "basenn.pth")
    assert_the_same(resumed, whole)


@pytest.mark.parametrize(
    "name", ["scaled targets", "bounded targets", "rates", "pairs", "ArcFace", "average"]
)
def test_epochs_are_added(tmp_path, name):
    task, y, activation, options = CASES[name]

    def load(model):
        model.load_dataset(X, y, batch_size=8)

    whole = built(task, tmp_path / "whole", load, activation)
    whole.train(lr=0.05, epochs=4, **options)
    built(task, tmp_path, load, activation).train(lr=0.05, epochs=2, **options)
    resumed = built(task, tmp_path, load, activation)
    resumed.set_seed(7)
    resumed.train(epochs=2, checkpoint=tmp_path / "basenn.pth", **options)
    assert_the_same(resumed, whole)


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("task", ["cls", "reg"])
def test_columns_are_resumed_by_name(tmp_path, task, standardize):
    y = CLASSES if task == "cls" else 1e5 * V + 0.5
    table = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "label": y}
    for file, names in (("first.csv", "a b c label"), ("later.csv", "c a b label")):
        rows = zip(*(table[name].tolist() for name in names.split()), strict=True)
        lines = [names.replace(" ", ","), *(",".join(map(repr, row)) for row in rows)]
        (tmp_path / file).write_text("\n".join(lines), encoding="utf-8")

    def load(file):
        return lambda model: model.load_tab_data(
            str(tmp_path / file), batch_size=8, standardize=standardize, train_val_ratio=0.8
        )

    whole = built(task, tmp_path / "whole", load("first.csv"), None)
    whole.train(lr=0.05, epochs=4)
    built(task, tmp_path, load("first.csv"), None).train(lr=0.05, epochs=4, callbacks=[InterruptAt(2)])
    resumed = built(task, tmp_path, load("later.csv"), None)
    resumed.train(resume=tmp_path / "basenn.pth")
    assert_the_same(resumed, whole)
