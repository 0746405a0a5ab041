"""Which region of an image a network looks at, after it was resized, cropped and padded."""

from __future__ import annotations

from typing import Tuple

from .preprocess import Preprocess

Region = Tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""


def region_of(preprocess: Preprocess, width: int, height: int) -> Region:
    """Return which region of an upright image becomes the network's input, in pixels of the image.

    It reaches beyond the image where steps pad it.

    Args:
        preprocess: How the image is prepared.
        width, height: The size of the image.
    """
    scale, origin, size = [1.0, 1.0], [0.0, 0.0], [width, height]
    for name, *numbers in preprocess.steps:
        values = [int(number) for number in numbers]
        name = str(name).replace("_bicubic", "")
        before, edges = list(size), [0, 0]
        if name == "resize":
            size = values[1::-1]
        elif name == "resize_short":
            size = [side * values[0] // min(before) for side in before]
        elif name == "center_crop":
            size = values[1::-1]
            edges = [_border(old, new) for old, new in zip(before, size)]
        elif name == "pad":
            edges = values[:2]
            size = [before[0] + values[0] + values[2], before[1] + values[1] + values[3]]
        origin = [at - factor * edge for at, factor, edge in zip(origin, scale, edges)]
        if name.startswith("resize"):
            scale = [factor * old / new for factor, old, new in zip(scale, before, size)]
    right, bottom = (at + factor * side for at, factor, side in zip(origin, scale, size))
    return origin[0], origin[1], right, bottom


def _border(before: int, after: int) -> int:
    """Return how many pixels the step center_crop adds before an axis, below 0 where it takes some away."""
    added = max(0, after - before)
    return added // 2 - (before + added - after) // 2
