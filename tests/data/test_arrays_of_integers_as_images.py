"""Arrays of images in every type of number: training reads them as inference does."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError
from PIL import Image

from onnxnn import nn

X = np.random.default_rng(0).integers(0, 256, (8, 6, 5, 3), dtype=np.uint8)
Y = [0, 1] * 4


def loaded(x):
    model = nn("cls", verbose=0)
    (samples, _), *_ = model.load_dataset(x, Y, shuffle=False, channel_order="rgb")
    return model, samples.numpy()


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.astype(int),
        lambda x: x.astype(np.int16),
        lambda x: x.astype(np.uint16),
        lambda x: x.tolist(),
        lambda x: x / 255,
    ],
    ids=["int64", "int16", "uint16", "lists", "floats"],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_integers_of_0_to_255_are_images_like_bytes(form, channels, tmp_path):
    x = X[..., :channels]
    model, samples = loaded(form(x))
    np.testing.assert_allclose(samples, np.moveaxis(x, 3, 1) / 255, atol=1e-6)
    model.add("conv2d", size=(channels, 2), kernel_size=3)
    model.add("linear", size=(24, 2), activation="softmax")
    model.save_fold = str(tmp_path)
    model.train(epochs=1)
    Image.fromarray(x[0] if channels == 3 else x[0, :, :, 0]).save(tmp_path / "0.png")
    want = model.inference(tmp_path / "0.png")
    np.testing.assert_allclose(model.inference(form(x))[:1], want, atol=1e-6)
    assert model.evaluate((form(x), Y)) == pytest.approx(model.evaluate((x, Y)), rel=1e-5)


def test_bools_are_black_and_white():
    _, samples = loaded(X > 127)
    np.testing.assert_array_equal(samples, np.moveaxis(X > 127, 3, 1).astype(np.float32))


def test_other_integers_are_no_image():
    with pytest.raises(
        DataError, match=r"expected integers 0\.\.255 .* int64, got others\. Convert it to uint8"
    ):
        loaded(X.astype(int) * 10)
