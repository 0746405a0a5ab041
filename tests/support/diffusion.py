"""A small diffusion model, and what it learns from."""

from __future__ import annotations

import numpy as np
from onnxnn import nn

SMALL = {"img_size": 8, "timestep": 20, "dim": 8, "dim_mults": (1, 2), "attention": False}


def bars(count=24, side=8):
    """Images of a light row on dark ground, uint8 (N, H, W), and in which half it is."""
    rng = np.random.default_rng(0)
    rows = np.arange(count) % side
    images = rng.integers(0, 40, (count, side, side), dtype=np.uint8)
    images[np.arange(count), rows] = 230
    return images, (rows >= side // 2).astype(int)


def denoiser(folder, seed=0, ratio=1.0, **options):
    """Return a network with images and a small U-Net that is not trained yet."""
    model = nn(save_fold=str(folder), verbose=0)
    model.set_seed(seed)
    model.load_dataset(*bars(), classes=["top", "bottom"], batch_size=8, train_val_ratio=ratio)
    model.add("diffusion_model", **{**SMALL, **options})
    return model
