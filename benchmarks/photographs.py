"""Photographs for the benchmarks: those that scikit-image and scikit-learn bring, or those of a folder."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

EDGE = 224
"""The side of a tile, in pixels."""

_SKIMAGE = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png"),
    *("coffee.png", "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png"),
    *("motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg", "text.png", "microaneurysms.png"),
)
_SKLEARN = ("china.jpg", "flower.jpg")

_LARGEST = 1200
_FLAT = 8
"""The least standard deviation of a tile's pixels: others show a plain sky or wall."""


def photographs(folder: Path | None = None) -> list[Image.Image]:
    """Return all photographs, RGB.

    Args:
        folder: Where to look for JPEG and PNG files, at any depth; None takes those of the two packages.
    """
    if folder is not None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    else:
        paths = [folder_of("skimage") / "data" / name for name in _SKIMAGE]
        paths += [folder_of("sklearn") / "datasets" / "images" / name for name in _SKLEARN]
    found = []
    for path in paths:
        with Image.open(path) as image:
            image.draft("RGB", (_LARGEST, _LARGEST))
            small = ImageOps.exif_transpose(image).convert("RGB")
        small.thumbnail((_LARGEST, _LARGEST))
        found.append(small)
    return found


def folder_of(name: str) -> Path:
    """Return the folder of a package, which is not imported: its files are enough."""
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"this needs {name}, for its photographs: pip install scikit-image scikit-learn")
    return Path(found.submodule_search_locations[0])


def tiles(images: Sequence[Image.Image]) -> list[Image.Image]:
    """Return squares of the photographs in two sizes; those of one size do not overlap."""
    found = []
    for image in images:
        for rows in (1, 2):
            scale = EDGE * rows / min(image.size)
            size = [max(EDGE * rows, round(length * scale)) for length in image.size]
            scaled = image.resize((size[0], size[1]), Image.Resampling.BICUBIC)
            for top in range(0, scaled.height - EDGE + 1, EDGE):
                for left in range(0, scaled.width - EDGE + 1, EDGE):
                    found.append(scaled.crop((left, top, left + EDGE, top + EDGE)))
    return [tile for tile in found if np.asarray(tile).std() > _FLAT]


def crops(images: Sequence[Image.Image], count: int, seed: int = 0) -> list[Image.Image]:
    """Return `count` squares of each photograph at random; they overlap, so that many are nearly alike."""
    random = np.random.default_rng(seed)
    return [_crop(image, random, 0.5, 1.0) for image in images for _ in range(count)]


def changed(images: Sequence[Image.Image], seed: int = 0) -> list[Image.Image]:
    """Return each tile as another camera would see it: closer, mirrored, brighter or darker, compressed."""
    random = np.random.default_rng(seed)
    found = []
    for image in images:
        other = _crop(image, random, 0.8, 0.95)
        if random.random() < 0.5:
            other = ImageOps.mirror(other)
        other = ImageEnhance.Brightness(other).enhance(random.uniform(0.7, 1.3))
        other = ImageEnhance.Contrast(other).enhance(random.uniform(0.7, 1.3))
        buffer = io.BytesIO()
        other.save(buffer, "JPEG", quality=int(random.integers(40, 90)))
        found.append(Image.open(buffer).convert("RGB"))
    return found


def _crop(image: Image.Image, random: np.random.Generator, least: float, most: float) -> Image.Image:
    side = int(min(image.size) * random.uniform(least, most))
    left, top = (int(random.integers(0, length - side + 1)) for length in image.size)
    return image.crop((left, top, left + side, top + side)).resize((EDGE, EDGE), Image.Resampling.BICUBIC)
