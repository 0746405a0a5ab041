"""Many small pictures as one that people can see: a grid, and an animation of grids."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .errors import InputError
from .files import PathLike, write_atomically

__all__ = ["check_name", "picture_grid", "write_gif", "write_grid"]

_GAP = 2
"""Pixels between pictures."""
_BETWEEN = 128
"""The grey between pictures: neither the black nor the white that they often end in."""
_SIDE = 112
"""Smaller pictures are enlarged up to this many pixels at most."""
_WIDEST = 1200
"""The most pixels of a grid's longer side that enlarging may lead to."""

_FRAMES = 50
"""The most frames of an animation."""
_EACH, _LAST = 80, 2000
"""Milliseconds that each frame and the last one are shown."""

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".gif": "GIF"}


def picture_grid(images: Any, columns: int | None = None) -> Image.Image:
    """Lay pictures out in rows, small ones enlarged by a whole factor.

    Args:
        images: float (N, C, H, W) in 0..1 with 1 or 3 channels; what lies beyond is cut off.
        columns: Pictures in a row; None makes about as many rows as columns.

    Returns:
        A PIL image of mode "L" or "RGB".

    Raises:
        InputError: The array holds no such pictures, or `columns` is no whole number from 1.
    """
    array = _check(images, 4)
    num, channels, height, width = array.shape
    if columns is None:
        columns = math.ceil(math.sqrt(num))
    if isinstance(columns, bool) or not isinstance(columns, (int, np.integer)) or columns < 1:
        raise InputError(f"columns={columns!r}: what fits is a whole number from 1.")
    columns = min(int(columns), num)
    rows = math.ceil(num / columns)
    longer = max(rows * height, columns * width)
    factor = max(1, min(_SIDE // max(height, width), _WIDEST // longer))
    height, width = height * factor, width * factor
    size = (rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels)
    grid = np.full(size, _BETWEEN, np.uint8)
    for number, picture in enumerate(array):
        top, left = number // columns * (height + _GAP), number % columns * (width + _GAP)
        grid[top : top + height, left : left + width] = _bytes(picture).repeat(factor, 0).repeat(factor, 1)
    return Image.fromarray(grid[:, :, 0] if channels == 1 else grid)


def write_grid(images: Any, path: PathLike, columns: int | None = None) -> Path:
    """Write pictures as one picture, see `picture_grid`.

    Args:
        images: float (N, C, H, W) in 0..1.
        path: The file: .png, .jpg, .bmp or .gif.
        columns: Pictures in a row; None makes about as many rows as columns.

    Returns:
        The path written.

    Raises:
        InputError: The pictures or the name of the file do not fit.
        OutputError: The file cannot be written.
    """
    kind = check_name(path)
    grid = picture_grid(images, columns)
    return write_atomically(path, lambda file: grid.save(file, format=kind))


def write_gif(timesteps: Any, path: PathLike, columns: int | None = None) -> Path:
    """Write how pictures come out of noise as an animation that begins again after its last frame.

    Args:
        timesteps: float (N, S + 1, C, H, W) in 0..1, as `sample(return_all_timesteps=True)` gives it. Of
            many steps some are shown, the first and the last among them.
        path: The file: .gif.
        columns: Pictures in a row; None makes about as many rows as columns.

    Returns:
        The path written.

    Raises:
        InputError: The pictures or the name of the file do not fit.
        OutputError: The file cannot be written.
    """
    check_name(path, animated=True)
    array = _check(timesteps, 5)
    steps = np.unique(np.linspace(0, array.shape[1] - 1, _FRAMES).round().astype(int)).tolist()
    first, *others = [_frame(picture_grid(array[:, step], columns)) for step in steps]
    times = [_EACH] * len(others) + [_LAST]
    return write_atomically(
        path,
        lambda file: first.save(
            file, format="GIF", save_all=True, append_images=others, duration=times, loop=0
        ),
    )


def _frame(grid: Image.Image) -> Image.Image:
    """Return a grid with at most 256 colours; Pillow before 9.1 would take those of the web and dots."""
    return grid if grid.mode == "L" else grid.quantize(256)


def check_name(path: PathLike, animated: bool = False) -> str:
    """Return Pillow's name of the format that a file's name asks for.

    Raises:
        InputError: It asks for none of those that are written here.
    """
    known = {".gif": "GIF"} if animated else _FORMATS
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    if suffix not in known:
        raise InputError("{}: what fits is a name that ends in {}.".format(path, ", ".join(known)))
    return known[suffix]


def _check(images: Any, axes: int) -> np.ndarray:
    array = np.asarray(images)
    fits = array.ndim == axes and array.shape[-3] in (1, 3) and array.size and array.dtype.kind == "f"
    if not fits:
        wanted = "(N, C, H, W)" if axes == 4 else "(N, steps + 1, C, H, W)"
        raise InputError(
            f"pictures: {array.dtype} {array.shape} arrives; what fits is float32 {wanted} in 0..1, where C "
            "is 1 or 3."
        )
    if not np.isfinite(array).all():
        raise InputError("pictures: some numbers are NaN or infinite.")
    return array


def _bytes(picture: np.ndarray) -> np.ndarray:
    """Return float (C, H, W) in 0..1 as uint8 (H, W, C)."""
    whole = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return np.moveaxis(whole, 0, -1)
