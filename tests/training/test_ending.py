"""What training puts at the end of a network: probabilities of classes, and the units of values."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch

from onnxnn import nn
from onnxnn.checkpoint import checkpoint


class Scores(torch.nn.Module):
    """A custom module that ends in scores."""

    def __init__(self, outputs):
        super().__init__()
        self.linear = torch.nn.Linear(8, outputs)

    def forward(self, x):
        return self.linear(x)


class LogProbabilities(Scores):
    """The same in logarithms of probabilities."""

    def forward(self, x):
        return torch.log_softmax(super().forward(x), -1)


class Positive(Scores):
    """A custom module that gives nothing below 0."""

    def forward(self, x):
        return torch.relu(super().forward(x))


def rows(count=40, features=4):
    x = np.random.default_rng(0).standard_normal((count, features)).astype(np.float32)
    return x, x @ np.arange(1, features + 1) + np.random.default_rng(1).standard_normal(count) * 0.1


def network(task, layers, x, y, folder, **options):
    model = nn(task, save_fold=str(folder), verbose=0)
    model.set_seed(0)
    model.load_dataset(x, y, batch_size=10, **options)
    for layer in layers:
        if isinstance(layer, torch.nn.Module):
            model.add(layer)
        else:
            name, given = layer
            model.add(name, **given)
    return model


def classifier(ending, folder, count=2, steps=None):
    x, values = rows()
    y = np.digitize(values, np.quantile(values, np.arange(1, count) / count))
    if steps:
        x, y = np.repeat(x[:, None], steps, 1), np.repeat(y[:, None], steps, 1)
    return network("cls", [("linear", {"size": (4, 8), "activation": "relu"}), *ending], x, y, folder), x


CLASSIFIERS = [
    ([("linear", {"size": (8, 3)})], 3, None, None),
    ([("linear", {"size": (8, 3)})], 3, "CrossEntropyLoss", None),
    ([("linear", {"size": (8, 3)})], 3, "sparse_categorical_crossentropy", None),
    ([("linear", {"size": (8, 3)})], 3, None, 5),
    ([("linear", {"size": (8, 3)}), ("dropout", {"p": 0.1})], 3, "KLDivLoss", None),
    ([("linear", {"size": (8, 1)})], 2, "BCEWithLogitsLoss", None),
    ([("linear", {"size": (8, 3)})], 3, "MultiLabelSoftMarginLoss", None),
    ([Scores(3)], 3, None, None),
    ([LogProbabilities(3)], 3, "NLLLoss", None),
]


@pytest.mark.parametrize(("ending", "count", "loss", "steps"), CLASSIFIERS)
def test_scores_of_a_classifier_are_probabilities(tmp_path, ending, count, loss, steps):
    model, x = classifier(ending, tmp_path, count, steps)
    history = model.train(lr=0.05, epochs=3, loss=loss, metrics=["acc"])
    found = model.inference(x)
    assert found.min() >= 0
    assert found.max() <= 1
    if found.shape[-1] == count and loss != "MultiLabelSoftMarginLoss":
        assert found.sum(-1) == pytest.approx(1, abs=1e-5)
    rated = model.evaluate((x, model._data.train.tensors()[1]), loss=loss)
    assert rated["acc"] >= history[0]["acc"] - 0.2
    model.export(tmp_path / "m.onnx")
    exported = rt.load(tmp_path / "m.onnx")
    assert exported.infer(x) == pytest.approx(found, abs=1e-5)
    again = nn(verbose=0)
    for layer in ending:
        if isinstance(layer, torch.nn.Module):
            again.add(type(layer)(count))
    again.load(tmp_path / "basenn.pth")
    assert again.inference(x) == pytest.approx(found, abs=1e-6)
    assert exported.card.output.kind in ("classes", "binary")


def test_softmax_is_added_once(tmp_path):
    model, _ = classifier([("linear", {"size": (8, 3)})], tmp_path, 3)
    plain, _ = classifier([("linear", {"size": (8, 3), "activation": "softmax"})], tmp_path, 3)
    for each in (model, plain):
        each.set_seed(1)
        each.train(lr=0.05, epochs=2)
        each.train(lr=0.05, epochs=1, checkpoint=tmp_path / "basenn.pth")
    assert model.history[-1]["loss"] == pytest.approx(plain.history[-1]["loss"], abs=0.5)
    assert [entry["layer"] for entry in model.card().network] == ["linear", "linear", "softmax"]
    model.add("linear", size=(3, 3), activation="softmax")
    assert [entry["layer"] for entry in model.card().network] == ["linear", "linear", "linear"]


def test_encoders_keep_their_vectors(tmp_path):
    model, x = classifier([("linear", {"size": (8, 6)})], tmp_path, 3)
    model.train(lr=0.05, epochs=2)
    assert model.inference(x).min() < 0
    assert model.card().output.kind == "embedding"


@pytest.mark.parametrize("own_layers", [True, False])
def test_a_checkpoint_of_an_older_version_gives_probabilities(tmp_path, own_layers, monkeypatch):
    model, x = classifier([("linear", {"size": (8, 3)})], tmp_path, 3)
    monkeypatch.setattr("onnxnn.network.adapting.score_ending", lambda *given: None)
    model.train(lr=0.05, epochs=2)
    monkeypatch.undo()
    assert model.inference(x).min() < 0
    later, _ = classifier([("linear", {"size": (8, 3)})], tmp_path, 3) if own_layers else (nn(verbose=0), 0)
    later.load(tmp_path / "basenn.pth")
    expected = torch.softmax(torch.from_numpy(model.inference(x)), -1).numpy()
    assert later.inference(x) == pytest.approx(expected, abs=1e-6)


# ---- values in the units of the user -----------------------------------------------------------------

REGRESSIONS = {
    "linear": ([("linear", {"size": (8, 1)})], 1, None),
    "mae": ([("linear", {"size": (8, 1)})], 1, "mae"),
    "huber": ([("linear", {"size": (8, 1)})], 1, "HuberLoss"),
    "relu": ([("linear", {"size": (8, 1), "activation": "relu"})], 1, None),
    "leakyrelu": ([("linear", {"size": (8, 1), "activation": "leakyrelu"})], 1, "SmoothL1Loss"),
    "two columns": ([("linear", {"size": (8, 2)})], 2, None),
    "custom": ([Scores(1)], 1, None),
    "custom above 0": ([Positive(1)], 1, None),
}


def prices(columns):
    x, values = rows(80)
    prices = 1.5e6 + 1e5 * values
    return x, prices if columns == 1 else np.stack((prices, 1e-3 * values), 1)


@pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
@pytest.mark.parametrize("name", REGRESSIONS)
def test_values_in_any_units_are_learned(tmp_path, name, optimizer):
    ending, columns, loss = REGRESSIONS[name]
    for layer in ending:
        if isinstance(layer, torch.nn.Module):
            layer.linear.reset_parameters()
    x, y = prices(columns)
    layers = [("linear", {"size": (4, 8), "activation": "relu"}), *ending]
    model = network("reg", layers, x, y, tmp_path, train_val_ratio=0.75)
    model.add(optimizer=optimizer)
    history = model.train(lr=0.02, epochs=40, loss=loss, metrics=["mae"])
    found = model.inference(x)
    share = ((found - y.reshape(found.shape)) ** 2).mean(0) / (y.reshape(found.shape) ** 2).mean(0)
    spread = y.reshape(found.shape).var(0) / (y.reshape(found.shape) ** 2).mean(0)
    assert (share < (0.5 * spread if "above" not in name and name != "relu" else 0.02)).all()
    assert model.evaluate(loss=loss)["mae"] == pytest.approx(history[-1]["val_mae"], rel=1e-4)
    assert model.evaluate(loss=loss)["loss"] == pytest.approx(history[-1]["val_loss"], rel=1e-4)
    model.export(tmp_path / "m.onnx")
    assert rt.load(tmp_path / "m.onnx").infer(x) == pytest.approx(found, rel=1e-4)
    again = nn("reg", verbose=0)
    for layer in ending:
        if isinstance(layer, torch.nn.Module):
            again.add(type(layer)(columns))
    again.load(tmp_path / "basenn.pth")
    assert again.inference(x) == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize(
    ("layers", "x"),
    [
        ([("lstm", {"size": (4, 8)}), ("linear", {"size": (8, 1)})], np.repeat(rows(80)[0][:, None], 6, 1)),
        ([("linear", {"size": (4, 8)}), ("linear", {"size": (8, 1)})], np.repeat(rows(80)[0][:, None], 6, 1)),
    ],
)
def test_values_of_each_step_are_scaled(tmp_path, layers, x):
    y = np.repeat(prices(1)[1][:, None], 6, 1)
    model = network("reg", layers, x, y, tmp_path)
    model.train(lr=0.02, epochs=30)
    found = model.inference(x).reshape(y.shape)
    assert np.abs(found - y).mean() < 0.5 * np.abs(y - y.mean()).mean()


def test_the_scale_belongs_to_the_weights(tmp_path):
    x, y = prices(1)
    layers = [("linear", {"size": (4, 8), "activation": "relu"}), ("linear", {"size": (8, 1)})]
    model = network("reg", layers, x, y, tmp_path)
    model.train(lr=0.02, epochs=5)
    expected = model.inference(x)
    model.load_dataset(x, y / 1000)
    assert model.inference(x) == pytest.approx(expected, rel=1e-6)
    model.train(lr=1e-9, epochs=1)
    assert model.inference(x) == pytest.approx(expected, rel=1e-3)
    first = checkpoint.load(tmp_path / "basenn.pth").card.network[-1]
    assert first["layer"] == "denormalize"
    assert first["options"]["mean"] == pytest.approx([y.mean()], rel=1e-6)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", None])
def test_targets_of_usual_size_stay_as_they_are(tmp_path, activation):
    x, values = rows()
    layers = [("linear", {"size": (4, 1), "activation": activation})]
    model = network("reg", layers, x, (values > 0).astype(np.float32), tmp_path)
    model.train(lr=0.01, epochs=1)
    assert [entry["layer"] for entry in model.card().network] == ["linear"]
