"""Diffusion models in files: the denoiser, the whole loop, damaged cards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import DiffusionSpec, SamplerSpec, Schedule
from onnxnn_runtime.diffusion.sampler import Noise
from support.sampling import MASK, SHAPE, START, assert_close

# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ddpm"])
@pytest.mark.parametrize("steps", [1, 7, 30])
def test_a_file_that_knows_the_image_returns_it(open_model, sampler, steps):
    found = open_model("denoiser").sample(3, steps, sampler, seed=0)
    np.testing.assert_allclose(found, np.full((3, 1, 4, 5), 0.3), atol=1e-5)


def test_a_file_with_classes(open_model):
    model = open_model("denoiser_classes")
    found = model.sample(label=["红", "blue", 1], seed=0)
    assert found.shape == (3, 3, 6, 4)
    np.testing.assert_allclose(found.mean((1, 2, 3)), [0.2, 0.9, 0.9], atol=1e-5)
    found = model.sample(2, label="none", seed=0)
    np.testing.assert_allclose(found, np.full((2, 3, 6, 4), 0.5), atol=1e-5)
    assert {round(float(each), 3) for each in model.sample(20, seed=0).mean((1, 2, 3))} == {0.2, 0.9}
    found = model.sample(2, label="红", guidance=1.5, seed=0)
    np.testing.assert_allclose(found, np.full((2, 3, 6, 4), 0.05), atol=1e-5)  # 0.5 + 1.5 (0.2 - 0.5)


def test_a_file_takes_every_option(open_model):
    model = open_model("denoiser")
    seen = []
    found = model.sample(
        steps=10,
        sampler="ddim",
        seed=0,
        eta=0.5,
        start=np.zeros((9, 9, 3), np.uint8),
        strength=0.5,
        mask=MASK,
        noise=Noise(0, SHAPE, 2)(),
        return_all_timesteps=True,
        callback=lambda step, images: seen.append(step),
        progress=True,
        batch_size=1,
    )
    assert found.shape == (2, 6, *SHAPE)
    assert seen == [1, 2, 3, 4, 5] * 2
    np.testing.assert_allclose(found[:, -1, 0], np.broadcast_to(MASK * 0.3, (2, 4, 5)), atol=1e-5)
    blended = model.interpolate(START, START, num=3, seed=0, steps=6)
    np.testing.assert_allclose(blended, np.full((3, 1, 4, 5), 0.3), atol=1e-5)


def test_a_file_that_holds_the_loop(open_model):
    model = open_model("loop")
    noise = Noise(4, SHAPE, 5)()
    expected = 0.1 * noise + 0.5
    assert_close(model.sample(5, seed=4), expected)
    assert_close(model.sample(5, seed=4, batch_size=2), expected)
    assert_close(model.sample(noise=noise), expected)
    assert_close(model.sample(5, seed=4, steps=10, sampler="ddim", guidance=1, eta=0), expected)
    assert_close(model.sample(5, seed=4, eta=np.float32(0), return_all_timesteps=np.bool_(False)), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"steps": 20},
            "loop.onnx: steps=20: expected the sampling loop inside this file, sampler='ddim', st",
        ),
        ({"sampler": "ddpm"}, "sampler='ddpm': expected the sampling loop inside this file"),
        ({"guidance": 2}, "guidance=2: expected the sampling loop inside this file"),
        ({"eta": 0.5}, "eta=0.5: expected the sampling loop inside this file"),
        (
            {"start": START},
            r"start=...: expected the sampling loop.* Leave start out, or use a file of the denoiser",
        ),
        ({"mask": MASK}, "mask=...: expected the sampling loop inside this file"),
        ({"strength": 0.5}, "strength=0.5: expected the sampling loop inside this file"),
        (
            {"return_all_timesteps": True},
            "return_all_timesteps=True: expected the sampling loop inside this file",
        ),
        ({"callback": print}, "callback=...: expected the sampling loop inside this file"),
        ({"steps": np.array([2, 20])}, "steps=...: expected the sampling loop"),
        ({"sampler": np.array(["ddim", "ddpm"])}, "sampler=...: expected the sampling loop"),
        ({"eta": np.zeros(2)}, "eta=...: expected the sampling loop"),
        ({"strength": False}, "strength=False: expected the sampling loop"),
        ({"label": "0"}, "label='0': expected no label, because this model was trained without classes"),
        ({"noise": np.zeros((1, 1, 5, 4))}, "noise: expected .*, got float64"),
        ({"num": 0}, "num=0: expected"),
    ],
)
def test_options_that_a_loop_cannot_follow(open_model, options, message):
    with pytest.raises(rt.InputError, match=message):
        open_model("loop").sample(**options)


def test_a_loop_does_not_interpolate(open_model):
    with pytest.raises(
        rt.InputError, match=r"interpolate\(\) expected the denoiser alone.* the sampling loop inside"
    ):
        open_model("loop").interpolate(START, START)


# ---- models that draw nothing --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["table", "image_classifier", "text"])
def test_models_that_are_no_diffusion_models(open_model, name):
    model = open_model(name)
    message = r"expected a diffusion model, got .* without noise schedule.* add\('diffusion_model'"
    with pytest.raises(rt.CardError, match=message):
        model.sample()
    with pytest.raises(rt.CardError, match=message):
        model.interpolate(START, START)


def test_a_file_without_a_card(open_model):
    with pytest.raises(rt.CardError, match="no onnxnn card in its metadata, which sample needs"):
        open_model("no_card").sample()


def test_a_card_of_another_graph(open_model):
    card = open_model("denoiser").card
    with pytest.raises(
        rt.CardError,
        match="expected the inputs x, t of the diffusion model in its card, got noise in the graph",
    ):
        open_model("loop", card=card).sample()
    named = replace(card, diffusion=replace(card.diffusion, classes=("a",)))
    with pytest.raises(
        rt.CardError, match="expected the inputs x, t, label of the diffusion model in its card, got x, t"
    ):
        open_model("denoiser", card=named).sample()


def test_predict_names_the_way(open_model):
    with pytest.raises(
        rt.CardError, match=r"predict\(\) expected an output of classes or values, .* 'image'. Use sample\(\)"
    ):
        open_model("denoiser").predict(START)


def test_the_card_comes_back(open_model):
    card = open_model("denoiser_classes").card
    spec = card.diffusion
    assert spec == DiffusionSpec(Schedule(40, "linear", "noise"), (3, 6, 4), ("红", "blue"))
    baked = replace(card, diffusion=replace(spec, sampler=SamplerSpec("dpm++", 20, 2)))
    assert rt.ModelCard.from_json(baked.to_json()) == baked


@pytest.mark.parametrize(
    ("written", "read", "message"),
    [
        ('"schedule": {', '"schedul": {', "expected the key 'diffusion.schedule', got none"),
        (
            '"kind": "linear", "pred',
            '"kind": "square", "pred',
            "'diffusion.schedule': schedule='square': expected",
        ),
        ('"timesteps": 40', '"timesteps": "40"', "'diffusion.schedule': timestep='40': expected"),
        ('"timesteps": 40', '"steps": 40', "'diffusion.schedule': schedule: expected the keys"),
        (
            '"shape": [3, 6, 4]',
            '"shape": [3, 6]',
            r"'diffusion.shape': expected \(1 or 3 channels, height, w",
        ),
        ('"shape": [3, 6, 4]', '"shape": [3, 6, 0]', "'diffusion.shape': expected"),
        ('"shape": [3, 6, 4]', '"shape": [3, 6, "w"]', "'diffusion.shape': expected"),
        (
            '"sampler": null',
            '"sampler": {"name": "ddim"}',
            "expected the key 'diffusion.sampler.steps', got none",
        ),
        (
            '"sampler": null',
            '"sampler": {"name": "ddim", "steps": 41, "guidance": 1.0}',
            "'diffusion.sampler.steps': expected 1 to 40, got 41",
        ),
        ('"sampler": null', '"sampler": null, "x": 1', "unknown 'diffusion.x'"),
    ],
)
def test_cards_that_are_damaged(open_model, written, read, message):
    text = open_model("denoiser_classes").card.to_json()
    assert text.count(written) == 1
    with pytest.raises(rt.CardError, match=message):
        rt.ModelCard.from_json(text.replace(written, read))
