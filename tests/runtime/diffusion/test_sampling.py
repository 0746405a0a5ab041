"""Sampling: seeds, noise, batches, denoising steps, and options that do not fit."""

from __future__ import annotations

import io
import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.diffusion.sampler import Noise
from onnxnn_runtime.diffusion.sampling import (
    SamplingOptions,
    sample_images,
)
from support.sampling import NAMED, SHAPE, SPEC, assert_close, sample, soft

# ---- how many, and which -------------------------------------------------------------------------


def test_images_lie_in_0_to_1():
    images = sample(seed=0)
    assert images.shape == (16, *SHAPE)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert len(np.unique(images[:, 0, 0, 0])) == 16


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ddpm"])
def test_an_image_is_the_same_whatever_is_sampled_beside_it(sampler):
    whole = sample(7, sampler=sampler, seed=3)
    assert_close(sample(2, sampler=sampler, seed=3), whole[:2])
    assert_close(sample(7, sampler=sampler, seed=3, batch_size=3), whole)
    assert abs(sample(7, sampler=sampler, seed=4) - whole).max() > 0.01


def test_parts_keep_their_labels_noise_and_start():
    noise = Noise(0, SHAPE, 5)()
    start = np.linspace(0, 1, 100, dtype=np.float32).reshape(5, *SHAPE)
    options = {"label": [0, 1, 2, "seven", 1], "guidance": 2.0, "noise": noise, "start": start, "seed": 0}
    whole = sample_images(soft, NAMED, SamplingOptions(sampler="ddpm", return_all_timesteps=True, **options))
    parts = sample_images(
        soft, NAMED, SamplingOptions(sampler="ddpm", return_all_timesteps=True, batch_size=2, **options)
    )
    assert_close(parts, whole)


def test_without_a_seed_images_are_others_each_time():
    assert abs(sample(1) - sample(1)).max() > 0.01


def test_noise_in_place_of_the_seeds():
    for sampler in ("dpm++", "ddpm"):
        expected = sample(3, sampler=sampler, seed=5)
        assert_close(sample(sampler=sampler, noise=Noise(5, SHAPE, 3)(), seed=5), expected)
        assert_close(sample(sampler=sampler, noise=Noise(5, SHAPE, 3)().astype(float), seed=5), expected)


def test_each_step_gets_its_time_and_the_type():
    seen = []

    def predict(x, t, labels):
        seen.append((x.dtype, type(t), t, labels))
        return soft(x, t, labels)

    sample_images(predict, SPEC, SamplingOptions(2, steps=3))
    assert seen == [(np.dtype(np.float32), int, t, None) for t in (49, 32, 16)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num": 0}, "num=0: expected an integer from 1 to 100,000"),
        ({"num": 2.0}, "num=2.0: expected an integer from 1 to 100,000"),
        ({"batch_size": 0}, "batch_size=0: expected an integer of at least 1"),
        ({"steps": 51}, "steps=51: expected an integer from 1 to 50"),
        ({"steps": 0}, "steps=0: expected"),
        ({"callback": 3}, r"callback=3: expected a function of \(step, images\)"),
        ({"sampler": "euler"}, "sampler='euler': unknown sampler"),
        ({"seed": -1}, "seed=-1: expected"),
        ({"eta": 1}, "eta=1: expected sampler="),
        ({"noise": np.zeros((2, 1, 5, 4), np.float32)}, r"noise: expected .*, got float32 \(2, 1, 5, 4\)"),
        ({"noise": np.zeros(SHAPE, np.float32)}, r"noise: expected float32 \(num, 1, 4, 5\)"),
        ({"noise": np.zeros((2, *SHAPE), int)}, r"noise: expected .*, got int64 \(2, 1, 4, 5\)"),
        ({"noise": np.full((2, *SHAPE), np.nan)}, "noise: expected finite numbers, got NaN"),
        (
            {"noise": np.zeros((2, *SHAPE)), "num": 3},
            "num=3: expected 3 entries in noise, one for each image, got 2",
        ),
        ({"guidance": 2}, "guidance=2: expected a label for images to follow, got none"),
        (
            {"guidance": -1, "label": 0},
            "label=0: expected no label, because this model was trained without classes",
        ),
        ({"strength": 0.5}, "strength=...: expected start=..., the image that it belongs to"),
        ({"mask": np.ones((2, 2))}, "mask=...: expected start=..., the image that it belongs to"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(rt.InputError, match=message):
        sample(**options)


def test_a_network_that_gives_no_numbers():
    with pytest.raises(rt.InputError, match="expected finite predictions"):
        sample_images(lambda x, t, labels: x * np.float32("nan"), SPEC, SamplingOptions(1))


# ---- what is seen on the way ---------------------------------------------------------------------


def test_all_timesteps_begin_with_the_noise_and_end_with_the_images():
    every = sample(3, steps=6, seed=1, return_all_timesteps=True)
    assert every.shape == (3, 7, *SHAPE)
    assert_close(every[:, 0], ((Noise(1, SHAPE, 3)() + 1) / 2).clip(0, 1))
    assert_close(every[:, -1], sample(3, steps=6, seed=1))
    assert sample(2, sampler="ddpm", return_all_timesteps=True).shape == (2, 51, *SHAPE)


def test_the_callback_sees_each_step():
    seen = []
    every = sample(3, steps=4, seed=1, return_all_timesteps=True, callback=lambda *each: seen.append(each))
    assert [step for step, _ in seen] == [1, 2, 3, 4]
    for step, images in seen:
        assert_close(images, every[:, step])


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("terminal", "progress"), [(True, True), (True, False), (False, True)])
def test_the_bar_is_for_people(monkeypatch, terminal, progress):
    written = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    sample(3, steps=4, batch_size=2, progress=progress)
    if terminal and progress:
        assert "] 1 of 8 steps\r" in written.getvalue()
        assert written.getvalue().endswith("] 8 of 8 steps\r\x1b[K")
    else:
        assert written.getvalue() == ""
