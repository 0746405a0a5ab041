"""Arrays that hold blue first, as OpenCV reads images."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnxnn_runtime as rt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime import CardError, InputError, Preprocess
from onnxnn_runtime.card.preprocess import decode, pixels
from PIL import Image

SIDE = st.integers(1, 20)
STEPS = st.sampled_from(
    [(), (("resize", 5, 4),), (("resize_short", 6),), (("grayscale",), ("pad", 1, 2, 0, 0, 9))]
)


def image_of(height, width, channels, dtype):
    random = np.random.RandomState(height * 31 + width)
    image = random.randint(0, 256, (height, width, channels))
    return image.astype(np.uint8) if dtype == "uint8" else (image / 255).astype(dtype)


@given(SIDE, SIDE, st.sampled_from([1, 3, 4]), st.sampled_from(["uint8", "float32", "int64"]), STEPS,
       st.sampled_from(["RGB", "grayscale"]))  # fmt: skip
def test_an_array_with_blue_first_is_the_same_image(height, width, channels, dtype, steps, color):
    rgb = (
        image_of(height, width, channels, "uint8").astype(dtype)
        if dtype == "int64"
        else image_of(height, width, channels, dtype)
    )
    bgr = rgb[:, :, [2, 1, 0, 3][:channels]] if channels > 1 else rgb
    expected = Preprocess(color, steps)(rgb)
    np.testing.assert_array_equal(Preprocess(color, steps, channel_order="bgr")(bgr), expected)
    np.testing.assert_array_equal(Preprocess(color, steps, channel_order="BGR")(bgr), expected)


@pytest.mark.parametrize("form", ["path", "bytes", "PIL"])
def test_files_stay_rgb(tmp_path, image, form):
    path = tmp_path / "a.png"
    Image.fromarray(image).save(str(path))
    given = {"path": path, "bytes": path.read_bytes(), "PIL": Image.fromarray(image)}[form]
    np.testing.assert_array_equal(Preprocess(channel_order="bgr")(given), Preprocess()(given))
    np.testing.assert_array_equal(pixels(decode(given, channel_order="bgr")), image)


@pytest.mark.parametrize("order", ["gbr", "", None, 3, "rgba"])
def test_other_orders_are_refused(order):
    with pytest.raises(InputError, match="channel_order="):
        Preprocess(channel_order=order)


def test_it_is_kept_in_the_card_where_it_is_bgr_alone():
    assert "channel_order" not in Preprocess().to_dict()
    kept = Preprocess("RGB", channel_order="bgr")
    assert Preprocess.from_dict(json.loads(json.dumps(kept.to_dict()))) == kept
    with pytest.raises(CardError, match="channel_order"):
        Preprocess.from_dict({**kept.to_dict(), "channel_order": "xyz"})


def with_order(open_model, name, order):
    card = open_model(name).card
    preprocess = replace(card.input.preprocess, channel_order=order)
    return open_model(name, card=replace(card, input=replace(card.input, preprocess=preprocess)))


BLUE = np.zeros((6, 6, 3), np.uint8)
BLUE[:, :, 2] = 200

FORMS = {
    "one array": lambda x: x,
    "a list": lambda x: [x, x],
    "many in an array": lambda x: np.stack([x, x]),
    "channels first": lambda x: np.stack([np.moveaxis(x, 2, 0)] * 2),
    "ready floats": lambda x: np.stack([np.moveaxis(x, 2, 0)] * 2).astype(np.float32) / 255,
    "nested lists": lambda x: x.tolist(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["image_any_size", "image_classifier"])
@pytest.mark.parametrize("call", ["embed", "embed_named", "embed_stream", "predict"])
def test_every_call_takes_arrays_with_blue_first(open_model, form, name, call):
    def vectors(model, x, **options):
        found = getattr(model, call)(FORMS[form](x), **options)
        if call == "embed_stream":
            return np.concatenate([part.vectors for part in found])
        if call == "predict":
            return np.array([each.scores for each in found])
        return found if call == "embed" else found.vectors

    plain, kept = open_model(name), with_order(open_model, name, "bgr")
    if call == "predict" and name == "image_any_size":
        pytest.skip("it gives vectors")
    expected, bgr = vectors(plain, BLUE), np.ascontiguousarray(BLUE[:, :, ::-1])
    np.testing.assert_array_equal(vectors(plain, bgr, channel_order="bgr"), expected)
    np.testing.assert_array_equal(vectors(kept, bgr), expected)
    np.testing.assert_array_equal(vectors(kept, BLUE, channel_order="rgb"), expected)


def test_a_numpy_file_holds_arrays(open_model, tmp_path):
    np.save(str(tmp_path / "a.npy"), BLUE[np.newaxis, :, :, ::-1])
    model = open_model("image_any_size")
    np.testing.assert_array_equal(model.embed(tmp_path / "a.npy", channel_order="bgr"), model.embed(BLUE))


@pytest.mark.parametrize("name", ["table", "sequence"])
def test_only_images_have_channels(open_model, name):
    with pytest.raises(rt.InputError, match=r"channel_order='bgr': expected a network that takes images"):
        open_model(name).predict([[1, 2]], channel_order="bgr")
