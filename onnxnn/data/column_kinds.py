"""What becomes of each column of a table: as its cells in training say, or as the user does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from onnxnn_runtime.card.columns import COLUMN_KINDS, DATE_ORDERS, DATE_PARTS, OTHER_MISSING, ColumnSpec
from onnxnn_runtime.errors import DataError, InputError, name_hint
from onnxnn_runtime.messages.catalogue import Message, gettext, ngettext
from onnxnn_runtime.messages.columns import aligned
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.tables.cells import FALSE, TRUE, first_two, is_missing, moment_in, number_in
from onnxnn_runtime.tables.marks import Marks, NoNumberError, is_written_as_number, not_a_number
from onnxnn_runtime.tables.table import Column, Table

MOST_CATEGORIES = 100
"""Different texts of a column that are categories without being asked for; with more it is left out."""

MOST_ASKED = 1_000
"""Categories that are kept of a column that the user calls categorical: the most frequent ones."""

_FEW = 10
"""So many different texts are categories however few rows there are."""

_KINDS = (*COLUMN_KINDS, *(f"date_{order}" for order in DATE_ORDERS))
"""What a user may call a column: also a date whose day or month comes first."""


@dataclass(frozen=True)
class Decided:
    """What becomes of a column, and why.

    Args:
        spec: What becomes of it.
        reason: A few words for the user.
    """

    spec: ColumnSpec
    reason: str = ""


@dataclass(frozen=True)
class Cells:
    """The cells of a column in the rows to learn from.

    Args:
        table: The table.
        position: Where the column stands.
        name: What the card calls it; "" where the table has no names.
        rows: The rows, from 0.
        texts: Their cells.
        marks: How numbers are written.
    """

    table: Table
    position: int
    name: str
    rows: Sequence[int]
    texts: Sequence[str]
    marks: Marks

    @property
    def given(self) -> dict[str, int]:
        """The different cells that hold a value, with how often they occur."""
        return {text: count for text, count in Counter(self.texts).items() if not self._is_gone(text)}

    @property
    def gaps(self) -> int:
        """How many cells hold no value."""
        return sum(self._is_gone(text) for text in self.texts)

    def place(self, text: str) -> str:
        """Return how messages call the first cell that holds a text."""
        return self.table.place(self.rows[self.texts.index(text)], self.position)

    def _is_gone(self, text: str) -> bool:
        return is_missing(text, self.table.missing)


def check_asked(asked: object) -> None:
    """Refuse what is no mapping of columns to kinds.

    Raises:
        DataError: It is none; the message names the nearest kind.
    """
    if asked is None:
        return
    if not isinstance(asked, Mapping):
        raise DataError.coded(
            "E-DATA-09",
            "columns={got}: expected a dict of columns and what they are, such as {{'plate': 'ignore'}}.",
            got=shortened(asked, 60),
        )
    for column, kind in asked.items():
        if not isinstance(kind, str) or kind not in _KINDS:
            raise DataError.coded(
                "E-DATA-09",
                "columns={{{column}: {kind}}}: expected one of {known}{near}",
                column=shortened(column, 40),
                kind=shortened(kind, 40),
                known=", ".join(_KINDS),
                near=name_hint(kind, _KINDS),
            )


def decide(
    table: Table,
    positions: Sequence[int],
    names: Sequence[str],
    rows: Sequence[int],
    asked: Mapping[Column, str],
) -> list[Decided]:
    """Return what becomes of each column.

    Args:
        table: The table.
        positions: Where the columns stand that may be inputs.
        names: What the card calls them; () where they have no names.
        rows: The rows to learn from, from 0.
        asked: What the user calls columns, by name or position.

    Raises:
        InputError: A column holds numbers or dates and a few cells that are none, dates are written in two
            ways, or a column is asked for that is not there.
    """
    kinds = {table.index(column): kind for column, kind in asked.items()}
    found: list[Decided] = []
    all_cells = [[cells[row] for row in rows] for cells in table.cells(positions)]
    numeric = [at for at, cells in zip(positions, all_cells, strict=True) if _may_be_numbers(cells, table)]
    marks = table.marks(numeric)
    for place, (position, texts) in enumerate(zip(positions, all_cells, strict=True)):
        name = names[place] if names else ""
        cells = Cells(table, position, name, rows, texts, marks)
        kind = kinds.get(position)
        found.append(_inferred(cells) if kind is None else _as_asked(cells, kind))
    return found


def _may_be_numbers(cells: Sequence[str], table: Table) -> bool:
    return all(
        is_missing(text, table.missing) or (is_written_as_number(text) and not _is_date(text))
        for text in cells
    )


def _inferred(cells: Cells) -> Decided:
    given = cells.given
    if not given:
        return Decided(ColumnSpec(cells.name, "ignore"), gettext("no value in any row"))
    if len(given) == 1 and not cells.gaps:
        return Decided(
            ColumnSpec(cells.name, "ignore"), gettext("the same in all rows: {value}", value=_short(given))
        )
    if _are_booleans({text.lower() for text in given}):
        return Decided(ColumnSpec(cells.name, "boolean"))
    count = sum(given.values())
    if 2 * sum(number for text, number in given.items() if _is_date(text)) >= count:
        return _dates(cells, "")
    if 2 * sum(number for text, number in given.items() if is_written_as_number(text)) >= count:
        _check_numbers(cells)
        return Decided(ColumnSpec(cells.name, "number"))
    if len(given) > MOST_CATEGORIES or len(given) > max(_FEW, count / 2):
        return Decided(
            ColumnSpec(cells.name, "ignore"),
            gettext("different texts: {count}, rows: {rows}", count=len(given), rows=len(cells.rows)),
        )
    return _categories(cells)


def _are_booleans(words: set[str]) -> bool:
    """Return whether words mean true and false; "n" and "f" alone, which mean the same, are categories."""
    kinds = [word in TRUE for word in words if word in (*TRUE, *FALSE)]
    return len(kinds) == len(words) and (len(words) == 1 or len(set(kinds)) == 2)


def _as_asked(cells: Cells, kind: str) -> Decided:
    if kind == "categorical":
        return _categories(cells)
    if kind.startswith("date"):
        return _dates(cells, kind[5:])
    return Decided(ColumnSpec(cells.name, kind), gettext("as asked") if kind == "ignore" else "")


def _check_numbers(cells: Cells) -> None:
    """Refuse a column of numbers in which some cells hold a text.

    Raises:
        NoNumberError: Some do; the message names the first.
    """
    wrong = next((text for text in cells.given if number_in(text, cells.marks) is None), None)
    if wrong is None:
        return
    error = not_a_number(cells.table.source, cells.place(wrong), wrong, cells.marks)
    advice = gettext(
        " Where they are categories, pass columns={{{name}: 'categorical'}}.",
        name=shortened(cells.name, 40) if cells.name else cells.position,
    )
    raise NoNumberError(Message(error.text + advice, error.code)) from error


def _is_date(text: str) -> bool:
    return any(moment_in(text, order) is not None for order in DATE_ORDERS)


def _dates(cells: Cells, order: str) -> Decided:
    """Return a column of dates, with those of their parts that differ between rows.

    Raises:
        InputError: A cell is no date, or some are written day first and others month first.
    """
    given = cells.given
    order, note = (order, "") if order else _order(cells)
    moments = [(text, moment_in(text, order)) for text in given]
    wrong = next((text for text, moment in moments if moment is None), None)
    if wrong is not None or not given:
        raise InputError.coded(
            "E-INPUT-04",
            "{source}: {where}: expected a date such as 2025-03-31, got {value}. Write all dates in one way, "
            "or pass columns={{{name}: 'ignore'}}.",
            source=cells.table.source,
            where=cells.table.title(cells.position) if wrong is None else cells.place(wrong),
            value=shortened(wrong or "", 40),
            name=shortened(cells.name, 40) if cells.name else cells.position,
        )
    values = np.array([moment for _, moment in moments if moment is not None])
    parts = [part for place, part in enumerate(DATE_PARTS) if len(np.unique(values[:, place])) > 1]
    if not parts:
        return Decided(
            ColumnSpec(cells.name, "ignore"), gettext("the same in all rows: {value}", value=_short(given))
        )
    return Decided(ColumnSpec(cells.name, "date", parts=tuple(parts), order=order), note)


def _order(cells: Cells) -> tuple[str, str]:
    """Return whether days or months come first, and a note where the cells leave that open.

    Raises:
        InputError: Some cells have the day first, and others the month.
    """
    pairs = [(text, pair) for text in cells.given if (pair := first_two(text)) is not None]
    day_first = next((text for text, (first, second) in pairs if first > 12), None)
    month_first = next((text for text, (first, second) in pairs if second > 12), None)
    if day_first is not None and month_first is not None:
        raise InputError.coded(
            "E-INPUT-04",
            "{source}: {where}: {one} has the day first, and {other} the month. Write all dates in one way, "
            "such as 2025-03-31.",
            source=cells.table.source,
            where=cells.table.title(cells.position),
            one=shortened(day_first, 40),
            other=shortened(month_first, 40),
        )
    if pairs and day_first is None and month_first is None:
        return "dmy", gettext("{value} read day first; 'date_mdy' is month first", value=pairs[0][0])
    return ("mdy" if month_first is not None else "dmy"), ""


def _categories(cells: Cells) -> Decided:
    given, reason = cells.given, ""
    names = sorted(given)
    if len(names) > MOST_ASKED:
        names = sorted(sorted(names, key=lambda name: -given[name])[:MOST_ASKED])
        reason = gettext("the {count} most frequent of {all}", count=MOST_ASKED, all=len(given))
    if cells.gaps:
        names.append(OTHER_MISSING)
    if not names:
        return Decided(ColumnSpec(cells.name, "ignore"), gettext("no value in any row"))
    return Decided(ColumnSpec(cells.name, "categorical", categories=tuple(names)), reason)


def _short(given: Mapping[str, int]) -> str:
    return shortened(next(iter(given)), 30)


def described(
    title: str, decided: Sequence[Decided], gaps: Sequence[tuple[int, float]], label: str, width: int
) -> list[str]:
    """Return lines for the user about what becomes of each column.

    Args:
        title: What the table is called.
        decided: What becomes of each column.
        gaps: For each column that is used, how many rows have no value, and what fills them.
        label: The name of the label column.
        width: How many numbers the network takes of a row.
    """
    filled = iter(gaps)
    rows = []
    for place, each in enumerate(decided):
        spec = each.spec
        name = shortened(spec.name, 30)[1:-1] if spec.name else gettext("column {number}", number=place + 1)
        missing, fill = next(filled) if spec.is_used else (0, 0.0)
        rows.append(
            (
                "  " + name,
                spec.kind,
                gettext("; ").join(filter(None, _details(spec, missing, fill, each.reason))),
            )
        )
    if label:
        rows.append(("  " + shortened(label, 30)[1:-1], gettext("label"), ""))
    numbers = ngettext("{count} number", "{count} numbers", width)
    last = gettext(
        "  each row becomes {numbers}; columns={{'name': 'ignore'}} (or another kind) decides otherwise",
        numbers=numbers,
    )
    return [gettext("columns of {title}:", title=title), *aligned(rows), last]


def _details(spec: ColumnSpec, missing: int, fill: float, reason: str) -> list[str]:
    found = []
    if spec.kind == "categorical":
        names = [name or gettext("(missing)") for name in spec.categories]
        listed = ", ".join(shortened(name, 20)[1:-1] for name in names[:_LISTED])
        found.append(f"{len(names)}: {listed}" + (", ..." if len(names) > _LISTED else ""))
    elif spec.kind == "date":
        found.append(", ".join(spec.parts))
    if missing and spec.kind != "categorical":
        found.append(
            gettext("{count} missing, filled with {value:g}, and an indicator", count=missing, value=fill)
        )
    return [*found, reason]


_LISTED = 4
"""Categories that stand in a line."""
