"""Random transforms: identity at strength zero, ranges, size, repeatability."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError
from PIL import Image

from onnxnn.data import augment
from onnxnn.data.augment import (
    ColorJitter,
    RandomAffine,
    RandomCrop,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
)

ALL = [
    RandomHorizontalFlip(),
    RandomVerticalFlip(),
    RandomGrayscale(0.5),
    RandomCrop((20, 30), padding=4),
    RandomResizedCrop((20, 30)),
    RandomRotation(30),
    RandomAffine(30, (0.2, 0.2), (0.7, 1.3), 10),
    ColorJitter(0.5, 0.5, 0.5, 0.3),
]


@pytest.fixture(params=["RGB", "L"])
def image(request):
    values = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    return Image.fromarray(values).convert(request.param)


def test_every_random_transform_is_tested():
    assert {type(change).__name__ for change in ALL} == set(augment.__all__) - {"Augmentation"}


@pytest.mark.parametrize("change", ALL, ids=lambda change: type(change).__name__)
def test_mode_and_size_stay_and_the_seed_repeats(image, change):
    before = image.tobytes()
    results = [change(image, Random(seed)) for seed in range(12)]
    assert {(result.mode, result.size) for result in results} == {(image.mode, image.size)}
    assert [result.tobytes() for result in results] == [
        change(image, Random(seed)).tobytes() for seed in range(12)
    ]
    assert image.tobytes() == before
    only_colour = isinstance(change, RandomGrayscale) and image.mode == "L"
    assert (len({result.tobytes() for result in results}) > 1) is not only_colour


@pytest.mark.parametrize(
    "change",
    [
        RandomHorizontalFlip(0),
        RandomVerticalFlip(0.0),
        RandomGrayscale(0),
        RandomCrop((20, 30)),
        RandomResizedCrop((20, 30), (1, 1), (1.5, 1.5)),
        RandomRotation(0),
        RandomAffine(0),
        RandomAffine(0, (0, 0), (1, 1), 0),
        ColorJitter(),
        ColorJitter((1, 1), (1, 1), (1, 1), (0, 0)),
    ],
    ids=repr,
)
def test_strength_zero_changes_nothing(image, change):
    for seed in range(5):
        assert change(image, Random(seed)).tobytes() == image.tobytes()


def test_flips(image):
    values = np.asarray(image)
    np.testing.assert_array_equal(RandomHorizontalFlip(1)(image, Random(0)), values[:, ::-1])
    np.testing.assert_array_equal(RandomVerticalFlip(1)(image, Random(0)), values[::-1])
    flipped = sum(
        RandomHorizontalFlip(0.3)(image, Random(s)).tobytes() != image.tobytes() for s in range(500)
    )
    assert 110 < flipped < 190


def test_crop_takes_every_position():
    image = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4))
    corners = {np.asarray(RandomCrop(2)(image, Random(seed)))[0, 0] for seed in range(200)}
    assert corners == {0, 1, 2, 4, 5, 6, 8, 9, 10}
    assert RandomCrop((2, 3)).fixed() == (("center_crop", 2, 3),)


def test_crop_pads_with_the_fill_value():
    image = Image.fromarray(np.full((2, 2), 7, np.uint8))
    np.testing.assert_array_equal(
        RandomCrop((2, 4), padding=(1, 0), fill=9)(image, Random(0)), [[9, 7, 7, 9], [9, 7, 7, 9]]
    )
    padded = np.asarray(RandomCrop(4, pad_if_needed=True, fill=9)(image, Random(0)))
    assert sorted(np.unique(padded)) == [7, 9]
    assert (padded == 7).sum() == 4


def test_crop_of_a_smaller_image_is_refused(image):
    with pytest.raises(DataError, match=r"at least 25x25, got one of 20x30\. Write 'Resize' before it"):
        RandomCrop(25)(image, Random(0))


def test_resized_crop_keeps_area_and_proportions():
    change = RandomResizedCrop(10, (0.2, 0.5), (0.5, 2.0))
    image = Image.new("L", (100, 80))
    for seed in range(100):
        left, top, right, bottom = change._box(image, Random(seed))
        assert 0 <= left < right <= 100
        assert 0 <= top < bottom <= 80
        assert 0.19 < (right - left) * (bottom - top) / 8000 < 0.51
        assert 0.48 < (right - left) / (bottom - top) < 2.1


@pytest.mark.parametrize("size", [(3, 300), (300, 3)])
def test_resized_crop_of_a_strip_takes_its_middle(size):
    left, top, right, bottom = RandomResizedCrop(10, (1, 1))._box(Image.new("L", size), Random(0))
    assert 0.74 < (right - left) / (bottom - top) < 1.34
    assert abs((left + right) - size[0]) <= 1
    assert abs((top + bottom) - size[1]) <= 1


def test_quarter_turns():
    values = np.arange(16, dtype=np.uint8).reshape(4, 4)
    image = Image.fromarray(values)
    np.testing.assert_array_equal(RandomRotation((90, 90))(image, Random(0)), np.rot90(values))
    np.testing.assert_array_equal(RandomAffine((90, 90))(image, Random(0)), np.rot90(values, -1))


def test_affine_shifts_scales_and_shears():
    image = Image.fromarray(np.pad(np.full((2, 2), 200, np.uint8), 4))
    shifted = {np.asarray(RandomAffine(0, (0.3, 0))(image, Random(s))).argmax() % 10 for s in range(100)}
    assert shifted == set(range(1, 8))
    tripled = np.asarray(RandomAffine(0, scale=(3, 3))(image, Random(0))).astype(int)
    assert abs(tripled.sum() - 9 * 4 * 200) < 200
    rows = np.asarray(
        RandomAffine(0, shear=(45, 45))(Image.fromarray(np.eye(9, dtype=np.uint8) * 200), Random(0))
    )
    assert (rows.argmax(axis=1) - np.arange(9)).tolist()[3:6] == [-1, 0, 1]


def test_corners_take_the_fill_value(image):
    assert np.asarray(RandomRotation((45, 45), fill=77)(image, Random(0)))[0, 0].flat[0] == 77
    assert np.asarray(RandomAffine((45, 45), fill=77)(image, Random(0)))[0, 0].flat[0] == 77


def test_colours():
    image = Image.new("RGB", (4, 4), (200, 100, 50))
    assert np.asarray(ColorJitter(brightness=(0.5, 0.5))(image, Random(0)))[0, 0].tolist() == [100, 50, 25]
    assert len(set(np.asarray(ColorJitter(saturation=(0, 0))(image, Random(0)))[0, 0])) == 1
    assert len(set(np.asarray(RandomGrayscale(1)(image, Random(0)))[0, 0])) == 1
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    cyan = np.asarray(ColorJitter(hue=(0.5, 0.5))(red, Random(0)))[0, 0].astype(int)
    assert np.abs(cyan - [0, 255, 255]).max() <= 6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomHorizontalFlip(1.5), r"RandomHorizontalFlip\(p=1\.5\): p: expected a number"),
        (lambda: RandomVerticalFlip(True), "p: expected a number from 0 to 1"),
        (lambda: RandomGrayscale("a"), "p: expected a number from 0 to 1"),
        (lambda: RandomCrop(0), r"size: expected \(height, width\) or one integer"),
        (lambda: RandomCrop((1, 2, 3)), "size: expected"),
        (lambda: RandomCrop(4, padding=-1), "padding: expected 1, 2 or 4 integers"),
        (lambda: RandomCrop(4, fill=256), "fill: expected an integer from 0 to 255"),
        (lambda: RandomResizedCrop(4, (0.5, 0.1)), "scale: expected two numbers .*, the smaller first"),
        (lambda: RandomResizedCrop(4, ratio=(0, 1)), r"ratio: expected two numbers.*0\.001"),
        (lambda: RandomRotation(-3), "degrees: expected a number of at least 0, or two numbers"),
        (lambda: RandomRotation((30, -30)), "degrees: expected two numbers .*, the smaller first"),
        (lambda: RandomAffine(0, translate=(2, 0)), r"translate: expected two numbers \(x, y\) from 0 to 1"),
        (lambda: RandomAffine(0, scale=(0, 1)), "scale: expected two numbers"),
        (lambda: RandomAffine(0, shear=90), "shear: expected a number, or two or four"),
        (lambda: ColorJitter(brightness=-1), "brightness: expected a number of at least 0"),
        (lambda: ColorJitter(hue=0.6), "hue: expected at most 0.5"),
        (lambda: ColorJitter(contrast=(-1, 1)), "contrast: expected two numbers"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit(make, message):
    with pytest.raises(DataError, match=message):
        make()
