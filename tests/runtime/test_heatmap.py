"""Where a model looks: class activation maps of a file, and the image that shows one."""

from __future__ import annotations

import io

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import CardError, InputError, OutputError
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.card.region import region_of
from onnxnn_runtime.heatmap import HeatMap
from onnxnn_runtime.inputs.reading import Sample
from onnxnn_runtime.outputs.heat_image import colored, heat_over
from PIL import Image
from support.languages import is_in
from support.paths import GOLDEN

WEIGHTS = np.array([[4.0, 0.0], [0.0, 2.0], [0.0, 4.0]], np.float32)


@pytest.fixture
def model():
    """Its channels are the input itself, so that its map is too: red is red, green and blue are 绿."""
    return rt.load(GOLDEN / "models" / "image_heatmap.onnx")


def halves(width=16, height=8):
    """An image that is red on the left and blue on the right."""
    array = np.zeros((height, width, 3), np.uint8)
    array[:, : width // 2, 0] = 255
    array[:, width // 2 :, 2] = 255
    return array


def test_the_map_is_the_sum_of_the_channels_by_the_weights_of_the_head(model):
    image = np.random.RandomState(0).rand(3, 5, 4).astype(np.float32)
    for index, label in enumerate(("red", "绿")):
        found = model.heatmap(image[np.newaxis], label=label)
        expected = np.einsum("chw,c->hw", image, WEIGHTS[:, index])
        np.testing.assert_allclose(found.values, expected, atol=1e-6)
        assert (found.label, found.name) == (label, "input[0]")
        scores = model.infer(image[np.newaxis])[0]
        assert found.score == pytest.approx(float(scores[index]))
    assert model.heatmap(image[np.newaxis], label=1).label == "绿"
    assert model.heatmap(image[np.newaxis]).label == model.predict(image[np.newaxis])[0].label


def test_heat_is_what_speaks_for_the_class():
    values = np.float32([[-1, 0], [2, 4]])
    found = HeatMap("x", "a", 1.0, values, Sample("x", np.zeros((3, 2, 2)), True), None)
    np.testing.assert_allclose(found.heat, [[0, 0], [0.5, 1]])
    nothing = HeatMap("x", "a", 1.0, -np.abs(values), Sample("x", np.zeros((3, 2, 2)), True), None)
    assert not nothing.heat.any()
    assert nothing.draw().size[0] > 0


@pytest.mark.parametrize(
    ("steps", "size", "region"),
    [
        ((), (10, 6), (0, 0, 10, 6)),
        ((("resize", 8, 8),), (16, 4), (0, 0, 16, 4)),
        ((("resize_short", 8), ("center_crop", 8, 8)), (32, 16), (8, 0, 24, 16)),
        ((("resize_short_bicubic", 8), ("center_crop", 4, 4)), (16, 16), (4, 4, 12, 12)),
        ((("center_crop", 8, 4),), (8, 4), (2, -2, 6, 6)),
        ((("pad", 1, 2, 3, 4, 0), ("resize", 20, 20)), (6, 4), (-1, -2, 9, 8)),
        ((("resize", 10, 20), ("pad", 2, 0, 0, 0, 9), ("center_crop", 10, 10)), (40, 20), (8, 0, 28, 20)),
    ],
)
def test_the_region_is_what_the_network_looks_at(steps, size, region):
    assert region_of(Preprocess(steps=steps), *size) == pytest.approx(region)


@pytest.mark.parametrize("steps", [(("resize_short", 8), ("center_crop", 6, 6)), (("pad", 2, 0, 4, 1, 0),)])
def test_the_region_holds_the_pixels_that_reach_the_network(steps):
    """A mark in the image stands at the same place of the region as in the network's input."""
    preprocess = Preprocess(steps=steps)
    array = np.zeros((40, 64, 3), np.uint8)
    array[18:26, 28:36] = 255
    seen = preprocess.to_uint8(array)[..., 0].astype(float)
    left, top, right, bottom = region_of(preprocess, 64, 40)
    y, x = (np.average(np.arange(n) + 0.5, weights=seen.sum(axis=1 - i)) for i, n in enumerate(seen.shape))
    assert left + x / seen.shape[1] * (right - left) == pytest.approx(32, abs=0.6)
    assert top + y / seen.shape[0] * (bottom - top) == pytest.approx(22, abs=0.6)


def test_heat_is_drawn_over_the_region_alone(model):
    drawn = np.asarray(model.heatmap(halves(64, 32), label="red").draw().convert("RGB"), float)
    scale = drawn.shape[1] // 64
    bright = drawn[: 32 * scale].sum(axis=2)
    assert bright[16 * scale, 20 * scale] > bright[16 * scale, 45 * scale], "red is hot, blue is cold"
    assert bright[16 * scale, 20 * scale] > bright[16 * scale, 4 * scale], "red that was cropped away is dark"


def test_colours_grow_brighter_with_heat():
    found = colored(np.linspace(0, 1, 33)).astype(float) @ [0.299, 0.587, 0.114]
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (1500, 40), (2000, 3000)])
def test_images_of_any_size_are_drawn(size):
    drawn = heat_over(Image.new("RGB", size), np.eye(7, dtype=np.float32), (-5, -5, *size), "猫 0.9")
    assert 256 <= max(drawn.size) <= 1024 + 100


def test_the_map_is_saved_and_shown_in_notebooks(model, tmp_path):
    Image.fromarray(halves()).save(str(tmp_path / "a.png"))
    found = model.heatmap(str(tmp_path / "a.png"))
    with Image.open(str(found.save(tmp_path / "heat.png"))) as saved:
        assert saved.size == found.draw().size
    assert Image.open(io.BytesIO(found._repr_png_())).format == "PNG"


def test_many_images_have_their_own_maps(model, folder):
    (folder / "red" / "broken.png").write_bytes(b"\x89PNG")
    with pytest.warns(UserWarning, match="broken"):
        found = model.heatmaps(folder, label="red", errors="skip", batch_size=4)
    assert len(found) == 40
    for each in found[::7]:
        np.testing.assert_allclose(each.values, model.heatmap(each.name, label="red").values, atol=1e-6)


def test_blue_first_is_taken_into_account(model):
    found = model.heatmap(np.ascontiguousarray(halves()[..., ::-1]), label="red", channel_order="bgr")
    expected = model.heatmap(halves(), label="red")
    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)
    assert np.array_equal(np.asarray(found.draw()), np.asarray(expected.draw()))


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda model, path: model.heatmap(halves(), label="dog"), InputError, "red, 绿"),
        (lambda model, path: model.heatmap(halves(), label=2), InputError, "0"),
        (lambda model, path: model.heatmap([halves(), halves()]), InputError, "heatmaps()"),
        (lambda model, path: model.heatmap("nothing.png"), InputError, "nothing.png"),
        (lambda model, path: model.heatmap(halves()).save(path / "a.txt"), InputError, ".png"),
        (lambda model, path: plain().heatmap(halves()), CardError, "heatmap=True"),
        (
            lambda model, path: rt.load(GOLDEN / "models/no_card.onnx").heatmap(halves()),
            CardError,
            "heatmap=True",
        ),
    ],
)
def test_what_cannot_be_is_refused(model, tmp_path, language, ask, error, said):
    with pytest.raises(error) as found:
        ask(model, tmp_path)
    assert said in str(found.value)
    assert is_in(language, str(found.value), without=["绿"])
    assert list(tmp_path.iterdir()) == []


def plain(name="image_classifier"):
    return rt.load(GOLDEN / "models" / f"{name}.onnx")


def test_the_image_itself_is_not_replaced(model, tmp_path):
    Image.fromarray(halves()).save(str(tmp_path / "a.png"))
    with pytest.raises(OutputError):
        model.heatmap(str(tmp_path / "a.png")).save(tmp_path / "a.png")
