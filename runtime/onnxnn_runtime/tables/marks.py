"""How numbers are written in the cells of a table.

A number is written as Python and spreadsheets write it, "-1.5e3". A decimal comma and marks between
thousands are read where `Marks` says so, and never guessed from a single cell: "1,234" is 1.234 in one
country and 1234 in another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Callable, Iterable, Sequence

import numpy as np

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of

from .missing import MISSING

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class NoNumberError(InputError):
    """A cell of a column of numbers holds a text."""


@dataclass(frozen=True)
class Marks:
    """How numbers are written.

    Args:
        decimal: The mark before the fraction, "." or ",".
        thousands: The mark between groups of three digits; "" where there is none.
    """

    decimal: str = "."
    thousands: str = ""


def is_written_as_number(cell: str) -> bool:
    """Return whether a text is a number, or looks like one whose marks are not known: "1,234"."""
    return _NUMBER.fullmatch(cell) is not None or _SHAPED.fullmatch(cell) is not None


class MissingNumberError(InputError):
    """A cell of a column of numbers holds nothing."""


def check_marks(decimal: str | None, thousands: str | None) -> None:
    """Refuse marks that no number is written with.

    Raises:
        InputError: `decimal` is no "." or ",", `thousands` is no mark, or both are the same.
    """
    if not is_one_of(decimal, (None, ".", ",")):
        raise InputError.coded(
            "E-INPUT-06", "decimal={decimal}: expected '.' or ','.", decimal=shortened(decimal, 20)
        )
    if not is_one_of(thousands, (None, "", ",", ".", " ", "'", "_", "\u00a0", "\u202f", "\u2019")):
        raise InputError.coded(
            "E-INPUT-06",
            "thousands={thousands}: expected ',', '.', ' ', \"'\" or '_'.",
            thousands=shortened(thousands, 20),
        )
    if thousands and thousands == (decimal or "."):
        raise InputError.coded(
            "E-INPUT-06",
            "thousands={thousands}, decimal={decimal}: expected two different marks. Give decimal= too.",
            thousands=shortened(thousands),
            decimal=shortened(decimal or "."),
        )


def number(cell: str, marks: Marks) -> float | None:
    """Return the number in a cell; None where it holds none, or one that float64 cannot hold."""
    if marks.thousands and marks.thousands in cell:
        mark, point = re.escape(marks.thousands), re.escape(marks.decimal)
        if not re.fullmatch(rf"[+-]?[0-9]{{1,3}}({mark}[0-9]{{3}})+({point}[0-9]*)?", cell):
            return None
        cell = cell.replace(marks.thousands, "")
    if marks.decimal != ".":
        if "." in cell:
            return None
        cell = cell.replace(marks.decimal, ".")
    if not _NUMBER.fullmatch(cell):
        return None
    value = float(cell)
    return value if np.isfinite(value) else None


def not_a_number(source: str, where: str, cell: str, marks: Marks) -> InputError:
    """Return the error for a cell that holds no number; `where` is what messages call the cell."""
    if cell.lower() in MISSING:
        return MissingNumberError.coded(
            "E-INPUT-04",
            "{source}: {where}: expected a number, got an empty cell or a mark of a missing value. "
            "Fill it in, or remove the row.",
            source=source,
            where=where,
        )
    if cell[:1].isdigit() and "," in cell and not marks.thousands and marks.decimal == ".":
        return NoNumberError.coded(
            "E-INPUT-04",
            "{source}: {where}: expected a number, got {cell}. Write it without the comma, or use "
            "decimal=',' or thousands=','.",
            source=source,
            where=where,
            cell=shortened(cell),
        )
    return NoNumberError.coded(
        "E-INPUT-04",
        "{source}: {where}: expected a number, got {cell}. Write a number, or remove the row or the column.",
        source=source,
        where=where,
        cell=shortened(cell),
    )


def parse_cells(rows: Sequence[Sequence[str]], marks: Marks) -> tuple[np.ndarray, tuple[int, int] | None]:
    """Return cells as float64 (rows, columns), and where the first one stands that is no number."""
    array = np.empty((len(rows), len(rows[0]) if rows else 0), np.float64)
    for place, row in enumerate(rows):
        for column, cell in enumerate(row):
            value = number(cell, marks)
            if value is None:
                return array, (place, column)
            array[place, column] = value
    return array, None


def commas_as(
    rows: Iterable[tuple[int, Sequence[str]]], positions: Sequence[int], title: Callable[[int, int], str]
) -> Marks:
    """Return how numbers are written in columns whose cells hold commas, where the cells leave no doubt.

    Args:
        rows: The line number and the cells of each row.
        positions: The columns.
        title: (line, column) -> how a message calls the cell.

    Raises:
        InputError: Commas and points are used, or all commas may also stand between thousands.
    """
    comma: tuple[int, int, str] | None = None
    point: tuple[int, int, str] | None = None
    decimal = False
    for line, row in rows:
        for position in positions:
            cell = row[position]
            if ("," in cell or "." in cell) and _SHAPED.fullmatch(cell):
                if "," in cell:
                    comma = comma or (line, position, cell)
                    decimal = decimal or _begins_a_fraction(cell)
                if "." in cell:
                    point = point or (line, position, cell)
        if comma and point:
            break
    if comma is None:
        return Marks()
    if point is None and decimal:
        return Marks(",")
    where, cell = title(*comma[:2]), shortened(comma[2], 40)
    if point is None or point == comma:
        raise InputError.coded(
            "E-INPUT-04",
            "{where}: {cell} may hold a decimal comma or a mark between thousands. Use decimal=',' or "
            "thousands=',', or write all numbers in one way, such as 1234.5.",
            where=where,
            cell=cell,
        )
    raise InputError.coded(
        "E-INPUT-04",
        "{where}: {cell}, and {other_where}: {other_cell}; commas and points are used, so the decimal "
        "mark is unknown. Use decimal=',' or thousands=',', or write all numbers in one way, such as "
        "1234.5.",
        where=where,
        cell=cell,
        other_where=title(*point[:2]),
        other_cell=shortened(point[2], 40),
    )


_SHAPED = re.compile(r"[+-]?[0-9.,]*[0-9][0-9.,]*([eE][+-]?[0-9]+)?")


def _begins_a_fraction(cell: str) -> bool:
    """Return whether the comma in a number can be nothing but a decimal comma: "0,5", but not "1,234"."""
    return cell.count(",") == 1 and re.fullmatch(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}", cell) is None
