"""Images, and how data sets are read."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image


def random_image(seed=0, size=(12, 12), channels=3):
    values = np.random.default_rng(seed).integers(0, 256, (*size, channels), np.uint8)
    return Image.fromarray(values[:, :, 0] if channels == 1 else values)


def files(root):
    return sorted(root.rglob("*.png"))


def everything(batches):
    found = list(batches)
    return torch.cat([x for x, _ in found]), torch.cat([y for _, y in found])
