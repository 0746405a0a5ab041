"""What the benchmarks of galleries share: a small network of images, and small images."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 16


def make_small_model(path: Path) -> Path:
    """Export a network of 16 x 16 pixels to 32 features to `path`."""
    import torch

    from onnxnn import nn

    torch.manual_seed(0)
    model = nn("embed", verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        make_images(Path(folder) / "a", 2)
        make_images(Path(folder) / "b", 2)
        model.load_img_data(folder, batch_size=2, transform={"Resize": (SIZE, SIZE)})
    model.add("conv2d", size=(3, 8), kernel_size=3, stride=2, activation="relu")
    model.add("linear", size=(None, 32))
    model.export(str(path))
    return path


def make_images(folder: Path, count: int) -> list[str]:
    """Write PNG files of random pixels, and return their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    paths = [folder / f"{number:05d}.png" for number in range(count)]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)).save(path)
    return [str(path) for path in paths]
