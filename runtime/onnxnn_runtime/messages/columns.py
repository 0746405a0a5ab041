"""Tables of text: columns of equal width, in which Chinese characters take two places."""

from __future__ import annotations

import unicodedata
from typing import Collection, Sequence

__all__ = ["aligned", "padded", "text_width"]


def text_width(text: str) -> int:
    """Return how many places of a terminal a text takes."""
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)


def padded(text: str, width: int, right: bool = False) -> str:
    """Return a text with spaces up to a number of places.

    Args:
        text: One line.
        width: The places.
        right: Whether the spaces stand before it, as for numbers.
    """
    spaces = " " * (width - text_width(text))
    return spaces + text if right else text + spaces


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Return rows as lines, with two spaces between columns.

    Args:
        rows: As many cells in each, one line of text in a cell.
        right: The columns, from 0, that are aligned at their right.
    """
    widths = [max(map(text_width, column)) for column in zip(*rows)]
    return [
        "  ".join(
            padded(cell, width, place in right) for place, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]
