"""Which columns of a table are inputs and which one is the label, and what its cells mean as labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnxnn_runtime.arrays.columns import match_columns, names_listed, names_wanted
from onnxnn_runtime.arrays.conversion import is_several
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.tables.heading import label_named
from onnxnn_runtime.tables.reader import index_columns, seems_index
from onnxnn_runtime.tables.table import Column, Table

from .options import Index


@dataclass(frozen=True)
class Chosen:
    """The columns of a table by their positions.

    Args:
        features: The inputs, in the order in which the network takes them.
        label: The label.
        notes: What was decided and may surprise, a sentence each.
    """

    features: list[int]
    label: int
    notes: tuple[str, ...] = ()


def choose_columns(
    table: Table,
    label: Column | None = None,
    index: Index = None,
    features: Sequence[str] = (),
    targets: Sequence[str] = (),
    are_classes: bool = False,
) -> Chosen:
    """Return which columns are inputs and which one is the label.

    Args:
        table: The table.
        label: The label column by name or position; None takes the one whose name says so, else the last.
        index: Columns that count rows and are left out, by name or position; False leaves none out, None
            those that are recognised (see `onnxnn_runtime.tables.reader.index_columns`).
        features: The names of the inputs of the network that the table is for; () where it has none.
        targets: The names of its label columns, where they are known.
        are_classes: Whether labels are classes.

    Raises:
        DataError: A column is not there, or none is left for the inputs or the label.
    """
    if table.num_columns < 2:
        raise DataError.coded(
            "E-DATA-03",
            "{source}: expected columns of numbers and one of labels, got one column only. Separate "
            "columns by ',', ';' or tabs.",
            source=table.source,
        )
    chosen = None if label is None else _position(table, label, "label")
    if features and names_wanted(features, table.names):
        return _by_name(table, chosen, features, targets, are_classes)
    notes: tuple[str, ...] = ()
    if chosen is None:
        chosen, notes = _label(table, targets, index, are_classes)
    counting, said = _index(table, chosen, index)
    kept = [column for column in range(table.num_columns) if column != chosen and column not in counting]
    if not kept:
        raise DataError.coded(
            "E-DATA-03",
            "{source}: no column is left for the inputs. Leave fewer out with index=.",
            source=table.source,
        )
    return Chosen(kept, chosen, notes + said)


def _by_name(
    table: Table, label: int | None, features: Sequence[str], targets: Sequence[str], are_classes: bool
) -> Chosen:
    columns = match_columns(features, table.names, table.source)
    taken = set(columns)
    left = [column for column in range(table.num_columns) if column not in taken]
    if label is not None:
        return Chosen(columns, label)
    if not left:
        raise DataError.coded(
            "E-DATA-03",
            "{source}: expected the columns {names} and one more for the label, got no other."
            " Add the column of labels, or name fewer columns as inputs.",
            source=table.source,
            names=names_listed(features, plain=True),
        )
    if len(left) > 1:
        named = label_named([table.names[column] for column in left], targets, are_classes)
        if named is not None:
            return Chosen(columns, left[named])
        counting = index_columns(table)
        left = [column for column in left if column not in counting] or left
    notes: tuple[str, ...] = ()
    if len(left) > 1:
        notes = (_taken(table, left[-1]),)
    return Chosen(columns, left[-1], notes)


def _label(
    table: Table, targets: Sequence[str], index: Index, are_classes: bool
) -> tuple[int, tuple[str, ...]]:
    named = label_named(table.names, targets, are_classes) if table.names else None
    last = table.num_columns - 1
    if named is None:
        counting = _index(table, None, index)[0]
        others = [column for column in range(table.num_columns) if column not in counting]
        if len(others) < 2 or others[-1] == last:
            return last, ()
        return others[-1], (_taken(table, others[-1]),)
    if named == last:
        return last, ()
    if table.names[named].lower() == "y" and table.is_numeric(named) and not table.is_numeric(last):
        return last, ()  # x and y of a place, and a class after them
    note = gettext(
        "{source}: {column} is taken as the label, not the last column; label= chooses another.",
        source=table.source,
        column=table.title(named),
    )
    return named, (note,)


def _taken(table: Table, column: int) -> str:
    return gettext(
        "{source}: {column} is taken as the label; label= chooses another.",
        source=table.source,
        column=table.title(column),
    )


def _index(table: Table, label: int | None, index: Index) -> tuple[list[int], tuple[str, ...]]:
    if isinstance(index, bool | np.bool_) and not index:
        return [], ()
    if index is not None:
        given: Any = index if is_several(index) else [index]
        return [_position(table, column, "index") for column in given], ()
    if not table.names:
        if label == 0 or not seems_index(table):
            return [], ()
        kept = gettext(
            "{source}: column 1 counts the rows and is kept as an input; index=0 leaves it out.",
            source=table.source,
        )
        return [], (kept,)
    found = [column for column in index_columns(table) if column != label]
    if not found or len(found) >= table.num_columns - 1:
        return [], ()
    note = ngettext(
        "{source}: {columns} counts the rows and is left out; index=False keeps it.",
        "{source}: {columns} count the rows and are left out; index=False keeps them.",
        len(found),
        source=table.source,
        columns=", ".join(map(table.title, found)),
    )
    return found, (note,)


def _position(table: Table, column: object, option: str) -> int:
    if isinstance(column, bool) or not isinstance(column, str | int | np.integer):
        raise DataError.coded(
            "E-DATA-09",
            "{option}={got}: expected the name of a column, or its position from 0 (-1 is the last).",
            option=option,
            got=shortened(column, 40),
        )
    return table.index(column if isinstance(column, str) else int(column))


def class_labels(texts: Sequence[str]) -> tuple[np.ndarray[Any, Any], bool]:
    """Return the labels that cells hold, and whether floats such as 1.0 were read as integers.

    They are integers where every cell is written as one, "7" but not "07", "+7" or "7_1"; and floats where
    every cell is a decimal number, which are classes only without a fraction; small ones may be written as
    8.1e-05. All others are the texts that they are: "01", "1e3", "true", "٣".

    Args:
        texts: The cells.

    Returns:
        int64, float64 or text (rows,).
    """
    if all(map(_INTEGER.fullmatch, texts)):
        return np.array(list(map(int, texts)), np.int64), False
    numbers = all(any(form.fullmatch(text) for form in (_INTEGER, _DECIMAL, _SCIENTIFIC)) for text in texts)
    if numbers and any("." in text for text in texts):
        values = np.array(list(map(float, texts)))
        whole = np.array_equal(values, np.floor(values))
        return (values.astype(np.int64), True) if whole else (values, False)
    return np.array(texts), False


_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_SCIENTIFIC = re.compile(r"-?[1-9](\.[0-9]*)?[eE][-+]?[0-9]{1,2}|0\.0+[eE][-+]?00")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,14})\.[0-9]*")
