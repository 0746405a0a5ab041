"""The confusion matrix as an image."""

from __future__ import annotations

from typing import Mapping

from PIL import Image, ImageDraw

from onnxnn_runtime.images.fonts import draw_text, has_cjk
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable

from .class_sections import chosen_classes
from .shown import entries
from .style import shade

_LARGEST = 40
"""Classes of an image; of more those with the most mistakes are drawn."""

_CELL, _GAP, _EDGE, _SIZE = 56, 3, 24, 18
_INK, _SOFT = "#16262b", "#53656b"
_LETTERS = 18


def draw_matrix(facts: Mapping[str, object]) -> Image.Image:
    """Return an image: a row for each true class, a column for each predicted one.

    Args:
        facts: The figures and lists of a report on classes.
    """
    classes, matrix = entries(facts["classes"]), _rows(facts["confusion"])
    shown = chosen_classes(matrix, _LARGEST)
    names = [_shortened(printable(str(classes[i]["name"]), 60)) for i in shown]
    label = max(_width(name) for name in names) + 12
    left, top = _EDGE + label, _EDGE + 30 + label
    side = len(shown) * _CELL
    image = Image.new("RGB", (max(left + side + _EDGE, 420), top + side + _EDGE + 8), "white")
    draw = ImageDraw.Draw(image)
    title = gettext("accuracy {accuracy:.1%}; rows: true, columns: predicted", accuracy=facts["accuracy"])
    draw_text(draw, (_EDGE, _EDGE - 8), title, _SOFT, 16)
    for place, (i, name) in enumerate(zip(shown, names)):
        middle = top + place * _CELL + _CELL // 2
        draw_text(draw, (left - 8, middle), name, _INK, _SIZE, "rm")
        _write_upwards(image, name, left + place * _CELL + _CELL // 2, top - 8)
        total = sum(matrix[i])
        for column, j in enumerate(shown):
            count = matrix[i][j]
            ground, ink = shade(count / total if total else 0, i == j)
            x, y = left + column * _CELL, top + place * _CELL
            draw.rectangle((x, y, x + _CELL - _GAP, y + _CELL - _GAP), fill=ground)
            text = str(count)
            draw_text(draw, (x + (_CELL - _GAP) / 2, y + (_CELL - _GAP) / 2), text, ink, _SIZE, "mm")
    return image


def _write_upwards(image: Image.Image, name: str, x: int, bottom: int) -> None:
    """Write a name from below to above, ending at a place."""
    strip = Image.new("RGB", (_width(name) + 4, _SIZE + 8), "white")
    draw_text(ImageDraw.Draw(strip), (0, 1), name, _INK, _SIZE)
    turned = strip.rotate(90, expand=True)
    image.paste(turned, (x - turned.width // 2, bottom - turned.height))


def _width(text: str) -> int:
    """Return about how many pixels a text takes."""
    return int(sum(_SIZE if has_cjk(each) else _SIZE * 0.58 for each in text)) + 1


def _shortened(name: str) -> str:
    return name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "…"


def _rows(value: object) -> list[list[int]]:
    return value if isinstance(value, list) else []
