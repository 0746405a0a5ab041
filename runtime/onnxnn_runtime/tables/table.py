"""A table of numbers and texts, read from its file in blocks.

What stays in memory is the array of numbers that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Collection, Iterator, NamedTuple, Sequence, Union

import numpy as np

from onnxnn_runtime.arrays.columns import match_columns
from onnxnn_runtime.arrays.conversion import from_objects
from onnxnn_runtime.arrays.numbers import is_integer
from onnxnn_runtime.errors import InputError, located
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from .heading import no_such_column
from .marks import Marks, commas_as, not_a_number, number, parse_cells
from .missing import MISSING, missing_labels, missing_places
from .numbers import parse
from .preparation import prepare
from .text import Block, Record, TextFile, cells_of

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from onnxnn_runtime.card.columns import ColumnSpec

Column = Union[int, str]
"""A column's position from 0 (negative: from the end), or its name in the heading."""


class Read(NamedTuple):
    """What was read of a table.

    Args:
        numbers: The columns of numbers (rows, columns).
        texts: The cells of the column of texts; [] where none was asked for.
        rounding: By how much the type of `numbers` changes each column at most, float64 (columns,); 0 for
            constant columns.
    """

    numbers: np.ndarray
    texts: list[str]
    rounding: np.ndarray


@dataclass(frozen=True)
class Table:
    """A table as its file holds it; the file is read when cells are asked for.

    Args:
        source: The file's name, for messages.
        names: The names in the heading; () where the file has none, or its first row counts samples.
        lines: For each row after the heading, the number of the line in the file on which it ends, from 1.
        num_columns: How many columns every row has.
        decimal_comma: Whether "0,5" can be a number, as in files separated by `;` or tabs.
        notes: What was decided about the file and may surprise, a sentence each.
        missing: What stands in a cell without a value, in lower case.
        has_heading: Whether the first row is no row of data.
    """

    source: str
    names: tuple[str, ...]
    lines: tuple[int, ...]
    num_columns: int
    decimal_comma: bool = False
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = MISSING
    has_heading: bool = False
    _text: TextFile = field(default=TextFile("", "utf-8"), repr=False)
    _separator: str = field(default=",", repr=False)
    _decimal: str | None = field(default=None, repr=False)
    _thousands: str | None = field(default=None, repr=False)

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The cells of each row after the heading, as text without the blanks around them."""
        return tuple(tuple(cells) for _, rows in self._cells() for cells in rows)

    def index(self, column: Column) -> int:
        """Return a column's position from 0.

        Raises:
            InputError: There is no such column, or the name stands twice.
        """
        if isinstance(column, str):
            if self.names.count(column) == 1:
                return self.names.index(column)
            if self.names and column not in self.names:
                try:
                    return match_columns([column], self.names, self.source)[0]
                except InputError:
                    pass  # what follows says more
            raise no_such_column(self.source, self.names, column)
        if not is_integer(column) or not -self.num_columns <= column < self.num_columns:
            raise InputError.coded(
                "E-INPUT-03",
                "{source}: expected a column from 0 to {last}, got {column}.",
                source=self.source,
                last=self.num_columns - 1,
                column=shortened(column),
            )
        return column % self.num_columns

    def title(self, column: int) -> str:
        """Return how messages call the column at a position: "column 2 ('width')"."""
        name = self.names[column] if self.names else ""
        if name:
            return gettext("column {number} ({name})", number=column + 1, name=shortened(name, 40))
        return gettext("column {number}", number=column + 1)

    @property
    def columns(self) -> list[int] | list[str]:
        """The names of the columns, or their positions, as a DataFrame has them: models take both alike."""
        return list(self.names) or list(range(self.num_columns))

    def to_numpy(self) -> np.ndarray:
        """Return all cells (rows, columns): numbers, and texts where a cell is none."""
        marks = self._marks(range(self.num_columns))
        array = np.empty((len(self.lines), self.num_columns), object)
        for place, row in enumerate(row for _, rows in self._cells() for row in rows):
            for column, cell in enumerate(row):
                value = number(cell, marks)
                array[place, column] = cell if value is None else value
        return from_objects(array)

    def __array__(self, dtype: DTypeLike | None = None, copy: object = None) -> np.ndarray:
        return self.to_numpy() if dtype is None else self.to_numpy().astype(dtype)

    def is_numeric(self, column: Column) -> bool:
        """Return whether every cell of a column is a number."""
        position = self.index(column)
        marks = self._marks([position], strict=False)
        return all(number(row[position], marks) is not None for _, rows in self._cells() for row in rows)

    def texts(self, column: Column) -> list[str]:
        """Return the cells of a column as text.

        Raises:
            InputError: Cells are missing; the message names the column and the rows.
        """
        position = self.index(column)
        cells = [cell for block in self._blocks() for cell in self._column(block, position)]
        self.check_labels(cells, position)
        return cells

    def check_labels(
        self,
        cells: Sequence[str],
        position: int,
        are_classes: bool = True,
        classes: Collection[str] = (),
        asked: bool = True,
    ) -> None:
        """Refuse a column of labels in which some are missing.

        Args:
            cells: The labels.
            position: Where the column stands.
            are_classes: Whether they are classes, of which a mark such as "none" may be one.
            classes: The names of the classes, where they are known.
            asked: Whether the user said that this column is the label.

        Raises:
            InputError: Some are missing; the message names the rows.
        """
        gone = missing_places(cells, self.missing, classes)
        if gone:
            rows = [self.lines[place] for place in gone]
            marks = sorted({cells[place] for place in gone} - {""})
            title = self.title(position)
            raise InputError(missing_labels(self.source, title, rows, marks, are_classes, asked))

    def prepared(self, positions: Sequence[int], columns: Sequence[ColumnSpec]) -> np.ndarray:
        """Return columns of any kind as a network takes them, float64 (rows, width); see `prepare`.

        Args:
            positions: Where each column stands that is used.
            columns: What becomes of the columns.

        Raises:
            InputError: A cell holds another kind of value than its column; the message names row and column.
        """
        used = [column for column in columns if column.is_used]
        marks = self.marks([at for at, column in zip(positions, used) if column.kind == "number"])
        cells = self.cells(positions)
        place = partial(self._cell_place, positions)
        return prepare(cells, columns, self.source, place, marks, self.missing)

    def cells(self, positions: Sequence[int]) -> list[list[str]]:
        """Return the cells of each of some columns as text, whatever they hold."""
        found: list[list[str]] = [[] for _ in positions]
        for _, rows in self._cells():
            for column, position in zip(found, positions):
                column.extend(row[position] for row in rows)
        return found

    def marks(self, positions: Sequence[int]) -> Marks:
        """Return how numbers are written in some columns.

        Raises:
            InputError: Commas may be decimal commas or stand between thousands.
        """
        return self._marks(positions)

    def place(self, row: int, position: int) -> str:
        """Return how messages call a cell, by its row from 0: "row 5, column 2 ('width')"."""
        return self._place(self.lines[row], position)

    def numbers(self, columns: Sequence[Column] | None = None, dtype: DTypeLike = np.float64) -> np.ndarray:
        """Return columns as an array (rows, columns).

        Args:
            columns: Which, in this order; None takes all.
            dtype: The type of the array; cells are read as float64 first.

        Raises:
            InputError: A cell is empty or holds text; the message names row and column.
        """
        wanted = range(self.num_columns) if columns is None else columns
        return self.numbers_and_texts([self.index(column) for column in wanted], None, dtype).numbers

    def numbers_and_texts(
        self, positions: Sequence[int], text: int | None = None, dtype: DTypeLike = np.float64
    ) -> Read:
        """Return columns of numbers as an array (rows, columns) and one column of texts, read at once.

        Args:
            positions: The columns of numbers.
            text: The column of texts; None where there is none.
            dtype: The type of the array.

        Raises:
            InputError: A cell of a column of numbers holds none.
        """
        array = np.empty((len(self.lines), len(positions)), dtype)
        rounding = np.zeros(len(positions))
        low, high = np.full(len(positions), np.inf), np.full(len(positions), -np.inf)
        texts: list[str] = []
        marks = self._marks(positions)
        start = 0
        for block in self._blocks():
            found = self._parse(block, positions, marks)
            if text is not None:
                texts += self._column(block, text)
            with np.errstate(over="ignore"):  # infinity, which the caller refuses, saying where
                held = array[start : start + len(found)]
                held[:] = found
                if array.dtype != np.float64:
                    rounding = np.maximum(rounding, np.abs(held - found).max(axis=0, initial=0))
                    low, high = np.minimum(low, found.min(axis=0)), np.maximum(high, found.max(axis=0))
            start += len(found)
        return Read(array, texts, np.where(low == high, 0, rounding))

    # ---- the file, a block at a time

    def _blocks(self) -> Iterator[Block]:
        skip = 1 if self.has_heading else 0
        for block in self._text.blocks(self._separator):
            if skip:
                block = Block(block.records[skip:], block.lines[skip:])
                skip = 0
            if block.records:
                yield block

    def _cells(self) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
        for block in self._blocks():
            yield block.lines, [self._row(record) for record in block.records]

    def _row(self, record: Record) -> list[str]:
        return cells_of(record, self._separator)[: self.num_columns]

    def _column(self, block: Block, position: int) -> list[str]:
        separator, last = self._separator, self.num_columns - 1
        records = block.records
        if isinstance(records[0], str):
            lines: list[str] = records  # type: ignore[assignment]  # all rows of a file are of one kind
            if position == 0:
                return [line.partition(separator)[0].strip() for line in lines]
            if position == last and lines[0].count(separator) == last:  # as many as in every line
                return [line.rpartition(separator)[2].strip() for line in lines]
        return [self._row(record)[position] for record in records]

    def _parse(self, block: Block, positions: Sequence[int], marks: Marks) -> np.ndarray:
        found = self._parse_span(block, positions, marks)
        if found is not None:
            return found
        rows = [self._row(record) for record in block.records]
        chosen = [[row[position] for position in positions] for row in rows]
        if not marks.thousands and self._separator != marks.decimal:
            found = self._parse_lines([self._separator.join(row) for row in chosen], len(positions), marks)
            if found is not None:
                return found
        found, wrong = parse_cells(chosen, marks)
        if wrong is not None:
            place, column = wrong
            where = self._place(block.lines[place], positions[column])
            raise not_a_number(self.source, where, chosen[place][column], marks)
        return found

    def _parse_span(self, block: Block, positions: Sequence[int], marks: Marks) -> np.ndarray | None:
        """Read lines from the first to the last column, which is quick where all of them are numbers."""
        if not positions or marks.thousands or not isinstance(block.records[0], str):
            return None
        first, last = min(positions), max(positions) + 1
        if last - first > 2 * len(positions) + 8:
            return None
        lines: list[str] = block.records  # type: ignore[assignment]  # all rows of a file are of one kind
        separator = self._separator
        if first:
            lines = [line.split(separator, first)[first] for line in lines]
        after = lines[0].count(separator) + 1 - (last - first)  # as many as in every line
        if after:
            lines = [line.rsplit(separator, after)[0] for line in lines]
        found = self._parse_lines(lines, last - first, marks)
        if found is None or list(positions) == list(range(first, last)):
            return found
        return found[:, [position - first for position in positions]]

    def _parse_lines(self, lines: list[str], columns: int, marks: Marks) -> np.ndarray | None:
        text = "\n".join(lines) + "\n"
        if marks.decimal != ".":
            if "." in text:
                return None
            text = text.replace(marks.decimal, ".")
        found = parse(text, self._separator, columns)
        return found if found is not None and len(found) == len(lines) else None

    # ---- how numbers are written

    def _marks(self, positions: Sequence[int], strict: bool = True) -> Marks:
        """Return how numbers are written in some columns.

        Raises:
            InputError: The file uses commas so that they may be decimal commas or stand between thousands.
        """
        if self._decimal is not None or self._thousands:
            return Marks(self._decimal or ".", self._thousands or "")
        if not self.decimal_comma:
            return Marks()
        if not any("," in part for block in self._blocks() for part in _parts(block.records)):
            return Marks()
        rows = ((line, row) for lines, rows in self._cells() for line, row in zip(lines, rows))
        try:
            return commas_as(rows, positions, self._place)
        except InputError as error:
            if not strict:
                return Marks(",")
            raise InputError(located(self.source, error)) from error

    # ---- messages

    def _cell_place(self, positions: Sequence[int], row: int, number: int) -> str:
        return self.place(row, positions[number])

    def _place(self, line: int, position: int) -> str:
        """Return how messages call a cell: "row 5, column 2 ('width')"."""
        return gettext("row {line}, {column}", line=line, column=self.title(position))


def _parts(records: Sequence[Record]) -> Iterator[str]:
    for record in records:
        if isinstance(record, str):
            yield record
        else:
            yield from record
