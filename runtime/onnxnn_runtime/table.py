"""Reading tables of numbers: CSV files as spreadsheets and lessons write them.

    bytes -> text (UTF-8 with or without BOM, UTF-16 with BOM, GBK) -> separator (`;`, tab or `,`)
          -> rows of cells -> header or not -> numbers

Training and the runtime read a file through this one implementation.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence, Union

import numpy as np

from .errors import InputError, MissingInputError

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MISSING = ("", "?", "na", "n/a", "nan", "null", "none", "-")

Column = Union[int, str]
"""A column's position from 0 (negative: from the end), or its name in the header."""


@dataclass(frozen=True)
class Table:
    """A table as its file holds it.

    Args:
        source: The file's name, for messages.
        names: The names in the header; () where the file has none.
        rows: The cells of each row behind the header, as text without surrounding blanks; all rows
            have the same length.
        lines: For each row, the number of the line in the file on which it ends, from 1.
        decimal_comma: Whether "0,5" is a number, as in files separated by `;` or tabs.
    """

    source: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    decimal_comma: bool = False

    @property
    def num_columns(self) -> int:
        """How many columns every row has."""
        return len(self.rows[0])

    def index(self, column: Column) -> int:
        """Return a column's position from 0.

        Raises:
            InputError: There is no such column, or the name stands twice.
        """
        if isinstance(column, str):
            if self.names.count(column) == 1:
                return self.names.index(column)
            problem = "stands twice in the header" if column in self.names else "is not there"
            known = ", ".join(self.names) if self.names else "a file without a header"
            raise InputError(f"{self.source}: column {column!r} {problem}; the columns are: {known}.")
        if not -self.num_columns <= column < self.num_columns:
            raise InputError(f"{self.source}: column {column} asked for, it has {self.num_columns} columns.")
        return column % self.num_columns

    def title(self, column: int) -> str:
        """Return how messages call the column at a position: "column 2 ('width')"."""
        name = self.names[column] if self.names else ""
        return f"column {column + 1} ({name!r})" if name else f"column {column + 1}"

    def is_numeric(self, column: Column) -> bool:
        """Tell whether every cell of a column is a number."""
        position = self.index(column)
        return all(_number(row[position], self.decimal_comma) is not None for row in self.rows)

    def texts(self, column: Column) -> list[str]:
        """Return the cells of a column as text.

        Raises:
            InputError: A cell is empty; the message names row and column.
        """
        position = self.index(column)
        for row, line in zip(self.rows, self.lines):
            if row[position] == "":
                raise InputError(self._missing(line, position))
        return [row[position] for row in self.rows]

    def numbers(self, columns: Sequence[Column] | None = None) -> np.ndarray:
        """Return columns as float64 (rows, columns).

        Args:
            columns: Which, in this order; None takes all.

        Raises:
            InputError: A cell is empty or holds text; the message names row and column.
        """
        positions = [
            self.index(column) for column in (range(self.num_columns) if columns is None else columns)
        ]
        array = np.empty((len(self.rows), len(positions)), np.float64)
        for number, (row, line) in enumerate(zip(self.rows, self.lines)):
            for place, position in enumerate(positions):
                value = _number(row[position], self.decimal_comma)
                if value is None:
                    raise InputError(self._not_a_number(row[position], line, position))
                array[number, place] = value
        return array

    def _missing(self, line: int, position: int) -> str:
        return (
            f"{self.source}: the cell in row {line}, {self.title(position)}, is missing. "
            "Fill it in, or remove the row."
        )

    def _not_a_number(self, cell: str, line: int, position: int) -> str:
        if cell.lower() in _MISSING:
            return self._missing(line, position)
        return (
            f"{self.source}: row {line}, {self.title(position)}, holds {cell!r} where a number is expected. "
            "Write a number, or remove the row or the column."
        )


def read_table(path: str | Path) -> Table:
    """Read a CSV file.

    The separator is `;` or a tab where the first line has one, otherwise `,`. Cells may be quoted.
    Blank lines are skipped, and so are empty last columns, which a comma at each line's end makes. The
    first row counts as a header when more of its cells are text above a column of numbers than are
    numbers; with no column of numbers, when all its cells differ from those below.

    Args:
        path: The file.

    Raises:
        MissingInputError: There is no such file.
        InputError: It is a folder, empty, no text, has a header only, or its rows differ in length.
    """
    source = str(path)
    if not os.path.exists(source):
        raise MissingInputError(f"{source}: no such file.")
    if os.path.isdir(source):
        raise InputError(f"{source}: is a folder; what fits is a CSV file.")
    text = _decode(source, Path(source).read_bytes())
    separator = _separator(text)
    records = _records(source, text, separator)
    if not records:
        raise InputError(f"{source}: the file is empty; what fits is a CSV file with one row per sample.")
    _check_lengths(source, records, separator)
    lines = tuple(line for line, _ in records)
    width = max(len(cells) - _trailing(cells) for _, cells in records)
    rows = tuple(cells[:width] for _, cells in records)
    decimal_comma = separator != ","
    if not _has_header(rows, decimal_comma):
        return Table(source, (), rows, lines, decimal_comma)
    if len(rows) == 1:
        raise InputError(f"{source}: only a header ({separator.join(rows[0])}), no rows of data behind it.")
    return Table(source, rows[0], rows[1:], lines[1:], decimal_comma)


def _decode(source: str, data: bytes) -> str:
    if data.startswith(b"PK\x03\x04"):
        raise InputError(f"{source}: is a spreadsheet or zip file, not text; save it as CSV.")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise InputError(f"{source}: is no text in UTF-8, UTF-16 or GBK; save it as CSV in UTF-8.")


def _separator(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    outside_quotes = "".join(first.split('"')[::2])
    return next((mark for mark in (";", "\t") if mark in outside_quotes), ",")


def _records(source: str, text: str, separator: str) -> list[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        stripped = [(reader.line_num, tuple(cell.strip() for cell in cells)) for cells in reader]
    except csv.Error as error:
        raise InputError(f"{source}: row {reader.line_num} cannot be read as CSV ({error}).") from error
    return [(line, cells) for line, cells in stripped if any(cells)]


def _check_lengths(source: str, records: list[tuple[int, tuple[str, ...]]], separator: str) -> None:
    first_line, first = records[0]
    for line, cells in records:
        if len(cells) != len(first):
            mark = "a tab" if separator == "\t" else repr(separator)
            raise InputError(
                f"{source}: row {line} has {len(cells)} cells, row {first_line} has {len(first)} "
                f"(separated by {mark}). Give every row the same number of cells."
            )


def _trailing(cells: Sequence[str]) -> int:
    """Return how many cells at a row's end are empty."""
    return next((number for number, cell in enumerate(reversed(cells)) if cell), len(cells))


def _has_header(rows: tuple[tuple[str, ...], ...], decimal_comma: bool) -> bool:
    first, below = rows[0], rows[1:]
    is_number = [_number(cell, decimal_comma) is not None for cell in first]
    if not below:
        return not any(is_number)
    numeric = [_mostly_numbers(below, column, decimal_comma) for column in range(len(first))]
    if not any(numeric):
        return not any(is_number) and not any(cell in column for cell, column in zip(first, zip(*below)))
    above = [number for cell, number, column in zip(first, is_number, numeric) if column and cell]
    return sum(not number for number in above) > sum(above)


def _mostly_numbers(rows: Sequence[Sequence[str]], column: int, decimal_comma: bool) -> bool:
    return 2 * sum(_number(row[column], decimal_comma) is not None for row in rows) > len(rows)


def _number(cell: str, decimal_comma: bool) -> float | None:
    if decimal_comma and "," in cell and "." not in cell:
        cell = cell.replace(",", ".")
    if not _NUMBER.fullmatch(cell):
        return None
    value = float(cell)
    return value if np.isfinite(value) else None
