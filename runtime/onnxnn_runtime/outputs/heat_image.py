"""A heat map over the image that it explains, with a legend."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from onnxnn_runtime.images.fonts import draw_text

_SMALLEST, _LARGEST = 256, 1024
"""Pixels of the longer side of what is drawn: smaller images are enlarged, larger ones made smaller."""

_STRENGTH = 0.6
"""The share of the colours in a pixel; the rest is the image in grey."""

_SEEN, _UNSEEN = 1.0, 0.4
"""How bright the region is that the network looked at, and the rest of the image."""

_TEXT, _BAR, _MARGIN = 14, 10, 6
"""Pixels of the legend."""

_INFERNO = (
    (0, 0, 4), (11, 7, 36), (33, 12, 74), (61, 9, 101), (87, 16, 110), (113, 25, 110), (138, 34, 106),
    (163, 44, 97), (188, 55, 84), (210, 70, 68), (228, 90, 49), (241, 115, 29), (249, 142, 9), (252, 172, 17),
    (249, 203, 53), (242, 234, 105), (252, 255, 164),
)  # fmt: skip
"""Matplotlib's colour map of that name at 0, 1/16, ... 1 (Smith and van der Walt 2015, CC0).

Equal steps look equally far from each other, in grey and to the colour-blind, too.
"""

_FILTERS: Any = getattr(Image, "Resampling", Image)  # Pillow 9.1 moved them


def colored(heat: np.ndarray) -> np.ndarray:
    """Return the colours of heat, uint8 (..., 3).

    Args:
        heat: float (...) in 0..1.
    """
    places = np.linspace(0, 1, len(_INFERNO))
    channels = [np.interp(heat, places, [color[i] for color in _INFERNO]) for i in range(3)]
    colors: np.ndarray = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colors


def heat_over(
    image: Image.Image, heat: np.ndarray, region: tuple[float, float, float, float], caption: str
) -> Image.Image:
    """Return an image with a heat map over the region that the network looked at.

    Args:
        image: Mode "RGB", upright.
        heat: float32 (h, w) in 0..1.
        region: Left, top, right and bottom of the region in pixels of the image; it may reach beyond it.
        caption: What stands above the legend.

    Returns:
        Mode "RGB"; below the image is a legend, from 0 (left) to 1.
    """
    longer = max(image.size)
    factor = min(_LARGEST / longer, max(1, _SMALLEST // longer))
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    grey = image.convert("L").resize(size, _FILTERS.BILINEAR if factor < 1 else _FILTERS.NEAREST)
    pixels = np.repeat(np.asarray(grey, np.float32)[:, :, np.newaxis], 3, axis=2)
    left, top, right, bottom = (round(edge * factor) for edge in region)
    found = pixels * _UNSEEN
    rows, columns = slice(max(top, 0), max(bottom, 0)), slice(max(left, 0), max(right, 0))
    seen = pixels[rows, columns] * _SEEN
    colors = colored(_spread(heat, max(1, bottom - top), max(1, right - left)))
    colors = colors[rows.start - top :, columns.start - left :][: seen.shape[0], : seen.shape[1]]
    found[rows, columns] = (1 - _STRENGTH) * seen + _STRENGTH * colors
    return _with_legend(Image.fromarray(np.rint(found).astype(np.uint8)), caption)


def _spread(heat: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return heat in another size, linear between the middles of its cells."""
    rows, columns = (_weights(cells, size) for cells, size in zip(heat.shape, (height, width)))
    spread: np.ndarray = rows @ heat.astype(np.float32) @ columns.T
    return spread


def _weights(cells: int, size: int) -> np.ndarray:
    """Return how much each cell counts in each place, float32 (size, cells); rows sum to 1."""
    places = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
    weights: np.ndarray = np.maximum(0, 1 - np.abs(places[:, np.newaxis] - np.arange(cells)))
    return weights.astype(np.float32)


def _with_legend(image: Image.Image, caption: str) -> Image.Image:
    width = max(image.width, _SMALLEST)
    below = 3 * _MARGIN + 2 * _TEXT + _BAR
    found = Image.new("RGB", (width, image.height + below), (255, 255, 255))
    found.paste(image, ((width - image.width) // 2, 0))
    draw = ImageDraw.Draw(found)
    y = image.height + _MARGIN
    draw_text(draw, (_MARGIN, y), caption, (0, 0, 0), _TEXT)
    y += _TEXT + _MARGIN
    bar = colored(np.tile(np.linspace(0, 1, width - 2 * _MARGIN), (_BAR, 1)))
    found.paste(Image.fromarray(bar), (_MARGIN, y))
    y += _BAR
    for share in (0.0, 0.5, 1.0):
        text = f"{share:g}"
        x = _MARGIN + math.floor(share * (width - 2 * _MARGIN - 8 * len(text)))
        draw_text(draw, (x, y + 1), text, (0, 0, 0), _TEXT - 2)
    return found
