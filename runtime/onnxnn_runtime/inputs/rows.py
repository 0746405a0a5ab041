"""Rows for a network out of tables: by name where both sides have names, else by position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from onnxnn_runtime.arrays.columns import (
    Named,
    match_columns,
    named_columns,
    named_row,
    names_listed,
    names_wanted,
    warn_of_numbers,
)
from onnxnn_runtime.arrays.conversion import from_objects
from onnxnn_runtime.arrays.precision import check_columns
from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.warn import warn

from .mixed_rows import all_mixed_rows, other_columns, prepared_table

if TYPE_CHECKING:
    from onnxnn_runtime.tables.table import Table


def file_rows(
    path: str, spec: InputSpec, targets: Sequence[str] = (), shown: str = ""
) -> tuple[list[str], np.ndarray]:
    """Return the rows of a CSV file as a network takes them.

    Args:
        path: The file.
        spec: What the network takes.
        targets: The names of the label columns that it learned from, where they are known.
        shown: What warnings call the file; "" calls it by its path.

    Returns:
        The name of each row, "a.csv:2", and float64 (rows, columns).

    Raises:
        InputError: The file is no table, or its columns are not the network's.
    """
    from onnxnn_runtime.tables.options import CsvOptions  # here and below, so that images start without it
    from onnxnn_runtime.tables.reader import table_of

    table = table_of(path, CsvOptions(), known=spec.features)
    return [f"{path}:{line}" for line in table.lines], _table_rows(table, spec, targets, shown or path)


def _table_rows(table: Table, spec: InputSpec, targets: Sequence[str], shown: str) -> np.ndarray:
    from onnxnn_runtime.tables.reader import index_columns, seems_index

    path = table.source
    for note in table.notes:
        warn(note.replace(path, shown))
    if spec.columns:
        return prepared_table(table, spec, targets)
    if spec.features and names_wanted(spec.features, table.names):
        positions = match_columns(spec.features, table.names, path)
    else:
        index = index_columns(table) if table.names else []
        positions = chosen_columns(table.names, table.num_columns, spec, path, index, targets)
        warn_of_numbers(spec.features, table.names, positions, path)
        if len(positions) < table.num_columns and 0 in positions and seems_index(table):
            warn(
                gettext(
                    "{path}: column 1 counts the rows and is taken as an input, and the last column as the "
                    "label. Where column 1 is an index, leave it out, or name the columns in a first row.",
                    path=shown,
                )
            )
    return table.numbers(positions)


def chosen_columns(
    names: Sequence[str],
    count: int,
    spec: InputSpec,
    source: str,
    index: Sequence[int] = (),
    targets: Sequence[str] = (),
) -> list[int]:
    """Return the positions of a network's columns in a table, in the network's order.

    Where both have names, names decide; columns that are only counted go by their numbers. Elsewhere all
    columns are the network's, but for index columns and for one label column: the one whose name says so,
    else the last. Where a sample may have any length, all columns are one.

    Args:
        names: The names of the table's columns; () where it has none.
        count: How many columns it has.
        spec: What the network takes.
        source: What messages call the table.
        index: Positions of columns that count rows.
        targets: The names of the label columns that the network learned from.

    Raises:
        InputError: The columns are not the network's.
    """
    known, wanted = names_wanted(spec.features, names), width(spec)
    places = match_columns(known, names, source) if known else list(range(count))
    if spec.features and known:
        return places
    if wanted in (0, count):
        return places
    left = [position for position in places if position not in index]
    if len(left) == wanted + 1:
        from onnxnn_runtime.tables.heading import label_named

        label = label_named([names[position] for position in left], targets) if names else None
        left.pop(-1 if label is None else label)
    if len(left) != wanted:
        raise other_columns(source, count, wanted, spec.features)
    return left


def in_order(value: object, spec: InputSpec, source: str) -> Any:
    """Return a table that names its columns as an array (rows, columns) in the network's order.

    What names no columns comes back as it is, and so does a list, whose rows are looked at one by one.

    Raises:
        InputError: Its columns are not the network's.
    """
    if hasattr(value, "numbers_and_texts"):
        table: Any = value  # which was read from a file
        return _table_rows(table, spec, (), table.source)
    named = None if isinstance(value, (list, tuple)) else named_columns(value, spec.features)
    if named is None:
        return value
    return _chosen(value, named, spec, source)


def for_graph(value: object, spec: InputSpec, source: str) -> Any:
    """Return rows that name their values, in whatever form, as an array (rows, columns); see `in_order`."""
    if hasattr(value, "numbers_and_texts"):
        return in_order(value, spec, source)
    if spec.columns:
        rows = all_mixed_rows(value, spec, source)
        return value if rows is None else rows
    named = named_columns(value, spec.features)
    if named is None:
        row = row_in_order(value, spec, source)
        return row if row is value else np.asarray(row)[np.newaxis]
    return _chosen(value, named, spec, source)


def _chosen(value: object, named: Named, spec: InputSpec, source: str) -> np.ndarray:
    if isinstance(value, (list, tuple)) and isinstance(value[0], dict):
        _check_named(named.names, spec, f"{source}[0]")
    positions = chosen_columns(named.names, len(named.names), spec, source)
    if not isinstance(value, (dict, list, tuple)):  # the keys of a dict have no other order
        warn_of_numbers(spec.features, named.names, positions, source)
    if spec.deviations and not isinstance(value, (list, tuple)):
        check_columns(value, spec.deviations, spec.features, [named.keys[position] for position in positions])
    return from_objects(named.values[:, positions])


def is_row(value: object, features: Sequence[str] = ()) -> bool:
    """Return whether something is one row that names its values; see `named_row`."""
    return named_row(value, features) is not None


def row_in_order(row: object, spec: InputSpec, source: str) -> Any:
    """Return one row that names its values as an array in the network's order; anything else as it is.

    Raises:
        InputError: Its names are not the network's.
    """
    named = named_row(row, spec.features)
    if named is None:
        return row
    if isinstance(row, dict):
        _check_named(named.names, spec, source)
    return from_objects(named.values[chosen_columns(named.names, len(named.names), spec, source)])


def _check_named(names: Sequence[str], spec: InputSpec, source: str) -> None:
    """Refuse a dict for a network without names, unless its keys are the numbers of the columns."""
    if not spec.features and not names_wanted((), names):
        raise InputError.coded(
            "E-INPUT-03",
            "{source}: expected a list of numbers, since the network was trained without names, got a "
            "row of the columns {names}.",
            source=source,
            names=names_listed(names),
        )


def width(spec: InputSpec) -> int:
    """Return how many columns of a CSV file are one sample; 0 where that is not known."""
    size = spec.shape[-1]
    return size if isinstance(size, int) else len(spec.features)
