"""Start images and interpolation."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import DiffusionSpec, Preprocess, Schedule
from onnxnn_runtime.diffusion.sampler import Noise
from onnxnn_runtime.diffusion.sampling import (
    SamplingOptions,
    interpolate_images,
)
from PIL import Image
from support.sampling import SHAPE, SPEC, START, assert_close, sample, soft


@pytest.mark.parametrize("steps", [1, 2, 5, 50])
@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ddpm"])
@pytest.mark.parametrize("how", ["sample", "sample with a mask", "interpolate"])
def test_a_start_image_stays_recognisable_whatever_the_steps(how, sampler, steps):
    def far(strength):
        options = {"seed": 0, "steps": steps, "sampler": sampler, "strength": strength}
        if how == "interpolate":
            drawn = interpolate_images(soft, SPEC, START, START, SamplingOptions(8, **options))
        else:
            mask = {} if how == "sample" else {"mask": np.ones(SHAPE[1:])}
            drawn = sample(8, start=START, **mask, **options)
        return abs(drawn - START / 255).mean()

    assert far(0.02) < far(0.05) < far(0.3) < far(1.0)
    assert far(0.02) < 0.05


def test_noise_is_added_to_a_start_image():
    clean = START.astype(np.float32) / 255 * 2 - 1
    every = sample(2, steps=10, seed=2, start=START, strength=0.3, return_all_timesteps=True)
    assert every.shape == (2, 4, *SHAPE)
    noisy = SPEC.schedule.add_noise(clean, Noise(2, SHAPE, 2)(), 14)  # the third of ten steps of 50
    assert_close(every[:, 0], ((noisy + 1) / 2).clip(0, 1))
    assert sample(2, steps=10, start=START, return_all_timesteps=True).shape[1] == 7  # 0.6 of 10


def test_the_weaker_the_noise_the_more_of_the_image_is_left():
    far = [
        abs(sample(8, seed=0, steps=50, start=START, strength=s) - START / 255).mean() for s in (0.02, 0.3, 1)
    ]
    assert far[0] < far[1] < far[2]
    assert far[0] < 0.05


def test_start_images_as_paths_and_arrays(tmp_path):
    path = tmp_path / "start.png"
    Image.fromarray(START).save(str(path))
    expected = sample(2, seed=0, start=START)
    ready = (START / np.float32(255))[np.newaxis, np.newaxis]
    for start in (str(path), path, path.read_bytes(), Image.fromarray(START), START / 255, ready):
        assert_close(sample(2, seed=0, start=start), expected)
    several = sample(seed=0, start=[START, path, START // 2])
    assert several.shape == (3, *SHAPE)
    assert_close(several[:2], expected)


def test_start_images_of_other_sizes_are_resized_as_the_card_says():
    large = np.random.RandomState(1).randint(0, 256, (40, 30, 3)).astype(np.uint8)
    preprocess = Preprocess("grayscale", (("resize", 4, 5),))
    assert_close(sample(1, seed=0, start=large), sample(1, seed=0, start=preprocess(large)[np.newaxis]))
    cut = Preprocess("grayscale", (("center_crop", 4, 5),))
    expected = sample(1, seed=0, start=cut(large)[np.newaxis])
    assert_close(sample(1, seed=0, start=large, preprocess=cut), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "missing.png"}, "missing.png: no such file"),
        ({"start": 3}, "expected an image as a path"),
        ({"start": []}, "expected at least one image, got none"),
        ({"start": START, "strength": 0}, "strength=0: expected a number above 0, at most 1"),
        ({"start": [START] * 2, "num": 3}, "num=3: expected 3 entries in start.* got 2"),
        ({"start": np.zeros((1, 1, 8, 8), np.float32)}, r"expected one sample of shape .*, got \(1, 8, 8\)"),
        (
            {"start": np.zeros((9, 9), np.uint8), "preprocess": Preprocess("grayscale")},
            r"input\[0\]: expected one sample of shape \(1, 4, 5\), got \(1, 9, 9\)",
        ),
    ],
)
def test_start_images_that_do_not_fit(options, message):
    with pytest.raises(rt.InputError, match=message):
        sample(**options)


# ---- from one image to another -----------------------------------------------------------------


def interpolate(first, second, num=9, strength=0.6, **options):
    return interpolate_images(soft, SPEC, first, second, SamplingOptions(num, strength=strength, **options))


def test_interpolation_goes_from_one_image_to_the_other():
    other = 255 - START
    found = interpolate(START, other, num=5, strength=0.02, steps=50, seed=0)
    assert found.shape == (5, *SHAPE)
    for share, image in zip(np.linspace(0, 1, 5), found):
        blend = (1 - share) * START / 255 + share * other / 255
        assert abs(image - blend).mean() < 0.05
    noise = Noise(0, SHAPE, 2)()
    assert_close(found[:1], sample(start=START, noise=noise[:1], strength=0.02, steps=50))
    assert_close(found[4:], sample(start=other, noise=noise[1:], strength=0.02, steps=50))


def test_interpolated_noise_keeps_its_variance():
    spec = DiffusionSpec(Schedule(50), (1, 64, 64))
    grey = np.full((64, 64), 127, np.uint8)
    seen = []
    interpolate_images(
        lambda x, t, labels: seen.append(x) or x,
        spec,
        grey,
        grey,
        SamplingOptions(5, 1, strength=1.0, seed=0),
    )
    np.testing.assert_allclose(seen[0].std(axis=(1, 2, 3)), 1, atol=0.05)


def test_interpolation_takes_the_other_options():
    found = interpolate(START, START, 3, sampler="ddim", steps=10, return_all_timesteps=True)
    assert found.shape == (3, 7, *SHAPE)


@pytest.mark.parametrize(
    ("ends", "num", "message"),
    [
        ([START, START], 1, "num=1: expected at least 2"),
        ([[START, START], START], 3, "expected one image for each of the two ends"),
        ([START, "missing.png"], 3, "missing.png: no such file"),
    ],
)
def test_interpolations_that_do_not_fit(ends, num, message):
    with pytest.raises(rt.InputError, match=message):
        interpolate(*ends, num)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("sede", "'sede'. Did you mean 'seed'?"),
        ("foo", "unknown option 'foo'."),
        ("start", "unknown option 'start': both images are given. Leave it out."),
        ("noise", "unknown option 'noise': both images are given. Leave it out."),
        ("mask", "unknown option 'mask': both images are given. Leave it out."),
    ],
)
def test_unknown_options_of_interpolations(open_model, option, message):
    with pytest.raises(rt.CallError) as raised:
        open_model("denoiser").interpolate(START, START, **{option: None})
    said = str(raised.value)
    assert said.startswith("interpolate(): ")
    assert message in said
    assert "interpolate() takes: steps, sampler, seed, eta, label, guidance, return_all_timesteps" in said
