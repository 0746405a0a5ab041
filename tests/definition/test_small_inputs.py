"""Inputs that are too small for a network's windows, or belong to another network."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.errors import DataError, InputError

from onnxnn import nn


def free_size_cnn():
    model = nn("cls", verbose=0)
    model.load_dataset(np.random.default_rng(0).random((8, 3, 12, 12), np.float32), np.arange(8) % 2)
    model.add("conv2d", size=(3, 4), kernel_size=3)
    model.add("maxpool", kernel_size=4)
    model.add("global_avgpool")
    model.add("linear", size=(4, 2), activation="softmax")
    return model


def text_cnn():
    model = nn("cls", verbose=0)
    tokens = np.random.default_rng(0).integers(1, 4, (8, 9))
    model.load_dataset(tokens, np.arange(8) % 2, word2idx={"_": 0, "a": 1, "b": 2, "c": 3})
    model.add("embedding", size=(4, 5), channels_first=True)
    model.add("conv1d", size=(5, 4), kernel_size=3)
    model.add("global_maxpool")
    model.add("linear", size=(4, 2), activation="softmax")
    return model


@pytest.mark.parametrize(
    ("make", "small", "enough", "message"),
    [
        (
            free_size_cnn,
            np.zeros((1, 3, 5, 7), np.float32),
            np.zeros((1, 3, 6, 6), np.float32),
            "expected images of at least 6 x 6, got 5 x 7",
        ),
        (text_cnn, np.array([[1, 2]]), [[1, 2, 3]], "expected at least 3 tokens, got 2"),
    ],
)
def test_inputs_that_are_too_small_for_the_network(tmp_path, monkeypatch, make, small, enough, message):
    monkeypatch.chdir(tmp_path)
    model = make()
    for call in (model.inference, model.extract_feature, model.visual_feature):
        assert len(call(enough))
        with pytest.raises(InputError, match=message):
            call(small)
    with pytest.raises(DataError, match=f"evaluate: {message}"):
        model.evaluate((small, [0]))
    if make is text_cnn:
        with pytest.raises(InputError, match=message):
            model.inference("ab")


def test_images_that_a_custom_function_makes_too_small(class_folders):
    model = nn("cls", verbose=0)
    with pytest.warns(UserWarning, match="a function given as transform"):
        model.load_img_data(str(class_folders), transform=lambda image: image.resize((image.width // 2,) * 2))
    model.add("conv2d", size=(3, 4), kernel_size=7)
    model.add("global_avgpool")
    with pytest.raises(InputError, match="expected images of at least 7 x 7, got 6 x 6"):
        model.inference(np.zeros((12, 12, 3), np.uint8))


@pytest.mark.parametrize(
    ("make", "other", "message"),
    [
        (free_size_cnn, text_cnn, r"expected images of shape .*, got tokens of shape \(9\)"),
        (
            text_cnn,
            free_size_cnn,
            r"expected tokens of shape .*, got samples of shape \(3, 12, 12\)",
        ),
    ],
)
def test_evaluation_on_batches_of_another_network(make, other, message):
    x, y = np.eye(4), np.arange(4) % 2
    with pytest.raises(DataError, match=message):
        make().evaluate(other()._data.train)
    with pytest.raises(DataError, match=r"got 4 columns|expected tokens, integers"):
        make().evaluate(nn("cls", verbose=0).load_dataset(x / 2, y))


def test_evaluation_on_batches_of_images_of_another_size(class_folders):
    model = nn("cls", verbose=0)
    model.load_img_data(str(class_folders), transform={"Resize": (8, 8)})
    model.add("linear", size=(192, 2), activation="softmax")
    other = nn("cls", verbose=0).load_img_data(str(class_folders), batch_mode=True)
    assert model.evaluate(other) == pytest.approx(model.evaluate(str(class_folders)))  # they are read again
    ready = nn("cls", verbose=0).load_dataset(np.zeros((4, 3, 20, 20)), np.arange(4) % 2)
    with pytest.raises(DataError, match=r"images of shape \(3, 8, 8\), .* got images of shape \(3, 20, 20\)"):
        model.evaluate(ready)
