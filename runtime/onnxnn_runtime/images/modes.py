"""Between the modes of images: what Pillow and NumPy hold becomes "RGB" or "L" of 8 bits."""

from __future__ import annotations

from typing import Callable

import numpy as np
from PIL import Image

from onnxnn_runtime.errors import InputError

_BAND = 2**20
"""Pixels that are converted at a time, where a conversion needs several copies."""


def pixels(image: Image.Image) -> np.ndarray:
    """Return a PIL image of mode "RGB" or "L" as uint8 (height, width, channels)."""
    array = np.asarray(image, dtype=np.uint8)
    return array[:, :, np.newaxis] if array.ndim == 2 else array


def to_mode(image: Image.Image, color: str) -> Image.Image:
    """Return an image in the mode of a colour, "RGB" or "grayscale"; transparency is laid over white.

    Raises:
        InputError: Its pixels have no fixed range, or need a colour profile.
    """
    mode = "L" if color == "grayscale" else "RGB"
    if image.mode == "F":
        raise InputError.coded(
            "E-INPUT-09",
            "expected pixels of a fixed range, got floating-point pixels (mode F). Convert the image to "
            "8 bits first.",
        )
    if image.mode == "LAB":
        raise InputError.coded(
            "E-INPUT-09",
            "expected RGB or grey pixels, got mode LAB, which needs a colour profile. Save the image as RGB.",
        )
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _in_bands(image, mode, _from_16_bits)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _in_bands(image, mode, _over_white)
    return image if image.mode == mode else image.convert(mode)


def _in_bands(image: Image.Image, mode: str, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Convert an image some rows at a time, so that copies on the way stay small."""
    rows = max(1, _BAND // image.width)
    if rows >= image.height:
        converted = convert(image)
        return converted if converted.mode == mode else converted.convert(mode)
    result = Image.new(mode, image.size)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        result.paste(convert(band).convert(mode), (0, top))
    return result


def _from_16_bits(image: Image.Image) -> Image.Image:
    # PNG and TIFF scans of 16 bits open as "I;16" or "I"; Pillow's own conversion would clip at 255.
    grey = np.asarray(image).astype(np.int64)
    return Image.fromarray(np.clip((grey + 128) // 257, 0, 255).astype(np.uint8))


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")  # the only mode that Pillow converts it to
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)


def as_uint8(array: np.ndarray) -> np.ndarray:
    """Return the array of an image as uint8: integers 0..255 as they are, floats and bools from 0..1.

    Raises:
        InputError: A value is out of range.
    """
    if array.dtype == np.uint8:
        return array
    if not (np.issubdtype(array.dtype, np.floating) or array.dtype == bool):
        if np.issubdtype(array.dtype, np.integer) and array.min() >= 0 and array.max() <= 255:
            return array.astype(np.uint8)
        raise InputError.coded(
            "E-INPUT-04",
            "expected integers 0..255 in an image array of {dtype}, got others. Convert it to uint8.",
            dtype=array.dtype,
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):  # also true for NaN
        raise InputError.coded(
            "E-INPUT-04",
            "expected values in 0..1 in an image array of {dtype}, got {low:g}..{high:g}. Convert pixel "
            "values 0..255 with .astype('uint8').",
            dtype=array.dtype,
            low=low,
            high=high,
        )
    return np.rint(array.astype(np.float64) * 255).astype(np.uint8)
