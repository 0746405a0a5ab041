"""A contact sheet: queries, and beside each the images that a gallery found, with their scores."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable, Sequence

from PIL import Image, ImageDraw

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import PathLike, write_atomically
from onnxnn_runtime.images.decode import ImageLike, decode
from onnxnn_runtime.images.fonts import draw_text
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable
from onnxnn_runtime.outputs.grid import check_path

from .results import Matches

_SIDE = 144
"""Pixels of the longer side of an image."""
_GAP = 12
_LINE = 17
"""Pixels of a line of text."""
_LETTERS = 12
_LONGEST = 22
"""Characters of a name that there is room for; Chinese ones count twice."""
_MOST_ROWS, _MOST_COLUMNS = 50, 20

_PAPER, _INK, _PALE, _MARK = (255, 255, 255), (20, 24, 32), (236, 238, 242), (22, 96, 167)


def check_sheet_path(
    path: PathLike, sources: Iterable[object] = (), force: bool = False, option: str = "force=True"
) -> None:
    """Refuse, before anything is searched for, a file that `write_sheet` would not write.

    Raises:
        InputError: Its name does not end in .png, .jpg or the like.
        OutputError: It would replace one of `sources`, or a file of another format.
    """
    check_path(path, sources, force, option)


def write_sheet(path: PathLike, found: Sequence[Matches], queries: Sequence[ImageLike | None] = ()) -> Path:
    """Write a contact sheet, see `contact_sheet`.

    Returns:
        The path written.

    Raises:
        InputError: The name does not end in .png, .jpg or the like, or there are too many images.
        OutputError: The file cannot be written.
    """
    kind = check_path(path, force=True)
    sheet = contact_sheet(found, queries)
    return write_atomically(path, lambda file: sheet.save(file, format=kind))


def contact_sheet(found: Sequence[Matches], queries: Sequence[ImageLike | None] = ()) -> Image.Image:
    """Draw a row for each query: its image in a frame, and the images of its matches with score, name and
    label.

    Args:
        found: What was found for each query. Names of matches that are no files that can be read show as a
            grey box.
        queries: The image of each query; where there is none, the query's name is taken as a path.

    Returns:
        A PIL image of mode "RGB".

    Raises:
        InputError: There are more than 50 queries, or more than 20 matches of one.
    """
    columns = 1 + max((len(each) for each in found), default=0)
    if len(found) > _MOST_ROWS or columns > 1 + _MOST_COLUMNS:
        raise InputError.coded(
            "E-INPUT-10",
            "sheet: expected at most {rows} queries with {columns} matches each, got {queries} with "
            "{matches}. Search for fewer at a time.",
            rows=_MOST_ROWS,
            columns=_MOST_COLUMNS,
            queries=len(found),
            matches=columns - 1,
        )
    width, height = _SIDE + _GAP, _SIDE + 2 * _GAP + 3 * _LINE
    sheet = Image.new("RGB", (columns * width + _GAP, max(1, len(found)) * height + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, matches in enumerate(found):
        top = _GAP + row * height
        given = queries[row] if row < len(queries) else None
        _cell(sheet, (_GAP, top), matches.query if given is None else given)
        draw.rectangle((_GAP - 3, top - 3, _GAP + _SIDE + 2, top + _SIDE + 2), outline=_MARK, width=3)
        _caption(draw, (_GAP, top), [gettext("query"), _short(matches.query)])
        for column, match in enumerate(matches, 1):
            corner = _GAP + column * width, top
            _cell(sheet, corner, match.name)
            label = [] if match.label is None else [_short(match.label)]
            _caption(draw, corner, [f"{match.score:.4f}", _short(match.name), *label])
    return sheet


def _cell(sheet: Image.Image, corner: tuple[int, int], image: ImageLike) -> None:
    """Draw an image into its place, in the middle; a grey box where it cannot be read."""
    left, top = corner
    ImageDraw.Draw(sheet).rectangle((left, top, left + _SIDE - 1, top + _SIDE - 1), fill=_PALE)
    try:
        small = decode(image, "RGB")
    except InputError:
        draw_text(ImageDraw.Draw(sheet), (left + _SIDE // 2 - 6, top + _SIDE // 2 - 12), "?", _INK, 20)
        return
    small.thumbnail((_SIDE, _SIDE))
    sheet.paste(small, (left + (_SIDE - small.width) // 2, top + (_SIDE - small.height) // 2))


def _caption(draw: ImageDraw.ImageDraw, corner: tuple[int, int], lines: Sequence[str]) -> None:
    for number, line in enumerate(lines):
        draw_text(draw, (corner[0], corner[1] + _SIDE + 4 + number * _LINE), line, _INK, _LETTERS)


def _short(name: str) -> str:
    """Return the end of a name, which distinguishes files better than their folders do."""
    text = printable(os.path.basename(name) or name)
    kept, room = "", _LONGEST
    for character in reversed(text):
        room -= 2 if ord(character) > 0x2E7F else 1
        if room < 0:
            return "…" + kept[1:]
        kept = character + kept
    return kept
