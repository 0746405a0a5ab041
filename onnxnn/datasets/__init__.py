"""Sample data that ships with onnxnn: real handwritten digits. Source and licence are in README.md."""

from __future__ import annotations

from functools import partial
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np
from onnxnn_runtime.files.access import as_path, write_atomically
from PIL import Image

__all__ = ["Digits", "digits", "moved", "split", "write_class_folders"]

_INK_LEVELS = 16


class Digits(NamedTuple):
    """Images and the digit that each shows.

    Attributes:
        images: uint8 (N, H, W), 0 is paper and 255 is full ink.
        labels: int64 (N,), 0..9.
    """

    images: np.ndarray
    labels: np.ndarray


def digits(size: int = 28) -> Digits:
    """Return the 1,797 digits as images of `size` x `size` pixels.

    The scans have 8 x 8 pixels; they are enlarged with bicubic interpolation.
    """
    file = resources.files(__name__).joinpath("digits.npz")
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
        ink = arrays["images"].astype(np.float64) * (255 / _INK_LEVELS)
        labels = arrays["labels"].astype(np.int64)
    small = np.rint(ink).astype(np.uint8)
    enlarged = [Image.fromarray(scan).resize((size, size), Image.Resampling.BICUBIC) for scan in small]
    return Digits(np.stack([np.asarray(each) for each in enlarged]), labels)


def split(data: Digits, held_out: float = 0.2, seed: int = 0) -> tuple[Digits, Digits]:
    """Return (training, held out), the same share of every digit held out.

    Args:
        data: What to divide.
        held_out: The share of each digit that is held out, 0..1.
        seed: Decides which ones.
    """
    generator = np.random.default_rng(seed)
    out = np.zeros(len(data.labels), bool)
    for digit in np.unique(data.labels):
        members = generator.permutation(np.flatnonzero(data.labels == digit))
        out[members[: round(held_out * len(members))]] = True
    return Digits(data.images[~out], data.labels[~out]), Digits(data.images[out], data.labels[out])


def moved(data: Digits, pixels: float = 2.0, degrees: float = 10.0, seed: int = 0) -> Digits:
    """Return the digits as a camera would see them: shifted and turned a little.

    Args:
        data: The digits.
        pixels: Each is shifted by up to so many pixels, drawn evenly, in each direction.
        degrees: Each is turned about its middle by up to so many degrees, drawn evenly.
        seed: Decides how far.
    """
    generator = np.random.default_rng(seed)
    images = []
    for image in data.images:
        shift = generator.uniform(-pixels, pixels, size=2)
        angle = generator.uniform(-degrees, degrees)
        upright = Image.fromarray(image)
        turned = upright.rotate(angle, Image.Resampling.BILINEAR, translate=(shift[0], shift[1]))
        images.append(np.asarray(turned))
    return Digits(np.stack(images), data.labels)


def write_class_folders(data: Digits, folder: str | Path) -> Path:
    """Write the digits as PNG files, one folder for each digit: FOLDER/7/0012.png.

    Raises:
        OutputError: The folder cannot be written.
    """
    target = as_path(folder, "folder")
    for number, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        upright = Image.fromarray(image)
        path = target / str(label) / f"{number:04d}.png"
        write_atomically(path, partial(upright.save, format="PNG"), sync=False)
    return target
