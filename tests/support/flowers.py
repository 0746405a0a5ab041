"""A small classifier of flowers."""

from __future__ import annotations

import numpy as np
from onnxnn import nn


def flowers(count=60):
    """Three clouds of points in four dimensions, and their classes."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % 3
    return (np.eye(3, 4)[y] * 2 + rng.standard_normal((count, 4))).astype(np.float32), y


def flower_network(folder, seed=0, batch_size=20, ratio=1.0, task="cls", optimizer="Adam", **options):
    """Return a network of two layers with data and an optimizer, which is not trained yet."""
    model = nn(task, save_fold=str(folder), verbose=0)
    model.set_seed(seed)
    model.load_dataset(*flowers(), batch_size=batch_size, train_val_ratio=ratio)
    model.add("linear", size=(4, 8), activation="relu")
    model.add("dropout", p=0.2)
    model.add("linear", size=(8, 3), activation="softmax")
    model.add(optimizer=optimizer, **options)
    return model
