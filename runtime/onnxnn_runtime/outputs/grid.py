"""Many small images as one that people can see: a grid, and an animation of grids."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from onnxnn_runtime.arrays.numbers import check_integer
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import PathLike, write_atomically
from onnxnn_runtime.messages.shapes import shape_text

from .output_files import check_output, check_suffix

_GAP = 2
"""Pixels between images."""
_BETWEEN = 128
"""The grey between images: neither the black nor the white that they often end in."""
_CAPTION = 18
"""Pixels below each image for its caption."""
_SIDE = 112
"""Smaller images are enlarged up to this many pixels at most."""
_WIDEST = 1200
"""The most pixels of a grid's longer side that enlarging may lead to."""

_FRAMES = 50
"""The most frames of an animation."""
_EACH, _LAST = 80, 2000
"""Milliseconds that each frame and the last one are shown."""

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".gif": "GIF"}


def image_grid(images: object, columns: int | None = None, captions: Sequence[str] = ()) -> Image.Image:
    """Lay images out in rows, small ones enlarged by an integer factor.

    Args:
        images: float (N, C, H, W) in 0..1 with 1 or 3 channels; what lies beyond is cut off.
        columns: Images in a row; None makes about as many rows as columns.
        captions: A line to write below each image, as far as there are any.

    Returns:
        A PIL image of mode "L" or "RGB".

    Raises:
        InputError: The array holds no such images, or `columns` is no integer from 1.
    """
    array = _check(images, 4)
    num, channels, height, width = array.shape
    if columns is None:
        columns = math.ceil(math.sqrt(num))
    check_integer("columns", columns)
    columns = min(int(columns), num)
    rows = math.ceil(num / columns)
    longer = max(rows * height, columns * width)
    factor = max(1, min(_SIDE // max(height, width), _WIDEST // longer))
    height, width = height * factor, width * factor
    below = height + (_CAPTION if captions else 0)
    size = (rows * (below + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels)
    grid = np.full(size, _BETWEEN, np.uint8)
    corners = [
        (number // columns * (below + _GAP), number % columns * (width + _GAP)) for number in range(num)
    ]
    for (top, left), image in zip(corners, array):
        grid[top : top + height, left : left + width] = _bytes(image).repeat(factor, 0).repeat(factor, 1)
    image = Image.fromarray(grid[:, :, 0] if channels == 1 else grid)
    if captions:
        _write_captions(image, corners, captions, height)
    return image


def _write_captions(
    image: Image.Image, corners: Sequence[tuple[int, int]], captions: Sequence[str], height: int
) -> None:
    from onnxnn_runtime.images.fonts import draw_text  # here, because few grids have captions

    draw = ImageDraw.Draw(image)
    ink = 255 if image.mode == "L" else (255, 255, 255)
    for (top, left), caption in zip(corners, captions):
        draw_text(draw, (left + 2, top + height + 2), caption, ink, _CAPTION - 6)


def write_grid(
    images: object,
    path: PathLike,
    columns: int | None = None,
    captions: Sequence[str] = (),
    force: bool = False,
) -> Path:
    """Write images as one image, see `image_grid`.

    Args:
        images: float (N, C, H, W) in 0..1.
        path: The file: .png, .jpg, .bmp or .gif.
        columns: Images in a row; None makes about as many rows as columns.
        captions: A line to write below each image.
        force: Whether to replace a file of another format.

    Returns:
        The path written.

    Raises:
        InputError: The images or the name of the file are not as described.
        OutputError: The file cannot be written, or would replace one of another format.
    """
    kind = check_path(path, force=force)
    grid = image_grid(images, columns, captions)
    return write_atomically(path, lambda file: grid.save(file, format=kind))


def write_gif(timesteps: object, path: PathLike, columns: int | None = None, force: bool = False) -> Path:
    """Write how images emerge from noise as an animation that begins again after its last frame.

    Args:
        timesteps: float (N, S + 1, C, H, W) in 0..1, as `sample(return_all_timesteps=True)` returns it. Of
            many steps some are shown, the first and the last among them.
        path: The file: .gif.
        columns: Images in a row; None makes about as many rows as columns.
        force: Whether to replace a file of another format.

    Returns:
        The path written.

    Raises:
        InputError: The images or the name of the file are not as described.
        OutputError: The file cannot be written.
    """
    check_path(path, force=force, animated=True)
    array = _check(timesteps, 5)
    steps = np.unique(np.linspace(0, array.shape[1] - 1, _FRAMES).round().astype(int)).tolist()
    first, *others = [_frame(image_grid(array[:, step], columns)) for step in steps]
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


def check_path(
    path: PathLike,
    sources: Iterable[object] = (),
    force: bool = False,
    option: str = "force=True",
    animated: bool = False,
) -> str:
    """Return Pillow's name of the format that a file's name asks for.

    Raises:
        InputError: It asks for none of those that are written here.
        OutputError: The file would replace one of `sources`, or a file of another format; see `check_output`.
    """
    known = {".gif": "GIF"} if animated else _FORMATS
    kind = known[check_suffix(path, tuple(known), error=InputError)]
    check_output(path, kind, sources, force, option)
    return kind


def _check(images: object, axes: int) -> np.ndarray:
    array = np.asarray(images)
    matches = array.ndim == axes and array.shape[-3] in (1, 3) and array.size and array.dtype.kind == "f"
    if not matches:
        raise InputError.coded(
            "E-INPUT-03",
            "images: expected float32 {expected} in 0..1, where C is 1 or 3, got {dtype} {shape}.",
            expected="(N, C, H, W)" if axes == 4 else "(N, steps + 1, C, H, W)",
            dtype=array.dtype,
            shape=shape_text(array.shape),
        )
    if not np.isfinite(array).all():
        raise InputError.coded(
            "E-INPUT-04", "images: expected finite numbers in 0..1, got NaN or infinite ones."
        )
    return array


def _bytes(image: np.ndarray) -> np.ndarray:
    """Return float (C, H, W) in 0..1 as uint8 (H, W, C)."""
    rounded = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return np.moveaxis(rounded, 0, -1)
