"""The loss of a diffusion model, its time steps and labels, and options that do not fit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.errors import TrainingError
from support.diffusion import bars, denoiser
from support.paths import ROOT

import onnxnn.recipe
from onnxnn import nn
from onnxnn.datasets import Digits, digits
from onnxnn.recipe import read_recipe
from onnxnn.training.denoising import Denoising, make_loss, weights_of_steps

# ---- the loss --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["linear", "cosine", "sigmoid"])
def test_min_snr_weighs_the_error_of_the_clean_image_by_the_smaller_of_snr_and_five(kind):
    for prediction in ("noise", "v"):
        schedule = Schedule(50, kind, prediction)
        left = schedule.alphas_cumprod
        # One unit of error in the prediction, as an error of x0: x0 = (x - s e) / a, and x0 = a x - s v.
        error = (1 - left) / left if prediction == "noise" else 1 - left
        found = weights_of_steps(schedule, "MinSNR")
        np.testing.assert_allclose(found, error * np.minimum(left / (1 - left), 5), rtol=1e-9)
        assert (weights_of_steps(schedule, "MSELoss") == 1).all()


class Perfect(torch.nn.Module):
    """Knows the clean images, and predicts what the network should."""

    def __init__(self, clean, schedule):
        super().__init__()
        self.clean, self.schedule = clean, schedule
        self.seen = []

    def forward(self, x, t, label=None):
        left = torch.from_numpy(self.schedule.alphas_cumprod)[t].float()[:, None, None, None]
        noise = (x - left.sqrt() * self.clean) / (1 - left).sqrt()
        self.seen.append((x.clone(), t.clone(), None if label is None else label.clone()))
        if self.schedule.prediction == "noise":
            return noise
        return left.sqrt() * noise - (1 - left).sqrt() * self.clean


def learner(tmp_path, loss=None, **options):
    model = denoiser(tmp_path, **options)
    return Denoising(model.model, make_loss(loss)), model.model


@pytest.mark.parametrize("prediction", ["noise", "v"])
def test_a_perfect_prediction_has_no_loss(tmp_path, prediction, monkeypatch):
    found, net = learner(tmp_path, prediction=prediction)
    images = torch.rand(6, 1, 8, 8)
    perfect = Perfect(images * 2 - 1, net[0].schedule)
    monkeypatch.setattr(net[0], "forward", perfect.forward)
    loss, output = found(images, torch.zeros(6, dtype=torch.int64))
    assert float(loss.detach()) < 1e-8
    assert output.shape == images.shape
    monkeypatch.setattr(net[0], "forward", lambda x, t, label: perfect(x, t) + 1)
    loss, _ = Denoising(net, make_loss("MSELoss"))(images, torch.zeros(6, dtype=torch.int64))
    assert float(loss.detach()) == pytest.approx(1, rel=1e-4)


def test_training_sees_every_step_equally_often_and_spread_over_a_batch(tmp_path):
    found, _ = learner(tmp_path)
    torch.manual_seed(0)
    drawn = torch.stack([found.train()._steps(10) for _ in range(400)])
    assert drawn.min() == 0
    assert drawn.max() == 19
    counts = torch.bincount(drawn.flatten(), minlength=20)
    assert counts.min() > 140
    assert counts.max() < 260
    assert (torch.sort(drawn, 1).values.diff(dim=1) >= 1).float().mean() > 0.9
    assert not (drawn.diff(dim=1) > 0).all()


def test_validation_has_the_same_noise_and_steps_each_time(tmp_path):
    found, _ = learner(tmp_path)
    images, target = torch.rand(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64)
    found.eval().requires_grad_(False)
    first, second = float(found(images, target)[0]), float(found(images, target)[0])
    assert first != second  # the second batch of a pass has noise of its own
    state = torch.get_rng_state()
    found.train()
    found.eval()
    assert [float(found(images, target)[0]) for _ in range(2)] == [first, second]
    assert torch.equal(state, torch.get_rng_state())
    every = found.eval()._steps(40)
    assert len(every.unique()) == 20


def test_one_label_in_ten_is_dropped_in_training_only(tmp_path):
    found, net = learner(tmp_path, classes=True)
    target = torch.arange(2000) % 2
    torch.manual_seed(0)
    kept = found.train()._labels(target)
    dropped = kept == net[0].num_classes
    assert 150 < int(dropped.sum()) < 250
    assert torch.equal(kept[~dropped], target[~dropped])
    assert torch.equal(found.eval()._labels(target), target)


@pytest.mark.parametrize("loss", ["MinSNR", "min_snr", "mse", "L1Loss", "huber"])
def test_losses_by_name(tmp_path, loss):
    assert np.isfinite(denoiser(tmp_path).train(epochs=1, loss=loss)[0]["loss"])


@pytest.mark.slow
def test_it_learns(tmp_path):
    model = denoiser(tmp_path, ratio=0.75)
    history = model.train(lr=5e-3, epochs=90, metrics=[], schedule="onecycle", samples_every=0)
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]
    assert history[-1]["val_loss"] < 0.6 * history[0]["val_loss"]
    assert model.evaluate()["loss"] == pytest.approx(history[-1]["val_loss"], rel=1e-5)
    assert model.evaluate()["loss"] == model.evaluate()["loss"]
    drawn = model.sample(num=64, steps=10, seed=0)
    rows = np.sort(drawn[:, 0].mean(axis=2), axis=1)
    assert np.median(rows[:, -1] - rows[:, -3]) > 0.15  # one light row; 0.11 in noise
    distances = ((drawn[:, None] - bars()[0][:, None] / 255) ** 2).mean((2, 3, 4)) ** 0.5
    assert distances.min(1).mean() < 0.35  # 0.51 from noise


def test_mixed_precision(tmp_path):
    history = denoiser(tmp_path, classes=True).train(lr=2e-3, epochs=2, precision="bf16-mixed")
    assert all(np.isfinite(row["loss"]) for row in history)


def test_the_recipe(tmp_path, monkeypatch):
    recipe = read_recipe(ROOT / "recipes/diffusion.yaml")
    monkeypatch.setattr(onnxnn.recipe, "digits", lambda size: Digits(*(part[:20] for part in digits(size))))
    short = {**recipe.train, "epochs": 1}
    done = dataclasses.replace(recipe, train=short, save_fold=tmp_path, export=None).run()
    assert np.isfinite(done.history[0]["loss"])
    assert done.network.sample(label=["7", "1"], steps=2).shape == (2, 1, 28, 28)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["acc"]}, "judged by its loss and its images"),
        ({"loss": "CrossEntropyLoss"}, "a diffusion model expects one of MinSNR, MSELoss"),
        ({"ema": 1.0}, "ema=1.0: expected a number from 0 to below 1"),
        ({"samples_every": -1}, "samples_every=-1"),
    ],
)
def test_settings_that_do_not_fit(tmp_path, options, message):
    with pytest.raises(TrainingError, match=message):
        denoiser(tmp_path).train(epochs=1, **options)


def test_min_snr_is_for_diffusion(tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(np.random.default_rng(0).random((6, 3)), [0, 1] * 3)
    model.add("linear", size=(3, 2), activation="softmax")
    with pytest.raises(TrainingError, match=r"MinSNR.*this network is none"):
        model.train(epochs=1, loss="MinSNR")
