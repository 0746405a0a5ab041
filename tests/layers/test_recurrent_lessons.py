"""The networks of the lessons on sequences."""

from __future__ import annotations

import runpy

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import TrainingError
from support.definitions import network
from support.paths import ROOT

from onnxnn import nn
from onnxnn.graph.shape import Shape

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(ROOT / "benchmarks"))  # for what benchmarks share
    QUALITY = runpy.run_path(str(ROOT / "benchmarks" / "quality_sequences.py"))


SHORT, LONG = QUALITY["SHORT_FORM"], QUALITY["LONG_FORM"]


def poses(count):
    """Return generated pose sequences (count, 30, 132) and their actions."""
    return QUALITY["poses"](count, seed=0)


# ---- shapes --------------------------------------------------------------------------------------


def test_shapes_of_the_lesson_on_actions():
    layers = [
        ("lstm", {"size": (132, 128)}),
        ("dropout", {"p": 0.2}),
        ("lstm", {"size": (128, 256)}),
        ("unsqueeze", {}),
        ("lstm", {"size": (256, 256)}),
        ("part0", {}),
        ("squeeze", {}),
        ("batchNorm1d", {"size": 256}),
        ("linear", {"size": (256, 3)}),
    ]
    shapes = [p.out_shape.batched(50) for p in network(Shape.sequence(30, 132), *layers).placed()]
    assert shapes == [
        "[50, 30, 128]",
        "[50, 30, 128]",
        "[50, 30, 256]",
        "[50, 1, 256]",
        "[50, 1, 256]",
        "[50, 1, 256]",
        "[50, 256]",
        "[50, 256]",
        "[50, 3]",
    ]


# ---- networks of the lessons ---------------------------------------------------------------------


@pytest.fixture
def action_file(tmp_path):
    def write(one_hot):
        x, y = poses(24)
        np.savez(tmp_path / "action.npz", data=x, label=np.eye(3)[y] if one_hot else y)
        return tmp_path / "action.npz"

    return write


@pytest.mark.parametrize("one_hot", [True, False])
@pytest.mark.parametrize("layers", [SHORT, pytest.param(LONG, marks=pytest.mark.slow)], ids=["short", "long"])
def test_actions_as_the_lesson_writes_them(action_file, tmp_path, layers, one_hot):
    model = nn("cls", verbose=0)
    model.load_npz_data(action_file(one_hot), batch_size=8, classes=["walking", "boxing", "waving"])
    for name, options in layers:
        model.add(name, **options)
    model.add(activation="softmax")
    model.train(lr=1e-3, epochs=1, metrics=["acc"], save_fold=str(tmp_path))
    x = poses(2)[0]
    again = nn(verbose=0)
    expected = again.inference(x, checkpoint=tmp_path / "basenn.pth")
    assert expected.shape == (2, 3)
    report = again.export(tmp_path / "action.onnx")
    assert report.parity["absolute"] <= 1e-5
    served = rt.load(tmp_path / "action.onnx")
    np.testing.assert_allclose(served.infer(x[:, :20]), again.inference(x[:, :20]), atol=1e-5)
    assert served.predict(x)[1].label in ("walking", "boxing", "waving")


class LSTMModel(torch.nn.Module):
    """The module of the appendix: two layers of LSTM, the last step through a third one."""

    def __init__(self, actions):
        super().__init__()
        self.lstm1 = torch.nn.LSTM(132, 16, batch_first=True)
        self.dropout1 = torch.nn.Dropout(0.2)
        self.lstm2 = torch.nn.LSTM(16, 24, batch_first=True)
        self.lstm3 = torch.nn.LSTM(24, 24, batch_first=True)
        self.bn = torch.nn.BatchNorm1d(24)
        self.dense = torch.nn.Linear(24, actions)
        self.softmax = torch.nn.Softmax(dim=1)

    def forward(self, x):
        x, _ = self.lstm1(x)
        x = self.dropout1(x)
        x, _ = self.lstm2(x)
        x, _ = self.lstm3(x[:, -1, :].unsqueeze(1))
        return self.softmax(self.dense(self.bn(x.squeeze())))


@pytest.mark.slow
def test_the_custom_module_of_the_appendix(tmp_path):
    x, y = poses(24)
    model = nn(verbose=0)
    model.load_dataset(x, y, batch_size=8)
    model.add(LSTMModel(3))
    model.train(lr=1e-3, epochs=1, save_fold=str(tmp_path))
    again = nn(verbose=0)
    again.add(LSTMModel(3))
    expected = again.inference(x, checkpoint=tmp_path / "basenn.pth")
    np.testing.assert_array_equal(expected, model.inference(x))
    again.export(tmp_path / "custom.onnx")
    again.export(tmp_path / "twice.onnx")
    for name in ("custom", "twice"):
        served = rt.load(tmp_path / f"{name}.onnx")
        np.testing.assert_allclose(served.infer(x[:1]), expected[:1], atol=1e-5)
        np.testing.assert_allclose(served.infer(x[:5]), expected[:5], atol=1e-5)


def windows(count=60, length=12):
    wave = np.sin(np.arange(count + length) / 4).astype(np.float32)
    return np.stack([wave[i : i + length] for i in range(count)])[:, :, None], wave[length:]


@pytest.mark.parametrize("given", [True, False])
def test_time_series(tmp_path, given, capsys):
    x, y = windows()
    torch.manual_seed(0)
    model = nn("reg")
    model.load_dataset(x, y, batch_size=20)
    model.add("rnn", size=(1, 64), **({"return_sequences": False} if given else {}))
    model.add("linear", size=(64, 1))
    history = model.train(lr=0.003, epochs=4, save_fold=str(tmp_path))
    assert history[-1]["loss"] < history[0]["loss"]
    assert model.inference(x).shape == (60, 1)
    assert ("rnn1: return_sequences=False, since" in capsys.readouterr().out) is not given
    assert nn(verbose=0).inference(x, checkpoint=tmp_path / "basenn.pth").shape == (60, 1)
    assert model.export(tmp_path / "series.onnx").parity["absolute"] <= 1e-5


def test_a_value_for_each_step_stays_one(tmp_path):
    x, _ = windows()
    model = nn("reg", verbose=0)
    model.load_dataset(x, x[:, :, 0], batch_size=20)
    model.add("gru", size=(1, 8))
    model.add("linear", size=(8, 1))
    model.train(lr=0.01, epochs=1, save_fold=str(tmp_path))
    assert model.inference(x).shape == (60, 12, 1)


def test_one_label_for_each_sequence_needs_something_that_ends_it():
    model = nn(verbose=0)
    model.load_dataset(np.zeros((4, 5, 6), np.float32), [0, 1, 0, 1])
    model.add("linear", size=(6, 2), activation="softmax")
    with pytest.raises(TrainingError, match=r"one label for each. Put add.'global_avgpool'"):
        model.train(epochs=1)


def test_a_class_for_each_step(tmp_path, capsys):
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    model = nn(verbose=0)
    model.load_dataset(x, [[0, 1, 1], [1, 0, 0]], classes=["low", "high"])
    model.add("gru", size=(4, 5))
    model.add("linear", size=(5, 2), activation="softmax")
    result = model.inference(x)
    printed = model.print_result(result)
    best = result.argmax(-1)
    assert printed[1]["预测值"] == [["low", "high"][number] for number in best[1]]
    assert printed[1]["置信度"] == pytest.approx(result[1].max(-1).tolist())
    model.export(tmp_path / "steps.onnx")
    found = rt.load(tmp_path / "steps.onnx").predict(x)
    assert [each.label for each in found] == [each["预测值"] for each in printed.values()]


@pytest.mark.parametrize(
    "y", [np.arange(12) % 3, np.arange(12)[:, None] % 3, np.eye(3)[np.arange(12)[:, None] % 3]]
)
@pytest.mark.parametrize("options", [{}, {"return_sequences": False}])
def test_sequences_of_one_step(tmp_path, y, options):
    x = np.random.default_rng(0).normal(size=(12, 1, 4)).astype(np.float32)
    model = nn(verbose=0, save_fold=str(tmp_path))
    model.load_dataset(x, y, batch_size=5)
    model.add("gru", size=(4, 5), **options)
    model.add("linear", size=(5, 3), activation="softmax")
    model.train(epochs=1, metrics=["acc", "f1", "mae"])
    found = model.inference(x).reshape(12, 3).argmax(1)
    assert model.evaluate((x, y))["acc"] == pytest.approx(np.mean(found == np.arange(12) % 3))


def test_hello_becomes_ohlol():
    assert QUALITY["hello"]() == "ohlol"


# ---- quality -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("layers", [SHORT, LONG], ids=["short", "long"])
def test_actions_are_recognised(layers):
    assert QUALITY["action_accuracy"](layers) >= 0.95


@pytest.mark.slow
def test_waves_are_predicted_better_than_by_a_line():
    rnn, line = QUALITY["wave_errors"]()
    assert rnn < 0.7 * line


def test_batch_normalisation_of_a_single_sample(tmp_path):
    x, y = poses(6)
    model = nn("cls", verbose=0, save_fold=str(tmp_path))
    model.load_dataset(x, y, batch_size=1)
    model.add("action_model", size=(132, 8))
    model.add("linear", size=(8, 3), activation="softmax")
    with pytest.raises(TrainingError, match=r"batch_size=1: batch normalisation .* batch_size=2 or more"):
        model.train(epochs=1)
    model.train(epochs=1, batch_size=2)


def test_signals_stay_loaded_with_their_checkpoint(tmp_path):
    x = np.random.default_rng(0).standard_normal((6, 5, 4)).astype("float32")
    network = nn("cls", save_fold=str(tmp_path), verbose=0)
    network.load_dataset(x, np.arange(6) % 2)
    network.add("conv1d", size=(5, 3), kernel_size=2)
    network.add("global_avgpool")
    network.add("linear", size=2)
    network.train(epochs=1)
    network.load(tmp_path / "basenn.pth")
    network.train(epochs=1)
    network.export(tmp_path / "net.onnx")
    model = rt.load(tmp_path / "net.onnx")
    assert model.card.input.shape == ("batch", 5, "length")
    np.testing.assert_allclose(model.infer(x[:, :, :3]), network.inference(x[:, :, :3]), atol=1e-6)
