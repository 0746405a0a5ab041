"""The form of a table: its separator, how many columns its rows have, and the limits of what is read."""

from __future__ import annotations

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext, ngettext

from .text import Record, TextFile

MAX_COLUMNS = 100_000
"""The most columns that are read."""

MAX_CELLS = 250_000_000
"""The most cells that are read; as float32 they take 1 GB."""

_HEAD, _HEAD_CELLS = 1000, 100_000
"""Rows, or cells where rows are long, that decide whether the first row is a heading."""


def separator_of(text: TextFile) -> str:
    if text.separator:
        return text.separator
    for lines in text.lines():
        for line in lines:
            if line.strip():
                outside_quotes = "".join(line.split('"')[::2])
                return next((mark for mark in (";", "\t") if mark in outside_quotes), ",")
    raise _empty(text)


def _empty(text: TextFile) -> InputError:
    return InputError.coded(
        "E-INPUT-02",
        "{path}: expected a CSV file with one row per sample, got an empty file."
        " Check the path, and save the table again.",
        path=text.path,
    )


def scan(text: TextFile, separator: str) -> tuple[list[int], int, list[Record]]:
    """Return the line numbers of all rows, the number of columns that hold something, and the first rows.

    Raises:
        InputError: There is no row, rows differ in length, or there are more columns or cells than are read.
    """
    numbers: list[int] = []
    head: list[Record] = []
    length = width = 0
    for block in text.blocks(separator):
        for line, record in zip(block.lines, block.records):
            count = record.count(separator) + 1 if isinstance(record, str) else len(record)
            if not length:
                length, first = count, line
                if length > MAX_COLUMNS:
                    raise InputError.coded(
                        "E-INPUT-10",
                        "{path}: expected at most {most:,} columns, got {count:,}. Write each row as a "
                        "line; for larger data use a .npz file.",
                        path=text.path,
                        most=MAX_COLUMNS,
                        count=length,
                    )
            if count != length:
                raise InputError.coded(
                    "E-INPUT-03",
                    "{path}: row {line}: expected {expected} separated by {mark}, as in row "
                    "{first}, got {got}. Give every row the same number of cells.",
                    path=text.path,
                    line=line,
                    expected=ngettext("{count} cell", "{count} cells", length),
                    mark=gettext("a tab") if separator == "\t" else repr(separator),
                    first=first,
                    got=count,
                )
            if width < length:
                width = max(width, length - _trailing(record, separator))
        numbers += block.lines
        if len(numbers) * length > MAX_CELLS:
            raise InputError.coded(
                "E-INPUT-10",
                "{path}: expected at most {most:,} cells, got more. Use fewer rows, or a .npz file.",
                path=text.path,
                most=MAX_CELLS,
            )
        head += block.records[: 1 + min(_HEAD, max(20, _HEAD_CELLS // length)) - len(head)]
    if not numbers:
        raise _empty(text)
    return numbers, width, head


def _trailing(record: Record, separator: str) -> int:
    """Return how many cells at a row's end are empty."""
    if isinstance(record, str):
        if record[-1] != separator and not record[-1].isspace():
            return 0
        record = record.split(separator)
    return next((number for number, cell in enumerate(reversed(record)) if cell.strip()), len(record))
