"""Sampled images on one sheet, and showing it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from onnxnn_runtime.arrays.conversion import without_gradient
from onnxnn_runtime.arrays.numbers import plain_number
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.notebook import in_notebook
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.streams import is_terminal
from PIL import Image

from onnxnn.console.display import show_images

from . import wording

Array = np.ndarray[Any, Any]


def arrange(images: object, size: tuple[int, int], every: bool) -> tuple[Array, list[str]]:
    """Return the images of a sheet of `size` (rows, columns), row by row, and what stands below each.

    Args:
        images: float (N, C, H, W), or with all steps (N, S + 1, C, H, W), in 0..1.
        size: How many rows and columns.
        every: Whether a row is one image from noise to the end, in as many steps as there are columns.

    Returns:
        float32 (rows * columns, C, H, W), and "step 3 of 20" for each where a row is one image, else nothing.

    Raises:
        InputError: There are fewer images than that, or no steps to show.
    """
    try:
        found = np.asarray(without_gradient(images), np.float32)
    except (TypeError, ValueError):
        found = np.zeros(0, np.float32)
    is_size = isinstance(size, tuple | list) and len(size) == 2
    size = (plain_number(size[0]), plain_number(size[1])) if is_size else size
    if found.ndim not in (4, 5) or not is_size or not all(type(n) is int and n > 0 for n in size):
        raise InputError.coded(
            "E-INPUT-03",
            "show({got}): expected what inference(num=...) returned, and size=(rows, columns) such as "
            "(4, 4), got images of shape {shape} and size={size}.",
            got=type(images).__name__,
            shape=shape_text(found.shape),
            size=shortened(size),
        )
    rows, columns = size
    return _steps_of_each(found, rows, columns) if every else (_last_of_each(found, rows, columns), [])


def _last_of_each(found: Array, rows: int, columns: int) -> Array:
    last = found[:, -1] if found.ndim == 5 else found
    if rows * columns > len(last):
        raise InputError.coded(
            "E-INPUT-06",
            "show(size={size}): expected {wanted}, got {found}. Sample more with num=, or "
            "choose a smaller size.",
            size=(rows, columns),
            wanted=ngettext("{count} image", "{count} images", rows * columns),
            found=len(last),
        )
    return last[: rows * columns]


def _steps_of_each(found: Array, rows: int, columns: int) -> tuple[Array, list[str]]:
    if found.ndim == 4:
        raise InputError.coded(
            "E-INPUT-03",
            "show(visual_timesteps=True): expected images with their steps, got images alone. Sample "
            "with inference(num=..., return_all_timesteps=True).",
        )
    if rows > len(found) or columns > found.shape[1]:
        raise InputError.coded(
            "E-INPUT-06",
            "show(size={size}): expected at most {rows} of images and {columns} of steps. "
            "Choose a smaller size.",
            size=(rows, columns),
            rows=ngettext("{count} row", "{count} rows", len(found)),
            columns=ngettext("{count} column", "{count} columns", found.shape[1]),
        )
    last = found.shape[1] - 1
    moments = np.linspace(0, last, columns).round().astype(int) if columns > 1 else np.array([last])
    sheet: Array = found[:rows, moments]
    captions = [wording.gettext("step {step} of {steps}", step=step, steps=last) for step in moments.tolist()]
    return sheet.reshape(rows * columns, *found.shape[2:]), captions * rows


def show_file(path: Path) -> None:
    """Show an image where there is a display: in a notebook, else in the system's viewer."""
    if in_notebook():
        show_images(path)
    elif is_terminal("stdout") and _has_display():
        with Image.open(path) as image:
            image.show()


def _has_display() -> bool:
    windowed = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("win32", "darwin") or bool(windowed)
