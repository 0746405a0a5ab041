"""A table of similarities as an image: thumbnails at the sides, a coloured number in each cell."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Sequence, Tuple

import numpy as np
from onnxnn_runtime.images.fonts import draw_text
from PIL import Image, ImageDraw

from .text import gettext

CELL = 48
MARGIN = 24
TITLE = 28
INK = (20, 24, 32)
PALE = np.array((255, 255, 255), float)
DEEP = np.array((22, 96, 167), float)
FRAME = (214, 84, 28)


class Panel(NamedTuple):
    """One table.

    Attributes:
        title: What stands above it.
        values: Similarities (rows, columns), about 0..1.
    """

    title: str
    values: np.ndarray


def similarity_image(
    panels: Sequence[Panel],
    rows: Sequence[Path],
    columns: Sequence[Path],
    rows_title: str,
    columns_title: str,
) -> Image.Image:
    """Draw tables side by side; in each row the highest value is framed.

    Args:
        panels: The tables, all of the same size.
        rows: The image beside each row.
        columns: The image above each column.
        rows_title: What the images at the left are.
        columns_title: What the images at the top are.
    """
    width = (len(columns) + 1) * CELL
    height = (len(rows) + 1) * CELL
    total = len(panels) * (width + MARGIN) + MARGIN, height + 2 * TITLE + 2 * MARGIN
    image = Image.new("RGB", total, (255, 255, 255))
    draw = ImageDraw.Draw(image)
    for number, panel in enumerate(panels):
        left, top = MARGIN + number * (width + MARGIN), MARGIN
        draw_text(draw, (left, top), panel.title, INK, 18)
        _draw_panel(image, draw, panel.values, rows, columns, (left, top + TITLE))
    foot = gettext(
        "left: {rows}   top: {columns}   framed: the most similar of each row",
        rows=rows_title,
        columns=columns_title,
    )
    draw_text(draw, (MARGIN, MARGIN + TITLE + height + 10), foot, INK, 14)
    return image


def _draw_panel(
    image: Image.Image,
    draw: ImageDraw.ImageDraw,
    values: np.ndarray,
    rows: Sequence[Path],
    columns: Sequence[Path],
    corner: Tuple[int, int],
) -> None:
    left, top = corner
    for column, path in enumerate(columns):
        image.paste(_thumbnail(path), (left + (column + 1) * CELL + 3, top + 3))
    for row, path in enumerate(rows):
        y = top + (row + 1) * CELL
        image.paste(_thumbnail(path), (left + 3, y + 3))
        for column in range(len(columns)):
            value = float(values[row, column])
            box = (left + (column + 1) * CELL, y, left + (column + 2) * CELL - 2, y + CELL - 2)
            share = min(1.0, max(0.0, value))
            color = tuple(int(channel) for channel in PALE + (DEEP - PALE) * share)
            draw.rectangle(box, fill=color)
            text_color = (255, 255, 255) if share > 0.55 else INK
            draw_text(draw, (box[0] + 9, box[1] + 15), f"{value:.2f}", text_color, 14)
            if column == int(np.argmax(values[row])):
                draw.rectangle(box, outline=FRAME, width=3)


def _thumbnail(path: Path) -> Image.Image:
    with Image.open(str(path)) as decoded:
        return decoded.convert("RGB").resize((CELL - 8, CELL - 8))
