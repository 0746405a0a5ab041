"""The moving average of the weights: its formula, and where it is held."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import torch
from support.diffusion import denoiser
from support.weights import same_weights, saved_weights

from onnxnn import nn
from onnxnn.checkpoint import checkpoint
from onnxnn.training.callbacks import Callback
from onnxnn.training.ema import MovingAverage

# ---- the average -----------------------------------------------------------------------------------


def test_the_average_follows_its_formula():
    net = torch.nn.Linear(1, 1, bias=False).requires_grad_(False)
    average = MovingAverage(net, 0.5)
    expected = float(net.weight)
    for step in range(1, 12):
        net.weight.fill_(float(step))
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
        with average.shown():
            assert float(net.weight) == pytest.approx(expected, rel=1e-6)
        assert float(net.weight) == step
    assert average.state()["weights"]["weight"] == 11
    average.keep()
    assert float(net.weight) == pytest.approx(expected, rel=1e-6)
    assert average.state()["weights"]["weight"] == 11


@pytest.mark.parametrize("number", range(8))
def test_ctrl_c_swaps_all_weights_or_none(monkeypatch, number):
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    average = MovingAverage(net, 0.5)
    with torch.no_grad():
        for weight in net.parameters():
            weight.fill_(7.0)
    copy, calls = torch.Tensor.copy_, []

    def interrupted(self, other):
        calls.append(self)
        if len(calls) == number + 1:
            signal.raise_signal(signal.SIGINT)
        return copy(self, other)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(torch.Tensor, "copy_", interrupted)
            with pytest.raises(KeyboardInterrupt), average.shown():
                pass
    finally:
        signal.signal(signal.SIGINT, handler)
    assert len(calls) == 8
    assert all((weight == 7).all() for weight in average.state()["weights"].values())
    average.keep()
    assert not any((weight == 7).any() for weight in net.parameters())


class Raw(Callback):
    """Keeps the weights that were trained, as they are in a step and after an epoch."""

    def on_step(self, trainer):
        self.trained = {name: value.clone() for name, value in trainer.net.state_dict().items()}

    def on_epoch(self, trainer):
        self.shown = {name: value.clone() for name, value in trainer.net.state_dict().items()}


def test_the_average_is_what_validation_checkpoint_and_network_hold(tmp_path):
    raw = Raw()
    model = denoiser(tmp_path, ratio=0.75)
    history = model.train(lr=3e-3, epochs=3, callbacks=[raw])
    held = {name: value.clone() for name, value in model.model.state_dict().items()}
    assert not same_weights(raw.trained, held)
    assert same_weights(raw.shown, held)
    assert same_weights(saved_weights(tmp_path / "basenn.pth"), held)
    assert model.evaluate()["loss"] == pytest.approx(history[-1]["val_loss"], rel=1e-5)
    kept = checkpoint.load(tmp_path / "basenn.pth").training["average"]["weights"]
    assert same_weights(kept, raw.trained)


def test_without_an_average_the_weights_are_those_of_the_last_step(tmp_path):
    raw = Raw()
    denoiser(tmp_path).train(epochs=2, ema=0, callbacks=[raw])
    assert same_weights(saved_weights(tmp_path / "basenn.pth"), raw.trained)
    assert checkpoint.load(tmp_path / "basenn.pth").training["average"] is None


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"classes": True, "prediction": "noise"}, {"attention": True}])
def test_four_epochs_and_six_more_are_ten(tmp_path, options):
    whole = denoiser(tmp_path / "whole", ratio=0.75, **options).train(lr=2e-3, epochs=10)
    denoiser(tmp_path / "parts", ratio=0.75, **options).train(lr=2e-3, epochs=4)
    later = denoiser(tmp_path / "parts", ratio=0.75, **options)
    torch.manual_seed(99)  # the checkpoint brings its own
    parts = later.train(epochs=6, checkpoint=tmp_path / "parts/basenn.pth")
    assert parts == whole
    assert same_weights(
        saved_weights(tmp_path / "parts/basenn.pth"), saved_weights(tmp_path / "whole/basenn.pth")
    )
    trained = [
        checkpoint.load(tmp_path / name / "basenn.pth").training["average"]["weights"]
        for name in ("whole", "parts")
    ]
    assert same_weights(*trained)


def test_continuing_without_an_average_begins_with_the_trained_weights(tmp_path):
    denoiser(tmp_path).train(lr=2e-3, epochs=3)
    trained = checkpoint.load(tmp_path / "basenn.pth").training["average"]["weights"]

    class First(Callback):
        def on_start(self, trainer):
            self.held = {name: value.clone() for name, value in trainer.net.state_dict().items()}

    first = First()
    denoiser(tmp_path).train(epochs=1, ema=0, checkpoint=tmp_path / "basenn.pth", callbacks=[first])
    assert same_weights(first.held, trained)


def test_other_networks_can_have_an_average_too(tmp_path):
    rng = np.random.default_rng(0)
    model = nn(save_fold=str(tmp_path), verbose=0)
    x = torch.from_numpy(rng.random((20, 3), dtype=np.float32))
    model.load_dataset(x, np.arange(20) % 2, batch_size=5)
    model.add("linear", size=(3, 4))
    model.add("batchnorm1d", size=4)
    model.add("linear", size=(4, 2), activation="softmax")
    raw = Raw()
    model.train(lr=0.1, epochs=3, ema=0.9, callbacks=[raw], device="cpu")
    held = saved_weights(tmp_path / "basenn.pth")
    assert not same_weights(held, raw.trained)
    scores = torch.nn.functional.linear(x, held["linear1.weight"], held["linear1.bias"])  # of the average
    assert torch.allclose(held["batchnorm1d2.running_mean"], scores.mean(0), rtol=1e-5)
    assert not torch.allclose(raw.trained["batchnorm1d2.running_mean"], scores.mean(0), rtol=1e-2)


def test_ctrl_c_keeps_the_average(tmp_path):
    class Stop(Raw):
        def on_step(self, trainer):
            super().on_step(trainer)
            if trainer.epoch == 1:
                raise KeyboardInterrupt

    stop = Stop()
    model = denoiser(tmp_path)
    model.train(lr=3e-3, epochs=5, callbacks=[stop])
    held = dict(model.model.state_dict())
    assert not same_weights(held, stop.trained)
    assert same_weights(saved_weights(tmp_path / "basenn.pth"), held)
    assert len(denoiser(tmp_path).train(resume=tmp_path / "basenn.pth")) == 5
