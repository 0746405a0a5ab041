"""The moving average of weights: which trainings keep one by default."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onnxnn import nn
from onnxnn.training.ema import decay_of

X = np.random.default_rng(0).random((40, 6), np.float32)
Y = np.arange(40) % 2


def network(tmp_path, batch_size: int, batch_norm: bool = True) -> nn:
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.set_seed(0)
    model.load_dataset(X, Y, batch_size=batch_size)
    model.add("linear", size=(6, 8), activation="relu")
    if batch_norm:
        model.add("batchnorm1d", size=8)
    model.add("linear", size=(8, 2), activation="softmax")
    return model


@pytest.mark.parametrize(
    ("ema", "batch_norm", "batch_size", "decay"),
    [
        (None, True, 1, 0.95),
        (None, True, 16, 0.95),
        (None, True, 17, 0.0),
        (None, False, 8, 0.0),
        (0.0, True, 8, 0.0),
        (0.5, True, 8, 0.5),
        (0.5, False, 32, 0.5),
    ],
)
def test_small_batches_with_batch_normalisation_are_averaged(tmp_path, ema, batch_norm, batch_size, decay):
    assert decay_of(ema, network(tmp_path, 8, batch_norm).model, batch_size) == decay


def test_frozen_batch_normalisation_makes_no_noisy_steps(tmp_path):
    net = network(tmp_path, 8).model
    net.batchnorm1d2.requires_grad_(False)
    assert decay_of(None, net, 8) == 0.0


@pytest.mark.parametrize(("batch_size", "ema"), [(8, 0.95), (20, 0.0)])
def test_the_default_is_what_written_out_gives(tmp_path, batch_size, ema):
    weights = {}
    for name, options in (("default", {}), ("same", {"ema": ema}), ("other", {"ema": 0.5})):
        model = network(tmp_path / name, batch_size)
        model.train(lr=0.01, epochs=3, **options)
        weights[name] = model.model.linear1.weight
    assert torch.equal(weights["default"], weights["same"])
    assert not torch.equal(weights["default"], weights["other"])
