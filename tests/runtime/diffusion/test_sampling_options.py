"""Options of sampling in the types that users give: NumPy's, torch's, empty ones, patterns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnxnn_runtime import DiffusionSpec, Schedule
from onnxnn_runtime.diffusion.sampling import (
    SamplingOptions,
    draw_with_graph,
    interpolate_images,
    sample_images,
)
from onnxnn_runtime.errors import InputError
from PIL import Image

SHAPE = (1, 4, 5)
SPEC = DiffusionSpec(Schedule(50), SHAPE)
NAMED = replace(SPEC, classes=("0", "1", "seven"), class_counts=(0, 1, 3))


class Tensor:
    """As torch's tensors are: what lists them is `tolist`."""

    def __init__(self, values):
        self._values = values

    def tolist(self):
        return self._values


def draw(spec=NAMED, num=None, **options):
    """Return images and the labels that the network got."""
    seen = []

    def predict(x, t, labels):
        seen.append(labels)
        return x * np.float32(0.5)

    drawn = sample_images(predict, spec, SamplingOptions(num, steps=2, seed=0, **options))
    return drawn, None if seen[0] is None else seen[0].tolist()


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (2, [2, 2]),
        (np.int64(2), [2, 2]),
        (np.array(2), [2, 2]),
        (np.array([2, 0]), [2, 0]),
        (Tensor([1, 2]), [1, 2]),
        (Tensor(1), [1, 1]),
        (np.array(["seven", "none"]), [2, 3]),
        (("seven", 0), [2, 0]),
        ("none", [3, 3]),
    ],
)
def test_labels_of_any_type(label, expected):
    assert draw(num=2, label=label)[1] == expected
    seen = []

    def run(noise, labels):
        seen.extend(labels.tolist())
        return noise

    draw_with_graph(run, NAMED, SamplingOptions(2, seed=0, label=label))
    assert seen == expected


@pytest.mark.parametrize("label", [np.array(7), np.array([2.5]), Tensor("x"), "", np.array([True])])
def test_labels_that_are_none(label):
    with pytest.raises(InputError, match="unknown class"):
        draw(num=1, label=label)


@pytest.mark.parametrize("strength", [0.5, np.float32(0.5), np.float16(0.5), np.float64(0.5), np.array(0.5)])
def test_numbers_of_any_type(strength):
    expected, _ = draw(SPEC, 3, start=np.zeros(SHAPE[1:], np.uint8), strength=0.5)
    found, _ = draw(
        SPEC, np.int64(3), start=np.zeros(SHAPE[1:], np.uint8), strength=strength, batch_size=np.int32(2)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("option", ["sampler", "eta", "strength", "guidance", "num", "batch_size"])
def test_an_empty_text_is_no_default(option):
    start = np.zeros(SHAPE[1:], np.uint8)
    with pytest.raises(InputError, match=rf"{option}=..: "):
        draw(SPEC, **{"start": start, option: ""})


@pytest.mark.parametrize("option", ["sampler", "eta", "steps", "strength", "start"])
def test_an_empty_text_is_no_default_where_the_loop_is_in_the_file(open_model, option):
    with pytest.raises(InputError, match=rf"{option}=.*: expected the sampling loop inside this file"):
        open_model("loop").sample(1, **{option: ""})


def test_a_pattern_names_one_mask(tmp_path):
    white = np.full(SHAPE[1:], 255, np.uint8)
    Image.fromarray(white).save(tmp_path / "a.png")
    options = {"start": np.zeros(SHAPE[1:], np.uint8), "mask": str(tmp_path / "*.png")}
    expected, _ = draw(SPEC, 1, start=options["start"], mask=white)
    np.testing.assert_array_equal(draw(SPEC, 1, **options)[0], expected)
    Image.fromarray(white).save(tmp_path / "b.png")
    with pytest.raises(InputError, match=r"mask=.*: expected one file, got 2 that match"):
        draw(SPEC, 1, **options)


def test_a_way_between_two_images_has_one_label():
    seen = set()

    def predict(x, t, labels):
        seen.update(labels.tolist())
        return x * np.float32(0.5)

    black, white = np.zeros(SHAPE[1:], np.uint8), np.full(SHAPE[1:], 255, np.uint8)
    drawn = set()
    for seed in range(12):
        seen.clear()
        interpolate_images(predict, NAMED, black, white, SamplingOptions(8, 2, seed=seed))
        assert len(seen) == 1
        drawn |= seen
    assert drawn == {1, 2}  # those that training had
    interpolate_images(predict, NAMED, black, white, SamplingOptions(8, 2, label="0"))
    assert 0 in seen
