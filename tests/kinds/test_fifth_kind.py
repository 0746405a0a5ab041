"""A kind of network that the package does not know: one class, and it trains, saves, exports and runs."""

from __future__ import annotations

import inspect

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
import torch.nn.functional as F
from onnxnn_runtime.errors import DataError

from onnxnn import kinds, nn
from onnxnn.data import Data
from onnxnn.training.learner import Learner
from onnxnn.training.losses import Loss


class Reconstruction(Learner):
    """A network and its loss, whose target is the input."""

    def forward(self, x, target):
        return super().forward(x, x)


class Autoencoder(kinds.NetworkKind):
    """A network that learns to return its input through a narrow layer (Hinton & Salakhutdinov 2006)."""

    classifies = False
    default_metrics = ()

    @classmethod
    def matches(cls, task, definition):
        shapes = definition.input_shape, definition.output_shape
        return task == "gen" and None not in shapes and shapes[0] == shapes[1]

    def check_data(self, data: Data) -> None:
        if not data.sample.axes == ("feature",):
            raise DataError("an autoencoder learns from rows of numbers.")

    def loss_and_metrics(self, net, num_classes, loss, names):
        return Loss("MSELoss", F.mse_loss, from_logits=False), []

    def learner(self, net, loss):
        return kinds.in_mode_of(net, Reconstruction(net, loss))


@pytest.fixture
def autoencoder(monkeypatch, tmp_path):
    monkeypatch.setattr("onnxnn.kinds.kind._KINDS", [Autoencoder, *kinds.registered()])
    model = nn("gen", verbose=0, save_fold=str(tmp_path))
    model.set_seed(0)
    code = np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32)
    rows = code @ np.random.default_rng(1).normal(size=(2, 6)).astype(np.float32)
    model.load_dataset(rows, np.arange(64) % 2, batch_size=16)
    model.add("linear", size=(6, 2))
    model.add("linear", size=(2, 6))
    return model, rows


def test_the_class_is_short():
    assert len(inspect.getsource(Autoencoder).splitlines()) < 60


def test_it_trains_saves_exports_verifies_and_runs(autoencoder, tmp_path):
    model, rows = autoencoder
    history = model.train(lr=0.02, epochs=60)
    assert history[-1]["loss"] < 0.1 * history[0]["loss"]
    assert model.evaluate((rows, np.zeros(64, int)))["loss"] == pytest.approx(
        float(np.square(model.inference(rows) - rows).mean()), rel=1e-4
    )

    loaded = nn(verbose=0)
    loaded.load(str(tmp_path / "basenn.pth"))
    assert isinstance(loaded._state.kind, Autoencoder)
    assert np.array_equal(loaded.inference(rows), model.inference(rows))

    report = loaded.export(tmp_path / "code.onnx")
    assert report.parity["relative"] < 1e-4
    exported = rt.load(report.path, device="cpu")
    assert rt.verify(exported).passed
    returned = exported.infer({"input": rows})["output"]
    assert np.abs(returned - model.inference(rows)).max() < 1e-4
    with torch.no_grad():
        assert (
            np.abs(
                exported.embed(rows, normalize=False) - model.model[0](torch.from_numpy(rows)).numpy()
            ).max()
            < 1e-4
        )


@pytest.mark.usefixtures("autoencoder")
def test_its_own_check_of_data_is_asked():
    other = nn("gen", verbose=0)
    other.load_dataset(np.zeros((8, 3, 6), np.float32), np.zeros((8, 3, 6), np.float32))
    other.add("linear", size=(6, 6))
    with pytest.raises(DataError, match="an autoencoder learns from rows of numbers"):
        other.train(epochs=1)
