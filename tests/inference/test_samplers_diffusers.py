"""Our samplers against the schedulers of `diffusers`: the same betas, network and noise, the same images.

Its coefficients come from a running product of float32 numbers; it is given ours in float64 instead, so
that what is compared is the samplers.
"""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
import torch
from onnxnn_runtime.card.schedule import KINDS, PREDICTIONS, Schedule
from onnxnn_runtime.diffusion.sampler import Noise, denoise, make_plan

from onnxnn import nn
from onnxnn.datasets import digits

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SHAPE = (3, 8, 6)
NUM = 4
TIMESTEPS = 120

everything = pytest.mark.parametrize(("kind", "prediction"), [(k, p) for k in KINDS for p in PREDICTIONS])


@pytest.fixture(scope="module")
def trained():
    """A small U-Net that has learned a little of digits, as (x, t) -> prediction; and its schedule."""
    torch.manual_seed(0)
    network = nn(verbose=0)
    network.load_dataset(digits(size=8)[0][:100], np.arange(100) % 2, batch_size=10)
    network.add("diffusion_model", img_size=8, timestep=TIMESTEPS, dim=8, dim_mults=(1, 2))
    with tempfile.TemporaryDirectory() as folder:
        network.train(lr=3e-3, epochs=5, metrics=[], save_fold=folder)
    denoiser = network.model[0].eval()

    def predict(x, t):
        with torch.no_grad():
            return denoiser(x, torch.full((len(x),), int(t)))

    return predict, denoiser.schedule


def toy(schedule):
    """Return (x, t) -> prediction, exact for pixels of which each is -0.6 or 0.6, give or take 0.3."""

    def predict(x, t):
        signal, strength = schedule.strengths(int(t))
        variance = (signal * 0.3) ** 2 + strength**2
        centre = 0.6 * torch.tanh(signal * 0.6 * x / variance)
        clean = centre + signal * 0.3**2 / variance * (x - signal * centre)
        noise = (x - signal * clean) / strength
        return noise if schedule.prediction == "noise" else signal * noise - strength * clean

    return predict


def reference(name, schedule, steps, **options):
    """Return a scheduler of diffusers with our betas."""
    schedulers = pytest.importorskip("diffusers.schedulers")  # it takes long to import
    left = schedule.alphas_cumprod
    scheduler = getattr(schedulers, name)(
        num_train_timesteps=schedule.timesteps,
        trained_betas=1 - left / np.append(1, left[:-1]),
        prediction_type={"noise": "epsilon", "v": "v_prediction"}[schedule.prediction],
        timestep_spacing="trailing",
        **options,
    )
    scheduler.alphas_cumprod = torch.from_numpy(left)
    scheduler.set_timesteps(steps)
    sigmas = np.sqrt((1 - left) / left)[scheduler.timesteps.numpy()]
    scheduler.sigmas = torch.from_numpy(np.append(sigmas, 0))  # only the DPM solver reads them
    return scheduler


def walk(scheduler, predict, x, **options):
    """Return x after each step of diffusers."""
    found = []
    for t in scheduler.timesteps:
        given = {name: value() for name, value in options.items()}
        x = scheduler.step(predict(x, t), t, x, **given).prev_sample
        found.append(x)
    return torch.stack(found)


def ours(schedule, predict, x, stream=None, clip=True, **options):
    """Return x after each of our steps."""
    plan = make_plan(schedule, **options)
    return torch.stack(list(denoise(predict, plan, x, stream, clip=clip)))


def stream(dtype=torch.float64):
    """Return (the noise to begin with, what draws the noise of the steps)."""
    noise = Noise(0, SHAPE, NUM)
    return torch.from_numpy(noise()).to(dtype), lambda: torch.from_numpy(noise()).to(dtype)


def walk_ddpm(monkeypatch, schedule, steps, dtype):
    """Return x after each step of diffusers and of ours."""
    scheduler = reference("DDPMScheduler", schedule, steps, variance_type="fixed_small", clip_sample=True)
    x, draw = stream(dtype)
    monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *_, **__: draw())
    expected = walk(scheduler, toy(schedule), x)
    x, draw = stream(dtype)
    return expected, ours(schedule, toy(schedule), x, draw, sampler="ddpm", steps=steps)


def walk_ddim(schedule, steps, dtype, eta):
    scheduler = reference("DDIMScheduler", schedule, steps, clip_sample=True)
    x, draw = stream(dtype)
    options = {"eta": lambda: eta, "use_clipped_model_output": lambda: True}
    if eta:
        options["variance_noise"] = draw
    expected = walk(scheduler, toy(schedule), x, **options)
    x, draw = stream(dtype)
    return expected, ours(schedule, toy(schedule), x, draw, sampler="ddim", steps=steps, eta=eta)


def walk_dpm(schedule, steps, dtype):
    options = {"algorithm_type": "dpmsolver++", "solver_order": 2, "final_sigmas_type": "zero"}
    scheduler = reference("DPMSolverMultistepScheduler", schedule, steps, **options)
    x, _ = stream(dtype)
    expected = walk(scheduler, toy(schedule), x)
    return expected, ours(schedule, toy(schedule), x, clip=False, sampler="dpm++", steps=steps)


def difference(pair):
    """Return the largest difference after each step."""
    expected, found = pair
    assert expected.shape == found.shape
    assert expected.dtype == found.dtype
    return (expected - found).abs().amax((1, 2, 3, 4))


@everything
@pytest.mark.parametrize("steps", [TIMESTEPS, 50, 7, 1])
def test_ddpm(monkeypatch, kind, prediction, steps):
    pair = walk_ddpm(monkeypatch, Schedule(TIMESTEPS, kind, prediction), steps, torch.float64)
    assert difference(pair).max() <= 1e-9  # diffusers draws a noise of 1e-10 in the last step


@everything
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("steps", [TIMESTEPS, 20, 1])  # diffusers takes for granted that they divide
def test_ddim(kind, prediction, steps, eta):
    pair = walk_ddim(Schedule(TIMESTEPS, kind, prediction), steps, torch.float64, eta)
    assert difference(pair).max() <= 1e-11


@everything
@pytest.mark.parametrize("steps", [60, 20, 7, 2, 1])
def test_dpm(kind, prediction, steps):
    pair = walk_dpm(Schedule(TIMESTEPS, kind, prediction), steps, torch.float64)
    assert difference(pair).max() <= 1e-5  # diffusers rounds x to float32 in each step


@everything
@pytest.mark.parametrize("steps", [TIMESTEPS, 20])
def test_images_in_float32(monkeypatch, kind, prediction, steps):
    """What noise prediction says of the first steps is ill-conditioned (1 / sqrt(abar)); images are not."""
    schedule = Schedule(TIMESTEPS, kind, prediction)
    walks = [walk_ddpm(monkeypatch, schedule, steps, torch.float32)]
    walks += [walk_ddim(schedule, steps, torch.float32, eta) for eta in (0.0, 1.0)]
    walks += [walk_dpm(schedule, steps, torch.float32)]
    for pair in walks:
        after = difference(pair)
        assert after[-1] <= 1e-5
        if prediction == "v":
            assert after.max() <= 1e-5


@pytest.mark.parametrize("steps", [40, 20])
def test_a_trained_network(monkeypatch, trained, steps):
    predict, schedule = trained
    monkeypatch.setattr(f"{__name__}.toy", lambda schedule: predict)
    monkeypatch.setattr(f"{__name__}.SHAPE", (1, 8, 8))
    walks = [walk_ddpm(monkeypatch, schedule, steps, torch.float32)]
    walks += [walk_ddim(schedule, steps, torch.float32, eta) for eta in (0.0, 1.0)]
    walks += [walk_dpm(schedule, steps, torch.float32)]
    for pair in walks:
        assert difference(pair).max() <= 1e-5


def test_the_toy_distribution_is_sampled():
    schedule = Schedule(TIMESTEPS)
    for sampler in ("ddpm", "ddim", "dpm++"):
        x, draw = stream()
        drawn = ours(schedule, toy(schedule), x, draw, sampler=sampler, steps=60)[-1]
        assert 0.5 < drawn.abs().mean() < 0.7
