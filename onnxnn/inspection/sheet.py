"""Sampled images on one sheet, and showing it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from onnxnn_runtime.arrays.conversion import plain_number, without_gradient
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.streams import is_terminal
from PIL import Image

from onnxnn.console.display import in_notebook, show_images

__all__ = ["arrange", "show_file"]

Array = np.ndarray[Any, Any]


def arrange(images: Any, size: tuple[int, int], every: bool) -> Array:
    """Return the pictures of a sheet of `size` (rows, columns), row by row.

    Args:
        images: float (N, C, H, W), or with all steps (N, S + 1, C, H, W), in 0..1.
        size: How many rows and columns.
        every: Whether a row is one picture from noise to the end, in as many steps as there are columns.

    Returns:
        float32 (rows * columns, C, H, W).

    Raises:
        InputError: There are fewer pictures than that, or no steps to show.
    """
    try:
        found = np.asarray(without_gradient(images), np.float32)
    except (TypeError, ValueError):
        found = np.zeros(0, np.float32)
    is_size = isinstance(size, tuple | list) and len(size) == 2
    size = tuple(map(plain_number, size)) if is_size else size
    if found.ndim not in (4, 5) or not is_size or not all(type(n) is int and n > 0 for n in size):
        raise InputError(
            f"show({type(images).__name__}): images of shape {found.shape} and size={shortened(size)}; what "
            "fits is what inference(num=...) returned, and (rows, columns) such as (4, 4)."
        )
    rows, columns = size
    if not every:
        last = found[:, -1] if found.ndim == 5 else found
        if rows * columns > len(last):
            raise InputError(
                f"show(size={tuple(size)}): {rows * columns} pictures, but there are {len(last)}. Draw more "
                "with num=, or choose a smaller size."
            )
        return last[: rows * columns]
    if found.ndim == 4:
        raise InputError(
            "show(visual_timesteps=True): these pictures come without their steps; draw with "
            "inference(num=..., return_all_timesteps=True)."
        )
    if rows > len(found) or columns > found.shape[1]:
        raise InputError(
            f"show(size={tuple(size)}): {len(found)} pictures with {found.shape[1]} steps; at most so many "
            "rows and columns fit."
        )
    moments = np.linspace(0, found.shape[1] - 1, columns).round().astype(int) if columns > 1 else [-1]
    sheet: Array = found[:rows, moments]
    return sheet.reshape(rows * columns, *found.shape[2:])


def show_file(path: Path) -> None:
    """Show a picture where there is a screen: in a notebook, else in the system's viewer."""
    if in_notebook():
        show_images(path)
    elif is_terminal("stdout") and _has_screen():
        with Image.open(path) as picture:
            picture.show()


def _has_screen() -> bool:
    windowed = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("win32", "darwin") or bool(windowed)
