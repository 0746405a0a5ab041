"""A small network of every kind, with data to learn from."""

from __future__ import annotations

import numpy as np
from onnxnn import nn

from .diffusion import denoiser
from .poems import poet
from .reversals import made


def images(folder):
    """A convolutional network that classifies small images by their brightness."""
    model = _on_images("cls", folder)
    model.add("linear", size=(8, 2), activation="softmax")
    return model


def vectors(folder):
    """A convolutional network whose feature vectors learn by supervised contrast."""
    model = _on_images("embed", folder)
    model.add("linear", size=(8, 4))
    return model


def _on_images(task, folder):
    x = np.random.default_rng(0).random((60, 3, 12, 12), dtype=np.float32)
    model = nn(task, save_fold=str(folder), verbose=0)
    model.set_seed(0)
    model.load_dataset(x, (x.mean((1, 2, 3)) > 0.5).astype(int), batch_size=20, train_val_ratio=0.8)
    model.add("conv2d", size=(3, 8), kernel_size=(3, 3), activation="relu")
    model.add("batchnorm2d", size=8)
    model.add("global_avgpool")
    return model


def sequences(folder):
    """A recurrent network that classifies sequences."""
    x = np.random.default_rng(0).standard_normal((60, 7, 4)).astype(np.float32)
    model = nn("cls", save_fold=str(folder), verbose=0)
    model.set_seed(0)
    model.load_dataset(x, (x.sum((1, 2)) > 0).astype(int), batch_size=20, train_val_ratio=0.8)
    model.add("lstm", size=(4, 16), num_layers=2)
    model.add("linear", size=(16, 2), activation="softmax")
    return model


def texts(folder):
    """A language model."""
    model = poet()
    model.save_fold = str(folder)
    return model


def pairs(folder):
    """A network from sequence to sequence."""
    model = made(count=60)
    model.save_fold = str(folder)
    return model


def drawings(folder):
    """A diffusion model."""
    return denoiser(folder)


NETWORKS = [images, vectors, sequences, texts, pairs, drawings]
