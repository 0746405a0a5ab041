"""Inpainting: masks, and what of the image is kept."""

from __future__ import annotations

import io

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.diffusion.sampler import Noise
from PIL import Image
from support.sampling import MASK, SHAPE, SPEC, START, assert_close, sample


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ddpm"])
def test_what_is_kept_is_kept_exactly(sampler):
    found = sample(3, seed=0, sampler=sampler, start=START, mask=MASK)
    kept = (START / np.float32(255))[MASK == 0]
    for image in found:
        np.testing.assert_array_equal(image[0][MASK == 0], kept)
        assert abs(image[0] - START / 255)[MASK == 1].max() > 0.05


def test_what_is_kept_is_as_noisy_as_the_rest_on_the_way():
    every = sample(1, seed=0, steps=5, start=START, mask=MASK, return_all_timesteps=True)
    noise = Noise(0, SHAPE, 1)()
    for step, t in enumerate((49, 39, 29, 19, 9, -1)):
        noisy = SPEC.schedule.add_noise(START.astype(np.float32) / 255 * 2 - 1, noise, t)
        assert_close(every[0, step, 0][MASK == 0], ((noisy + 1) / 2).clip(0, 1)[0, 0][MASK == 0])


def test_a_mask_without_a_hole_keeps_the_image_and_a_full_one_none_of_it():
    empty = sample(1, seed=0, start=START, mask=np.zeros((4, 5)))
    np.testing.assert_array_equal(empty[0, 0], START / np.float32(255))
    assert_close(
        sample(1, seed=0, start=START, mask=np.ones((4, 5))), sample(1, seed=0, start=START, strength=1.0)
    )


def test_masks_as_images(tmp_path):
    path = tmp_path / "mask.png"
    Image.fromarray((MASK * 255).astype(np.uint8)).save(str(path))
    expected = sample(2, seed=0, start=START, mask=MASK)
    for mask in (
        str(path),
        path,
        path.read_bytes(),
        Image.open(str(path)),
        io.BytesIO(path.read_bytes()),
        str(path.parent / "m*.png"),
        MASK.astype(bool),
        MASK.astype(float),
        MASK.tolist(),
        (MASK * 255).astype(np.uint8),
        (MASK * 255).astype(float),
        (MASK * 255).tolist(),
    ):
        assert_close(sample(2, seed=0, start=START, mask=mask), expected)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((5, 4)), r"mask: expected \(4, 5\), the height and width .*, got \(5, 4\)"),
        (np.ones((1, 4, 5)), r"mask: .* got \(1, 4, 5\)"),
        (Image.new("L", (28, 28)), r"mask: expected \(4, 5\).*got \(28, 28\)"),
        (np.full((4, 5), 2), "mask: expected 1 or 255"),
        (np.full((4, 5), 0.5), "mask: expected 1 or 255"),
        ("missing.png", "missing.png: no such file"),
    ],
)
def test_masks_that_do_not_fit(mask, message):
    with pytest.raises(rt.InputError, match=message):
        sample(1, start=START, mask=mask)
