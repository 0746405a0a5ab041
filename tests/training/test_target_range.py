"""Networks that predict values and end in an activation of limited range: targets outside of it."""

from __future__ import annotations

import math
import re

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import TrainingError

from onnxnn import nn
from onnxnn.graph.shape import Shape
from onnxnn.layers import make, registry
from onnxnn.layers.activation import Activation

ACTIVATIONS = sorted(kind for kind, each in registry.items() if issubclass(each, Activation))
BOUNDED = ["elu", "gelu", "relu", "relu6", "sigmoid", "silu", "tanh"]

X = np.random.default_rng(0).random((60, 2)).astype(np.float32)
SHARE = X @ [0.3, 0.6] + 0.05
TARGETS = {"millions": 2e6 * SHARE, "below 0": SHARE - 30, "around 0": 6 * SHARE - 3}


class EndsInSigmoid(torch.nn.Module):
    """A custom module with outputs in 0..1."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


def network(y, activation, folder, task="reg", seed=0, verbose=0):
    model = nn(task, save_fold=str(folder), verbose=verbose)
    model.set_seed(seed)
    model.load_dataset(X, y, batch_size=20)
    if isinstance(activation, torch.nn.Module):
        model.add(activation)
    else:
        model.add("linear", size=(2, 1 if np.ndim(y) == 1 else np.shape(y)[1]), activation=activation)
    model.add(optimizer="Adam")
    return model


def unexplained(found, y):
    return ((found.reshape(y.shape) - y) ** 2).mean() / y.var()


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_bounds_are_those_of_the_function(kind):
    made = make(kind, {})
    with torch.no_grad():
        y = made.build(Shape.vector(4001))(torch.linspace(-30, 30, 4001)[None])
    low, high = made.bounds
    assert y.min() >= low
    assert y.max() <= high
    if math.isinf(low):
        assert y.min() < -1
    else:
        assert y.min() == pytest.approx(low, abs=1e-3)
    assert y.max() > 20 if math.isinf(high) else kind == "softmax" or y.max() == pytest.approx(high, abs=1e-3)


@pytest.mark.parametrize("activation", BOUNDED)
@pytest.mark.parametrize("name", TARGETS)
def test_targets_outside_are_learned(tmp_path, name, activation):
    y = TARGETS[name]
    model = network(y, activation, tmp_path)
    model.train(lr=0.1, epochs=40)
    found = model.inference(X)
    assert unexplained(found, y) < 0.1
    model.export(tmp_path / "m.onnx")
    assert rt.load(tmp_path / "m.onnx").infer(X) == pytest.approx(found, rel=1e-4, abs=1e-5 * np.abs(y).max())
    assert nn(verbose=0).inference(X, checkpoint=tmp_path / "basenn.pth") == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize("layers", [[("gru", (2, 1))], [("lstm", (2, 4)), ("linear", (4, 1), "sigmoid")]])
def test_outputs_of_recurrent_layers_have_bounds_too(tmp_path, layers, capsys):
    model = nn("reg", save_fold=str(tmp_path))
    model.set_seed(0)
    model.load_dataset(np.repeat(X[:, None], 3, 1), TARGETS["around 0"], batch_size=20)
    for name, size, *activation in layers:
        model.add(name, size=size, activation=activation[0] if activation else None)
    model.train(lr=0.05, epochs=60)
    assert unexplained(model.inference(np.repeat(X[:, None], 3, 1)), TARGETS["around 0"]) < 0.2
    assert "at the end returns values in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("activation", "said"),
    [
        ("sigmoid", r"sigmoid at the end returns values in 0..1, and the targets lie in -29.*scaled.*in -29"),
        (
            "relu",
            r"relu at the end returns values from 0 up, and the targets lie in -29.*from -29.*leave the",
        ),
        (EndsInSigmoid(), r"sigmoid at the end returns values in 0..1"),
        ("leakyrelu", None),
        (None, None),
    ],
)
def test_a_line_names_activation_and_ranges(tmp_path, capsys, activation, said):
    model = network(TARGETS["below 0"], activation, tmp_path, verbose=1)
    capsys.readouterr()
    model.train(lr=0.01, epochs=1)
    lines = [line for line in capsys.readouterr().out.splitlines() if "at the end returns" in line]
    assert len(lines) == (said is not None)
    if said:
        assert re.search(said, lines[0])


@pytest.mark.parametrize("task", ["reg", "gen"])
def test_only_columns_outside_are_scaled(tmp_path, task):
    y = np.stack((SHARE, 100 * SHARE, np.full(60, 7.0)), 1)
    model = network(y, "sigmoid", tmp_path, task)
    model.train(lr=0.1, epochs=40, loss="MSELoss")
    assert np.abs(model.inference(X) - y).max(0) == pytest.approx([0, 0, 0], abs=20)
    assert np.abs(model.inference(X) - y).mean(0)[0] < 0.1
    options = model.card().network[-1]["options"]
    assert options["mean"] == pytest.approx([0, 100 * SHARE.min(), 0])
    assert options["std"] == pytest.approx([1, 100 * np.ptp(SHARE), 14])


@pytest.mark.parametrize("activation", [*BOUNDED, "softmax"])
@pytest.mark.parametrize("task", ["reg", "gen"])
def test_targets_inside_stay_as_they_are(tmp_path, activation, task):
    y = np.stack((SHARE, 1 - SHARE), 1)
    model = network(y, activation, tmp_path, task)
    model.train(lr=0.01, epochs=1, loss="mse")
    assert [entry["layer"] for entry in model.card().network] == ["linear"]


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (TARGETS["millions"], r"softmax, whose single output is always 1: expected targets of 1, got "),
        (np.stack((SHARE, SHARE), 1), r"and add up to 1: expected such targets, got other sums"),
        (np.stack((-SHARE, 1 + SHARE), 1), r"expected such targets, got -0.9.*Leave the last activation out"),
    ],
)
def test_softmax_is_refused_for_other_values(tmp_path, y, said):
    model = network(y, "softmax", tmp_path)
    with pytest.raises(TrainingError, match=said):
        model.train(lr=0.01, epochs=1)


def test_later_targets_outside_are_said(tmp_path, capsys):
    model = network(TARGETS["around 0"], "tanh", tmp_path, verbose=1)
    model.train(lr=0.01, epochs=1)
    expected = model.card().network
    capsys.readouterr()
    model.train(lr=0.01, epochs=1)
    assert "cannot be learned" not in capsys.readouterr().out
    model.load_dataset(X, 1000 * SHARE)
    model.train(lr=0.01, epochs=1)
    assert "tanh at the end returns values in -2" in capsys.readouterr().out
    assert model.card().network == expected


@pytest.mark.parametrize("activation", ["relu", "relu6"])
@pytest.mark.parametrize("bias", [-3.0, 12.0])
def test_an_output_outside_of_the_range_for_every_sample_learns(tmp_path, activation, bias):
    model = network(SHARE, activation, tmp_path)
    with torch.no_grad():
        model.model[0].bias.fill_(bias)
    model.train(lr=0.5, epochs=80)
    assert unexplained(model.inference(X), SHARE) < 0.3
    assert not model.model[1]._forward_hooks


def test_relu_computes_as_ever_where_it_is_alive(tmp_path):
    model = network(SHARE, "relu", tmp_path)
    with torch.no_grad():
        model.model[0].weight.abs_()
        model.model[0].bias.fill_(0.1)
    start = model.model.state_dict()
    plain = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.ReLU())
    plain.load_state_dict(dict(zip(plain.state_dict(), start.values(), strict=True)))
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        y = torch.tensor(SHARE, dtype=torch.float32)[:, None]
        torch.nn.functional.mse_loss(plain(torch.from_numpy(X)), y).backward()
        optimizer.step()
    model.train(lr=0.01, epochs=3, batch_size=60)
    for trained, expected in zip(model.model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(trained, expected)
