"""What happens where the lines that add a network's layers run a second time, as a notebook cell does."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from onnxnn_runtime.errors import LayerError

from onnxnn import nn

NETWORKS = {
    "table": [("linear", {"size": (4, 10), "activation": "relu"}), ("linear", {"size": (10, 3)})],
    "images": [("conv2d", {"size": (1, 6), "kernel_size": 3}), ("maxpool", {"kernel_size": 2})],
    "matches at first": [
        ("conv2d", {"size": (1, 1), "kernel_size": 1}),
        ("batchnorm2d", {"size": 1}),
        ("reshape", {"size": (4,)}),
    ],
    "tokens": [("embedding", {"size": (5, 4)}), ("lstm", {"size": (4, 3)})],
    "diffusion": [("diffusion_model", {"img_size": 8})],
    "softmax on its own": [("linear", {"size": (4, 3)}), ("softmax", {})],
}


def add_all(model, layers):
    for name, options in layers:
        model.add(name, **options)


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_adding_a_network_twice_mentions_a_new_one(layers):
    model = nn(verbose=0)
    add_all(model, layers)
    with pytest.raises(LayerError, match=r"run model = nn\(\) again"):
        add_all(model, layers)


def test_a_network_of_inferred_sizes_that_is_stacked_is_mentioned():
    model = nn(verbose=0)
    model.load_dataset(np.zeros((4, 4), np.float32), [0, 1, 0, 1])
    layers = [("linear", {"size": 5, "activation": "relu"}), ("linear", {"size": 2, "activation": "softmax"})]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        add_all(model, layers)
        model.add("linear", size=5, activation="relu")
    with pytest.warns(UserWarning, match=r"2 layers stand twice.*run model = nn\(\) again") as caught:
        model.add("linear", size=2, activation="softmax")
    assert caught[0].filename == __file__


def test_other_mistakes_and_repeated_blocks_do_not_mention_it():
    model = nn(verbose=0)
    model.add("linear", size=(4, 10), activation="relu")
    with pytest.raises(LayerError) as caught:
        model.add("linear", size=(9, 3))
    assert "model = nn()" not in str(caught.value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            model.add("linear", size=(10, 10), activation="relu")
            model.add("dropout", p=0.1)


def test_loading_and_training_again_continue(tmp_path):
    model = nn(verbose=0, save_fold=str(tmp_path))
    x, y = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32), [0, 1] * 4
    for _ in range(2):
        model.load_dataset(x, y)
    model.add("linear", size=(4, 2), activation="softmax")
    for _ in range(2):
        assert len(model.train(epochs=1)) == 1
    model.load_dataset(x, y)
    assert len(model.train(epochs=1)) == 1
