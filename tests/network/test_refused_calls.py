"""A refused call leaves a network as it was, because nothing was changed: the same objects stand there."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import OnnxnnError

from onnxnn import Callback, Network, nn

RNG = np.random.default_rng(0)
X, Y = RNG.random((12, 4), np.float32), np.arange(12) % 3


def network(folder, custom=False):
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.set_seed(0)
    model.load_dataset(X, Y, batch_size=4, train_val_ratio=0.75)
    model.add("linear", size=(4, 5), activation="relu")
    if custom:
        model.add(torch.nn.Sequential(torch.nn.Linear(5, 5), torch.nn.BatchNorm1d(5)))
    model.add("linear", size=(5, 3), activation="softmax")
    return model


class World:
    """Trained networks, and files to call them with."""

    def __init__(self, folder):
        self.folder = folder
        self.models = {}
        for name, custom in (("plain", False), ("custom", True)):
            self.models[name] = model = network(folder / name, custom)
            model.train(lr=0.05, epochs=2)
            model.save(folder / f"{name}.pth")
            model.train(lr=0.05, epochs=1)
            model.inference(X)
        other = nn("cls", save_fold=str(folder / "other"), verbose=0)
        other.load_dataset(RNG.random((6, 7), np.float32), np.arange(6) % 2)
        other.add("linear", size=(7, 2), activation="softmax")
        other.train(epochs=1)
        (folder / "broken.pth").write_bytes(b"no checkpoint")
        (folder / "bad.csv").write_text("a,b,c,d,label\n1,2,3,x,cat\n1,2,3,4,dog\n", encoding="utf-8")
        (folder / "taken").mkdir()

    def path(self, name):
        return str(self.folder / name)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("refused"))


CHECKPOINT, OTHER, BROKEN, TAKEN = ("<checkpoint>", "other/basenn.pth", "broken.pth", "taken")
"""Files of the world: of the network at hand, of another one, and none at all."""

REFUSED = {
    "add": [
        {"layer": "lineer"},
        {"layer": "linear", "size": (9, 2)},
        {"layer": "linear", "size": (3, 2), "optimizer": "Adem"},
        {"optimizer": "SGD", "momentun": 0.9},
        {"activation": "rellu"},
    ],
    "load_img_data": [{"data_path": TAKEN}, {"data_path": "nowhere"}],
    "load_tab_data": [{"data_path": "bad.csv"}, {"data_path": "nowhere.csv"}],
    "load_npz_data": [{"data_path": "bad.csv"}],
    "load_dataset": [
        {"x": X[:, :2], "y": Y},
        {"x": X, "y": Y[:5]},
        {"x": X, "y": [f"unknown{label}" for label in Y] + ["more"]},
        {"x": X, "y": Y, "train_val_ratio": 7},
    ],
    "train": [
        {"lr": -1},
        {"epochs": 0},
        {"loss": "ArcFace"},
        {"filename": "../taken"},
        {"checkpoint": OTHER},
        {"checkpoint": BROKEN},
        {"checkpoint": CHECKPOINT, "resume": CHECKPOINT},
        {"checkpoint": CHECKPOINT, "loss": "MSELos"},
        {"checkpoint": CHECKPOINT, "loss": "ArcFace"},
        {"checkpoint": CHECKPOINT, "monitor": "val_acc"},
        {"checkpoint": CHECKPOINT, "filename": "../taken"},
        {"resume": OTHER},
    ],
    "unfreeze": [{}, {"last": 2}],
    "evaluate": [{"data": (X[:, :2], Y)}, {"loss": "nll"}, {"metrics": "speed"}],
    "set_seed": [{"seed": -1}],
    "plot_history": [{"path": TAKEN}],
    "save": [{"model_path": TAKEN}],
    "load": [{"model_path": BROKEN}],
    "load_weights": [{"path": OTHER}, {"path": BROKEN}],
    "export": [
        {"path": "a.onnx", "opset_version": 99},
        {"path": TAKEN},
        {"path": "a.onnx", "checkpoint": BROKEN},
        {"path": "a.onnx", "checkpoint": CHECKPOINT, "opset_version": 99},
        {"path": "a.onnx", "checkpoint": CHECKPOINT, "sampler": "ddim"},
        {"path": TAKEN, "checkpoint": CHECKPOINT},
        {"path": CHECKPOINT, "checkpoint": CHECKPOINT},
    ],
    "convert": [
        {"checkpoint": CHECKPOINT, "out_file": TAKEN},
        {"checkpoint": CHECKPOINT, "out_file": "a.onnx", "ir_version": 99},
        {"backend": "TensorRT"},
    ],
    "inference": [
        {"data": X[:, :2]},
        {"data": X, "num": 4},
        {"data": None},
        {"data": X[:, :2], "checkpoint": CHECKPOINT},
        {"data": X, "steps": 4, "checkpoint": CHECKPOINT},
        {"data": X, "checkpoint": BROKEN},
    ],
    "generate": [{"prompt": "a"}],
    "print_result": [{"result": np.zeros((2, 2, 2, 2))}],
    "heatmap": [{"img": X[:1]}, {}],
    "cross_validate": [{"k": 1}, {"k": 2}],
    "feature_importance": [{"data": X, "labels": [0] * len(X), "repeats": 0}, {"data": X}],
    "report": [{"data": X, "labels": [9] * len(X)}, {"data": X}],
    "noisy": [{"data": X}],
    "sample": [{"num": 1}],
    "interpolate": [{"first": X, "second": X}],
    "show": [{"data": X}],
    "visual_feature": [{"img": X[:, :2]}, {"img": X, "data": X}],
    "visual_filters": [{"path": TAKEN}, {"path": "a.png", "before": BROKEN}],
    "extract_feature": [{"img": X[:, :2]}, {}],
    "card": [{"language": "zh"}],
    "print_model": [{"depth": 1}],
    "summary": [{"depth": 1}],
}
"""Method -> arguments that it refuses."""

CASES = [
    pytest.param(method, given, id=f"{method}-{number}")
    for method, calls in REFUSED.items()
    for number, given in enumerate(calls)
]


def test_every_public_method_is_here():
    public = {name for name, value in inspect.getmembers(Network, inspect.isfunction) if name[0] != "_"}
    assert set(REFUSED) == public


def objects(model):
    """Return what a network holds, by attribute; the state and what it is made of too."""
    state = model._state
    return {**vars(model), "data": state.data, "definition": state.definition, "net": state.net}


def check_unchanged(model, before, weights, training):
    after = objects(model)
    assert after.keys() == before.keys()
    changed = [name for name, value in before.items() if after[name] is not value]
    assert changed == []
    assert model.model.training is training
    assert all(torch.equal(value, weights[name]) for name, value in model.model.state_dict().items())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["plain", "custom"])
@pytest.mark.parametrize(("method", "given"), CASES)
def test_a_refused_call_changes_nothing(world, kind, method, given, monkeypatch):
    monkeypatch.chdir(world.folder)
    model = copy.deepcopy(world.models[kind])
    given = {name: f"{kind}.pth" if value is CHECKPOINT else value for name, value in given.items()}
    before, training = objects(model), model.model.training
    weights = {name: value.clone() for name, value in model.model.state_dict().items()}
    history, result = list(model.history), model.result.copy()
    with pytest.raises(OnnxnnError):
        getattr(model, method)(**given)
    check_unchanged(model, before, weights, training)
    assert list(model.history) == history
    assert np.array_equal(model.result, result)


@pytest.mark.parametrize("attribute", ["task", "optimizer", "color", "verbose", "save_fold", "word2idx"])
def test_a_refused_attribute_changes_nothing(world, attribute):
    model = copy.deepcopy(world.models["plain"])
    before, training = objects(model), model.model.training
    weights = {name: value.clone() for name, value in model.model.state_dict().items()}
    with pytest.raises(OnnxnnError):
        setattr(model, attribute, -1)
    check_unchanged(model, before, weights, training)


class After(Callback):
    """Do something after an epoch."""

    def __init__(self, epochs, act):
        self.epochs, self.act = epochs, act

    def on_epoch(self, trainer):
        if trainer.epoch == self.epochs:
            self.act(trainer)


def raising(error):
    def act(trainer):
        raise error

    return act
