"""Reading tables of numbers: CSV files as spreadsheets and lessons write them.

    bytes -> text (`text`) -> separator (`;`, tab or `,`) -> rows of cells (`scan`) -> heading or not
    (`heading`) -> numbers (`table`, `numbers`)

Training and the runtime read a file through this one implementation.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Sequence

from onnxnn_runtime.api.calls import checked
from onnxnn_runtime.api.options import takes
from onnxnn_runtime.arrays.columns import counted, folded
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.paths import path_text
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of

from .heading import counts_rows, counts_samples, judge_heading, may_count_rows
from .marks import check_marks
from .missing import marks_of_missing
from .options import CsvOptions
from .scan import scan, separator_of
from .table import Table
from .text import cells_of, open_table


@checked
@takes(CsvOptions, by_place=5)
def read_table(path: str | Path, options: CsvOptions) -> Table:
    """Read a CSV file.

    Args:
        path: The file.
        header, encoding, decimal, thousands, missing: See `onnxnn_runtime.tables.options.CsvOptions`.

    Raises:
        MissingInputError: There is no such file.
        InputError: See `table_of`.
    """
    return table_of(path, options)


def table_of(path: str | Path, options: CsvOptions, known: Sequence[str] = ()) -> Table:
    """Return the table of a CSV file.

    The separator is `;` or a tab where the first line has one, otherwise `,`. Cells may be quoted.
    Blank lines are skipped, and so are empty last columns, which a comma at each line's end makes. The
    first row counts as a heading where texts stand over columns of numbers (see
    `onnxnn_runtime.tables.heading.judge_heading`); with no column of numbers, when all its cells differ from
    those below.

    Args:
        path: The file.
        options: How it is written.
        known: The names of columns of the network that it is for: where the first row has them all, it is a
            heading.

    Raises:
        MissingInputError: There is no such file.
        InputError: It is a folder, empty, no text, has a heading only, its rows differ in length, it has
            more columns or cells than are read, or an option is wrong.
    """
    source = _checked_path(path)
    header = options.header
    check_marks(options.decimal, options.thousands)
    _check_header(header)
    text = open_table(source, options.encoding)
    separator = separator_of(text)
    lines, width, head = scan(text, separator)
    table = Table(
        source,
        names=(),
        lines=tuple(lines),
        num_columns=width,
        decimal_comma=separator != ",",
        notes=(text.note,) if text.note else (),
        missing=marks_of_missing(options.missing),
        _text=text,
        _separator=separator,
        _decimal=options.decimal,
        _thousands=options.thousands,
    )
    rows = [cells_of(record, separator)[:width] for record in head]
    if header is None and known and set(map(folded, known)) <= set(map(folded, rows[0])):
        header = True
    has_heading, doubtful = (
        (header, False) if header is not None else judge_heading(rows, table.decimal_comma)
    )
    if has_heading:
        return _with_heading(table, rows[0], separator, doubtful)
    return _without_heading(table, rows[0]) if header is None else table


def _check_header(header: object) -> None:
    if not is_one_of(header, (None, True, False)):
        raise InputError.coded(
            "E-INPUT-06", "header={header}: expected True, False or None.", header=shortened(header, 20)
        )


def _without_heading(table: Table, first: Sequence[str]) -> Table:
    """Return a table whose first row is data, with a note where it counts the columns."""
    if not _counts(first):
        return table
    note = gettext(
        "{source}: the first row ({row}) is taken as data, though it counts the columns. Use "
        "header=True to take it as the heading; for predict, read_table(path, header=True).",
        source=table.source,
        row=_in_short(", ".join(first)),
    )
    return replace(table, notes=(*table.notes, note))


def _checked_path(path: object) -> str:
    """Return the path of a table as text.

    Raises:
        InputError: It is no path.
    """
    if isinstance(path, (str, bytes, os.PathLike)):
        return path_text(path)
    raise InputError.coded(
        "E-CALL-03",
        "path={path}: expected the path of a CSV file, such as 'data.csv'.",
        path=shortened(path, 40),
    )


def _with_heading(table: Table, heading: Sequence[str], separator: str, doubtful: bool) -> Table:
    """Return a table whose first row is its heading, with a note where that is doubtful.

    Raises:
        InputError: There are no other rows.
    """
    if len(table.lines) == 1:
        raise InputError.coded(
            "E-INPUT-02",
            "{source}: expected rows of data after the heading ({heading}), got none."
            " Add rows, or give header=False where the first row is data.",
            source=table.source,
            heading=_in_short(separator.join(heading)),
        )
    notes = table.notes
    if doubtful:
        notes += (
            gettext(
                "{source}: the first row ({row}) is taken as the heading. Use header=False to take it as "
                "data; for predict, read_table(path, header=False).",
                source=table.source,
                row=_in_short(", ".join(heading)),
            ),
        )
    names = () if counts_samples(heading) else tuple(heading)
    return replace(table, names=names, lines=table.lines[1:], notes=notes, has_heading=True)


def _counts(cells: Sequence[str]) -> bool:
    """Return whether a row is 0, 1, 2, ... (pandas names columns so; 0, 1 alone is also XOR)."""
    return len(cells) > 2 and tuple(cells) == counted(len(cells))


def index_columns(table: Table) -> list[int]:
    """Return the positions of columns that only count rows, as pandas writes its index."""
    found = []
    for position, name in enumerate(table.names):
        if may_count_rows(name) and table.num_columns > 1:
            try:
                values = table.numbers([position])[:, 0]
            except InputError:
                continue  # texts are no index
            if counts_rows(name, values):
                found.append(position)
    return found


def seems_index(table: Table) -> bool:
    """Return whether the first column of a file without a heading counts rows; it may be an input, too."""
    if table.has_heading or table.num_columns < 3:
        return False
    try:
        return counts_rows("index", table.numbers([0])[:, 0]) and len(table.lines) > 2
    except InputError:
        return False


def _in_short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
