"""Rows of texts, dates and gaps for a network whose card says what becomes of each column."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from onnxnn_runtime.arrays.columns import match_columns, named_columns, named_row, names_listed, names_wanted
from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.card.columns import width_of
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened

if TYPE_CHECKING:
    from onnxnn_runtime.card.columns import ColumnSpec
    from onnxnn_runtime.tables.table import Table


def prepared_table(table: Table, spec: InputSpec, targets: Sequence[str] = ()) -> np.ndarray:
    """Return the rows of a CSV file as a network takes them, float64 (rows, width).

    Args:
        table: The file.
        spec: What the network takes.
        targets: The names of the label columns that it learned from, where they are known.

    Raises:
        InputError: Its columns are not the network's, or a cell holds another kind of value than its column.
    """
    positions = _positions(table.names, table.num_columns, spec, table.source, targets, may_have_label=True)
    return table.prepared(positions, spec.columns)


def mixed_rows(value: object, spec: InputSpec, source: str) -> np.ndarray | None:
    """Return rows in any form as a network takes them.

    Args:
        value: A table, a DataFrame, a dict of columns or of one row, a list of dicts, a row as a list, or an
            array of rows; numbers as the graph takes them, with NaN for gaps, come back as they are.
        spec: What the network takes.
        source: What messages call it.

    Returns:
        float64 (rows, width), or (width,) for a single row; None for a list of rows, which are looked at one
        by one, and for what is no row. Nothing in it is ever taken for a path.

    Raises:
        InputError: Its columns are not the network's, or a cell holds another kind of value than its column.
    """
    if hasattr(value, "numbers_and_texts"):
        table: Any = value  # which was read from a file
        return prepared_table(table, spec)
    named = named_columns(value, spec.features) or named_row(value, spec.features)
    if named is not None:
        return _prepared(named.values, named.names, spec, source)
    if isinstance(value, (list, tuple)):
        from onnxnn_runtime.tables.cells import SCALARS  # here and below, because images do without

        is_row = all(each is None or isinstance(each, SCALARS) for each in value)
        if not value or not is_row:
            return None
        if all(type(each) in (int, float) for each in value):
            value = np.asarray(value, np.float64)
        else:
            value, cells = np.empty(len(value), object), value
            value[:] = cells
    if not isinstance(value, np.ndarray) or value.ndim not in (1, 2):
        return None
    is_ready = value.dtype.kind in "fiub" and value.shape[-1] == width_of(spec.columns)
    return value if is_ready else _prepared(value, (), spec, source)


def all_mixed_rows(value: object, spec: InputSpec, source: str) -> np.ndarray | None:
    """Return rows in any form as an array (rows, width); None for what is none."""
    found = mixed_rows(value, spec, source)
    if found is not None:
        return np.atleast_2d(found)
    if not isinstance(value, (list, tuple)) or not value:
        return None
    rows = [mixed_rows(row, spec, f"{source}[{number}]") for number, row in enumerate(value)]
    known = [row for row in rows if row is not None]
    return np.vstack(known) if len(known) == len(rows) else None


def _prepared(values: np.ndarray, names: Sequence[str], spec: InputSpec, source: str) -> np.ndarray:
    from onnxnn_runtime.tables.preparation import prepare

    positions = _positions(names, values.shape[-1], spec, source)
    rows = np.atleast_2d(values)
    used = [column.name or str(position) for column, position in zip(_used(spec), positions)]
    place = partial(_place, used, values.ndim == 2)
    found = prepare([list(rows[:, position]) for position in positions], spec.columns, source, place)
    return found if values.ndim == 2 else found[0]


def _place(names: Sequence[str], has_rows: bool, row: int, number: int) -> str:
    name = shortened(names[number], 40)
    if has_rows:
        return gettext("column {name} in row {row}", name=name, row=row)
    return gettext("column {name}", name=name)


def _used(spec: InputSpec) -> list[ColumnSpec]:
    return [column for column in spec.columns if column.is_used]


def _positions(
    names: Sequence[str],
    count: int,
    spec: InputSpec,
    source: str,
    targets: Sequence[str] = (),
    may_have_label: bool = False,
) -> list[int]:
    """Return where each column that is used stands: by its name, else by its position.

    By position a row has the columns that are used, or those that are ignored as well, and may have the
    label, too, which is the column whose name says so, else the last. Where both readings fit, since one
    column is ignored, a file is refused, and a row that a program made has no label.

    Raises:
        InputError: The columns are not the network's, or both readings fit.
    """
    if spec.features and names_wanted(spec.features, names):
        return match_columns(spec.features, names, source)
    from onnxnn_runtime.tables.heading import label_named

    every = [position for position, column in enumerate(spec.columns) if column.is_used]
    left = list(range(count))
    label = label_named(names, targets) if names else None
    if may_have_label and count == len(spec.columns) == len(every) + 1:
        if label is None:
            raise InputError.coded(
                "E-INPUT-03",
                "{source}: expected the names of the columns: {columns} may be all with the ignored "
                "one, or those in use and the label. Add a heading with the names of training.",
                source=source,
                columns=ngettext("{count} column", "{count} columns", count),
            )
        left.pop(label)
    elif count not in (len(every), len(spec.columns)) and count - 1 in (len(every), len(spec.columns)):
        left.pop(-1 if label is None else label)
    if len(left) == len(every):
        return left
    if len(left) == len(spec.columns):
        return [left[position] for position in every]
    raise other_columns(source, count, len(every), spec.features)


def other_columns(source: str, count: int, wanted: int, features: Sequence[str]) -> InputError:
    """Return the error about a table with another number of columns than the network takes."""
    columns = ngettext("{count} column", "{count} columns", wanted)
    if features:
        return InputError.coded(
            "E-INPUT-03",
            "{source}: expected {columns} ({names}), or one more with the label last, got {got}.",
            source=source,
            columns=columns,
            names=names_listed(features, plain=True),
            got=count,
        )
    return InputError.coded(
        "E-INPUT-03",
        "{source}: expected {columns}, or one more with the label last, got {got}.",
        source=source,
        columns=columns,
        got=count,
    )
