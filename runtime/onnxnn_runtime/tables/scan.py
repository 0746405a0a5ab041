"""The form of a table: its separator, how many columns its rows have, and the limits of what is read."""

from __future__ import annotations

from onnxnn_runtime.errors import InputError

from .text import Record, TextFile

__all__ = ["MAX_CELLS", "MAX_COLUMNS", "scan", "separator_of"]

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
    raise InputError(f"{text.path}: the file is empty; give a CSV file with one row per sample.")


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
                    raise InputError(
                        f"{text.path}: {length:,} columns; at most {MAX_COLUMNS:,} are read. Is each row "
                        "a line of its own? For larger data use a .npz file."
                    )
            if count != length:
                mark = "a tab" if separator == "\t" else repr(separator)
                raise InputError(
                    f"{text.path}: row {line} has {count} cells, row {first} has {length} "
                    f"(separated by {mark}). Give every row the same number of cells."
                )
            if width < length:
                width = max(width, length - _trailing(record, separator))
        numbers += block.lines
        if len(numbers) * length > MAX_CELLS:
            raise InputError(
                f"{text.path}: more than {MAX_CELLS:,} cells, the most that are read. Use fewer rows, or "
                "a .npz file."
            )
        head += block.records[: 1 + min(_HEAD, max(20, _HEAD_CELLS // length)) - len(head)]
    if not numbers:
        raise InputError(f"{text.path}: the file is empty; give a CSV file with one row per sample.")
    return numbers, width, head


def _trailing(record: Record, separator: str) -> int:
    """Return how many cells at a row's end are empty."""
    if isinstance(record, str):
        if record[-1] != separator and not record[-1].isspace():
            return 0
        record = record.split(separator)
    return next((number for number, cell in enumerate(reversed(record)) if cell.strip()), len(record))
