"""Small tables for notebooks, which show what `_repr_html_` returns."""

from __future__ import annotations

from html import escape
from typing import Iterable, Sequence

from .catalogue import gettext
from .shorten import printable

SHOWN_ROWS = 50
"""Rows of a long table that are shown; a line under it says how many there are."""


def table(
    title: str, headings: Sequence[str], rows: Iterable[Sequence[object]], total: int | None = None
) -> str:
    """Return a table as HTML; whatever they hold is text, never markup.

    Args:
        title: The line above it.
        headings: The names of the columns.
        rows: The cells of each row.
        total: How many rows there are in all; None means those.
    """
    shown = [list(row) for _, row in zip(range(SHOWN_ROWS), rows)]
    head = "".join(f"<th>{_cell(each)}</th>" for each in headings)
    body = "".join("<tr>" + "".join(f"<td>{_cell(each)}</td>" for each in row) + "</tr>" for row in shown)
    more = ""
    if total is not None and total > len(shown):
        line = gettext("{shown} of {total} rows are shown.", shown=len(shown), total=total)
        more = f"<p>{_cell(line)}</p>"
    whole = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<p><b>{_cell(title)}</b></p>{whole}{more}"


def _cell(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else printable(value, 120)
    return escape(text)
