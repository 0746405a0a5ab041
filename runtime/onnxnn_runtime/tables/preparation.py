"""From the cells of a table to the numbers that a network takes: the one implementation, for training too."""

from __future__ import annotations

from typing import Callable, Mapping, Sequence, Union

import numpy as np

from onnxnn_runtime.card.columns import DATE_PARTS, OTHER_MISSING, ColumnSpec, width_of
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from .cells import SCALARS, category_in, is_missing, moment_in, number_in, plain_number, truth_in
from .marks import Marks, not_a_number
from .missing import MISSING

Place = Callable[[int, int], str]
"""(row, column), from 0, of a cell -> how messages call it: "row 5, column 2 ('width')"."""


PLAIN = Marks()


def prepare(
    cells: Sequence[Sequence[object]],
    columns: Sequence[ColumnSpec],
    source: str,
    place: Place,
    marks: Marks = PLAIN,
    missing: Sequence[str] = MISSING,
) -> np.ndarray:
    """Return rows of a table as a network takes them, float64 (rows, width).

    A number, boolean or part of a date that is missing is NaN, which the graph fills in. A category that was
    not there in training is 0 in all of its column's numbers; one that was is no gap, such as "NA".

    Args:
        cells: For each column that is used, in the order of `columns`, its values: texts, or what Python has.
        columns: What becomes of each.
        source: What messages call the table.
        place: What they call a cell, by its row and its number in `cells`.
        marks: How numbers are written.
        missing: What stands in a cell without a value, in lower case.

    Raises:
        InputError: A cell holds another kind of value than its column; the message names it.
    """
    used = [column for column in columns if column.is_used]
    count = len(cells[0]) if cells else 0
    array = np.empty((count, width_of(used)), np.float64)
    start = 0
    for number, (column, values) in enumerate(zip(used, cells)):
        stop = start + column.width
        read = _READERS[column.kind](column, marks)
        names = {name for name in column.categories if name != OTHER_MISSING}
        known: dict[str, Found] = {}
        for row, value in enumerate(values):
            found = known.get(value) if isinstance(value, str) else None
            if found is None:
                is_name = isinstance(value, str) and value.strip() in names
                found = read(None if not is_name and is_missing(value, missing) else value)
                if found is None:
                    raise _wrong(column, source, place(row, number), value, marks)
                if isinstance(value, str) and len(known) < _REMEMBERED:
                    known[value] = found
            array[row, start:stop] = found
        start = stop
    return array


_REMEMBERED = 10_000
"""Different texts of a column whose numbers are remembered."""

Found = Union[np.ndarray, float]

Reader = Callable[[object], Union[Found, None]]
"""A cell's value, None for a missing one -> its numbers; None for what the column cannot hold."""


def _numbers(column: ColumnSpec, marks: Marks) -> Reader:
    return lambda value: np.nan if value is None else number_in(value, marks)


def _booleans(column: ColumnSpec, marks: Marks) -> Reader:
    return lambda value: np.nan if value is None else truth_in(value)


def _dates(column: ColumnSpec, marks: Marks) -> Reader:
    places = [DATE_PARTS.index(part) for part in column.parts]

    def read(value: object) -> np.ndarray | None:
        if value is None:
            return np.full(len(places), np.nan)
        moment = moment_in(value, column.order)
        return None if moment is None else np.array([moment[place] for place in places], np.float64)

    return read


def _categories(column: ColumnSpec, marks: Marks) -> Reader:
    place_of = category_places(column.categories)
    rows = np.eye(len(column.categories) + 1, len(column.categories))

    def read(value: object) -> np.ndarray | None:
        if value is not None and not isinstance(value, SCALARS):
            return None
        found: np.ndarray = rows[place_of(OTHER_MISSING if value is None else category_in(value))]
        return found

    return read


def category_places(categories: Sequence[str]) -> Callable[[str], int]:
    """Return a function that finds the position of a category, -1 for one that is not known.

    Numbers are looked for as they are written, then by their value, where one category alone has it: "3" is
    "3.0". Integers of more than 15 digits, such as those of identity cards, are themselves alone, since
    floats round them. "true" is "True" and "TRUE", where one of them alone is there.
    """
    exact = {name: place for place, name in enumerate(categories)}
    by_value: dict[str, list[int]] = {}
    for name, place in exact.items():
        if name.lower() in _TRUTHS:
            by_value.setdefault(name.lower(), []).append(place)
        value = number_in(name, Marks())
        if value is not None:
            by_value.setdefault(plain_number(value), []).append(place)

    def find(name: str) -> int:
        if name in exact:
            return exact[name]
        is_long = name.isdigit() and len(name) > _DIGITS
        value = number_in(name, Marks()) if by_value and not is_long else None
        places = by_value.get(name.lower() if value is None else plain_number(value), [])
        return places[0] if len(places) == 1 else -1

    return find


_TRUTHS = ("true", "false")
"""What `category_in` calls booleans."""

_DIGITS = 15
"""So many digits of every integer are the same after float64."""


_READERS: Mapping[str, Callable[[ColumnSpec, Marks], Reader]] = {
    "number": _numbers,
    "boolean": _booleans,
    "date": _dates,
    "categorical": _categories,
}


def _wrong(column: ColumnSpec, source: str, where: str, value: object, marks: Marks) -> InputError:
    """Return the error about a cell that holds another kind of value than its column did in training."""
    if column.kind == "number" and isinstance(value, str):
        return not_a_number(source, where, value.strip(), marks)
    kinds = {
        "number": gettext("a number"),
        "boolean": gettext("true or false, yes or no, 1 or 0"),
        "date": gettext("a date such as 2025-03-31"),
        "categorical": gettext("a text or a number"),
    }
    return InputError.coded(
        "E-INPUT-04",
        "{source}: {where}: expected {kind}, got {value}. Correct it, or leave the cell empty.",
        source=source,
        where=where,
        kind=kinds[column.kind],
        value=shortened(value, 40),
    )
