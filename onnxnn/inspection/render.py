"""Arrays as images, with Pillow alone: maps of channels, bars, matrices, filters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnxnn_runtime.images.fonts import cjk_font, draw_text, has_cjk
from PIL import Image, ImageDraw

from .wording import gettext, ngettext

Array = np.ndarray[Any, Any]
Color = Callable[[Array], Array]
"""Numbers 0..1 of any shape -> uint8 (..., 3)."""

WIDTH = 1120
HEIGHT = 480
MARGIN = 16
GAP = 6
TITLE = 30
MAX_TILES = 64
MAX_BARS = 32
MAX_CELL = 32
INK = (20, 24, 32)
PAPER = (255, 255, 255)
BAR = (49, 104, 142)

_VIRIDIS = np.array(
    [(68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142), (31, 158, 137),
     (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37)], float,
)  # fmt: skip
"""Ten colours of the map viridis by van der Walt and Smith (public domain), dark to light."""

_BLUE_RED = np.array([(33, 102, 172), (247, 247, 247), (178, 24, 43)], float)
"""Negative blue, zero white, positive red."""


def draw_values(title: str, values: Array, labels: Sequence[str] = (), colored: bool = False) -> Image.Image:
    """Draw one layer's output for one sample; all its values share one scale, which the title says.

    Args:
        title: What stands above.
        values: (C, H, W) as maps, (C, D, H, W) as maps of the middle of the depth, (rows, columns) as one
            map, (F,) as bars or, where there are many, as one map.
        labels: What stands beside each bar.
        colored: Whether (3, H, W) is an image in RGB, 0..1.
    """
    values = np.nan_to_num(np.asarray(values, np.float32))
    title = gettext(
        "{title}: {size}, from {low:.3g} to {high:.3g}",
        title=title,
        size=" x ".join(map(str, values.shape)),
        low=values.min(),
        high=values.max(),
    )
    if colored and values.shape[0] == 3:
        maps = [np.clip(np.moveaxis(values, 0, -1) * 255, 0, 255).astype(np.uint8)]
        return _sheet(title, _tiles(maps))
    if values.ndim == 4:
        values = values[:, values.shape[1] // 2]
    if values.ndim == 1 and len(values) <= MAX_BARS:
        return _sheet(title, _bars(values, labels))
    if values.ndim == 1:
        values = _square(values)
    shown = values[np.newaxis] if values.ndim == 2 else values
    if len(shown) > MAX_TILES:
        title += gettext("; the first {shown} of {count} are shown", shown=MAX_TILES, count=len(shown))
    low, high = float(values.min()), float(values.max())
    scaled = (shown[:MAX_TILES] - low) / (high - low or 1.0)
    return _sheet(title, _tiles([_colors(each, _VIRIDIS) for each in scaled]))


def draw_filters(title: str, weights: Array, limit: float) -> Image.Image:
    """Draw the filters of a layer on the scale -limit..limit.

    Args:
        title: What stands above.
        weights: (filters, channels, rows, columns); three channels are drawn as one image in colour,
            grey being zero, others one by one, blue below zero and red above.
        limit: The weight that gets the strongest colour.
    """
    count, channels = weights.shape[:2]
    scaled = np.clip(weights / (2 * (limit or 1.0)) + 0.5, 0, 1)
    if channels == 3:
        maps = [(np.moveaxis(each, 0, -1) * 255).astype(np.uint8) for each in scaled]
    else:
        maps = [_colors(each, _BLUE_RED) for filter_ in scaled for each in filter_]
    size = " x ".join(map(str, weights.shape[1:]))
    title = gettext(
        "{title}: {filters} of {size}, from {low:.3g} to {high:.3g}",
        title=title,
        filters=ngettext("{count} filter", "{count} filters", count),
        size=size,
        low=-limit,
        high=limit,
    )
    if len(maps) > MAX_TILES:
        title += gettext("; the first {shown} of {count} maps are shown", shown=MAX_TILES, count=len(maps))
    return _sheet(title, _tiles(maps[:MAX_TILES]))


def draw_units(title: str, weights: Array, limit: float) -> Image.Image:
    """Draw the weights of units on the scale -limit..limit, blue below zero and red above.

    Args:
        title: What stands above.
        weights: (units, weights of each); each unit is a row of cells. The units go down and then on to
            the next column.
        limit: The weight that gets the strongest colour.
    """
    count, each = weights.shape
    title = gettext(
        "{title}: {units} of {weights}, from {low:.3g} to {high:.3g}",
        title=title,
        units=ngettext("{count} unit", "{count} units", count),
        weights=ngettext("{count} weight", "{count} weights", each),
        low=-limit,
        high=limit,
    )
    return _sheet(title, _rows(_colors(np.clip(weights / (2 * (limit or 1.0)) + 0.5, 0, 1), _BLUE_RED)))


def stack(images: Sequence[Image.Image]) -> Image.Image:
    """Put images below each other into one."""
    sheet = Image.new("RGB", (max(each.width for each in images), sum(each.height for each in images)), PAPER)
    top = 0
    for each in images:
        sheet.paste(each, (0, top))
        top += each.height
    return sheet


def _sheet(title: str, body: Image.Image) -> Image.Image:
    sheet = Image.new("RGB", (WIDTH, body.height + TITLE + 2 * MARGIN), PAPER)
    draw_text(ImageDraw.Draw(sheet), (MARGIN, MARGIN), title, INK, 16)
    sheet.paste(body, (MARGIN, MARGIN + TITLE))
    return sheet


def _tiles(maps: Sequence[Array]) -> Image.Image:
    """Lay uint8 images (H, W, 3) of one size in rows; small ones are enlarged, their pixels kept sharp."""
    height, width = maps[0].shape[:2]
    wanted = 192 if len(maps) == 1 else 96 if len(maps) <= 24 else 62
    scale = min(wanted / max(height, width), 32.0)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    columns = max(1, min(len(maps), (WIDTH - 2 * MARGIN + GAP) // (size[0] + GAP)))
    rows = math.ceil(len(maps) / columns)
    sheet = Image.new("RGB", (columns * (size[0] + GAP), rows * (size[1] + GAP)), PAPER)
    for number, each in enumerate(maps):
        row, column = divmod(number, columns)
        tile = Image.fromarray(each).resize(size, how)
        sheet.paste(tile, (column * (size[0] + GAP), row * (size[1] + GAP)))
    return sheet


def _rows(cells: Array) -> Image.Image:
    """Lay the rows of uint8 (rows, columns, 3) below each other, in as many blocks as fit side by side.

    The cells are as large as that allows; what does not fit with one pixel for each is made smaller.
    """
    count, columns = cells.shape[:2]
    for size in range(MAX_CELL, 0, -1):
        gap = size // 6  # between the rows
        blocks = math.ceil(count / max(1, HEIGHT // (size + gap)))
        width = blocks * (columns * size + 2 * GAP) - 2 * GAP
        if width <= WIDTH - 2 * MARGIN:
            break
    else:
        fitting = min(columns, WIDTH - 2 * MARGIN), min(count * MAX_CELL // 2, HEIGHT)
        return Image.fromarray(cells).resize(fitting, Image.Resampling.BOX)
    per_block = math.ceil(count / blocks)
    sheet = Image.new("RGB", (width, per_block * (size + gap)), PAPER)
    for number, row in enumerate(cells):
        block, place = divmod(number, per_block)
        strip = Image.fromarray(row[np.newaxis]).resize((columns * size, size), Image.Resampling.NEAREST)
        sheet.paste(strip, (block * (columns * size + 2 * GAP), place * (size + gap)))
    return sheet


def _bars(values: Array, labels: Sequence[str]) -> Image.Image:
    """Draw a bar to the right for each positive value, to the left for each negative one."""
    row, left, right = 22, 300, 900
    sheet = Image.new("RGB", (WIDTH - 2 * MARGIN, row * len(values)), PAPER)
    draw = ImageDraw.Draw(sheet)
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    step = (right - left) / (high - low or 1.0)
    zero = left - low * step
    for number, value in enumerate(values.tolist()):
        top = number * row
        ends = sorted((zero, zero + value * step))
        draw.rectangle((ends[0], top + 3, max(ends[1], ends[0] + 1), top + row - 4), fill=BAR)
        text = labels[number] if number < len(labels) else str(number)
        if has_cjk(text) and cjk_font() is None:
            text = f"{number} {text}"  # else labels of question marks would all look alike
        draw_text(draw, (0, top + 2), text, INK, 14)
        draw_text(draw, (right + 12, top + 2), f"{value:.4g}", INK, 14)
    return sheet


def _square(values: Array) -> Array:
    """Fold a long vector into rows, nearly square; what is left of the last row repeats the lowest value."""
    columns = math.ceil(math.sqrt(len(values)))
    rows = math.ceil(len(values) / columns)
    folded = np.full(rows * columns, values.min(), values.dtype)
    folded[: len(values)] = values
    return folded.reshape(rows, columns)


def _colors(values: Array, anchors: Array) -> Array:
    """Return numbers 0..1 as uint8 (..., 3), between the anchors' colours."""
    places = np.linspace(0, 1, len(anchors))
    channels = [np.interp(values, places, anchors[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)
