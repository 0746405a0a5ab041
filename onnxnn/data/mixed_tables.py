"""Tables that hold more than numbers: categories, dates, booleans and gaps, as a network takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnxnn_runtime.card.columns import ColumnSpec
from onnxnn_runtime.errors import DataError, InputError
from onnxnn_runtime.messages.catalogue import Message, gettext
from onnxnn_runtime.messages.warn import warn
from onnxnn_runtime.tables.marks import NoNumberError
from onnxnn_runtime.tables.table import Column, Table

from onnxnn.layers import Layer, make

from .column_kinds import decide, described
from .column_names import unambiguous
from .label_arrays import finite
from .options import TableOptions
from .preparation import Preparation
from .standardize import COARSE, moments, needs_float64
from .table_columns import Chosen

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Rows:
    """The rows of a table as a network takes them.

    Args:
        x: (rows, width), float32 or float64.
        wide: Whether the network takes float64.
        normalize: What the network begins with, or None.
        features: The names of the columns that are used; () where they have none.
        columns: What becomes of each column; () for a table of numbers.
        remarks: Lines for the user about the columns.
    """

    x: Array
    wide: bool
    normalize: Layer | None
    features: tuple[str, ...] = ()
    columns: tuple[ColumnSpec, ...] = ()
    remarks: tuple[str, ...] = ()


def mixed_rows(
    table: Table,
    chosen: Chosen,
    options: TableOptions,
    known: Preparation | None,
    train: Sequence[int],
    may_be_another: bool,
) -> Rows:
    """Return the rows of a table as a network takes them, whatever its columns hold.

    Args:
        table: The table.
        chosen: Which columns are inputs, and which is the label.
        options: How it is loaded.
        known: How the network that the rows are for has its data prepared; None for a new one.
        train: The rows to learn from, by which columns are judged.
        may_be_another: Whether the label may be another column, which messages say.

    Raises:
        InputError: A cell holds another kind of value than its column.
        DataError: No column is left, or one is asked for that is not there.
    """
    try:
        if known is not None and known.columns:
            return _as_known(table, chosen, known)
        return _new(table, chosen, options, train)
    except NoNumberError as error:
        if not may_be_another:
            raise
        raise with_label_named(error, table, chosen.label) from error


def with_label_named(error: InputError, table: Table, label: int) -> InputError:
    """Return an error about an input with the column that is taken as the label, which may be the mistake."""
    text = gettext(
        "{error} The label is {column}; label= names another one.", error=error, column=table.title(label)
    )
    return InputError(Message(text, error.code))


def _as_known(table: Table, chosen: Chosen, known: Preparation) -> Rows:
    positions = chosen.features
    used = [place for place, column in enumerate(known.columns) if column.is_used]
    if not known.features and len(positions) == len(known.columns):
        positions = [positions[place] for place in used]
    if len(positions) != len(used):
        raise DataError.coded(
            "E-DATA-03",
            "{source}: expected the columns that the network was trained on ({count}) and the label, got "
            "{got}. Give the table in the form of the training.",
            source=table.source,
            count=len(known.columns),
            got=table.num_columns,
        )
    x = table.prepared(positions, known.columns)
    check_finite(x, table.source)
    return Rows(
        x if known.is_wide else x.astype(np.float32), known.is_wide, None, known.features, known.columns
    )


def _new(table: Table, chosen: Chosen, options: TableOptions, train: Sequence[int]) -> Rows:
    asked: dict[Column, str] = {table.index(column): kind for column, kind in (options.columns or {}).items()}
    if chosen.label in asked:
        raise DataError.coded(
            "E-DATA-09",
            "columns={{{column}: {kind}}}: expected a column of inputs, got the label. Leave it out, or name "
            "another label with label=.",
            column=repr(table.names[chosen.label]) if table.names else chosen.label,
            kind=repr(asked[chosen.label]),
        )
    more = (table.index(place) for place, kind in asked.items() if kind != "ignore")
    positions = sorted({*chosen.features, *more})
    names = unambiguous(tuple(table.names[place] for place in positions) if table.names else (), table.source)
    decided = decide(table, positions, names, train, asked)
    columns = tuple(each.spec for each in decided)
    used = [place for place, column in zip(positions, columns, strict=True) if column.is_used]
    if not used:
        raise DataError.coded(
            "E-DATA-03",
            "{source}: no column is left for the inputs, since all are ignored: {reasons}. Say what a column "
            "is with columns={{'name': 'categorical'}}.",
            source=table.source,
            reasons=gettext("; ").join(
                f"{table.title(at)}: {one.reason}" for at, one in zip(positions, decided, strict=True)
            ),
        )
    x = table.prepared(used, columns)
    check_finite(x, table.source)
    filling = _Filling.of(x[np.asarray(train)], columns, options.standardize is not False)
    if options.standardize is False:
        _warn_of_numbers(table, used, columns, np.where(np.isnan(x), filling.fill, x))
    label = table.names[chosen.label] if table.names else ""
    remarks = described(table.source, decided, filling.gaps(columns), label, filling.width)
    features = tuple(column.name for column in columns if column.is_used) if names else ()
    return Rows(
        x if filling.wide else x.astype(np.float32),
        filling.wide,
        filling.layer(),
        features,
        columns,
        tuple(remarks),
    )


def warn_of_losses(table: Table, columns: Sequence[int], x: Array, rounding: Array | None = None) -> None:
    """Warn of columns of which float32 keeps little; standardisation would keep all of them."""
    coarse = needs_float64(x, rounding, COARSE)
    if coarse:
        warn(
            gettext(
                "{source}: {columns} holds numbers whose differences float32 cannot hold; load it with "
                "standardize=True, which keeps them.",
                source=table.source,
                columns=", ".join(table.title(columns[place]) for place in coarse[:3]),
            )
        )


def _warn_of_numbers(table: Table, used: Sequence[int], columns: Sequence[ColumnSpec], x: Array) -> None:
    """Warn of columns of numbers that stay as they are, and of which float32 keeps little."""
    specs = [column for column in columns if column.is_used]
    starts = np.cumsum([0, *(column.width for column in specs)])
    places = [place for place, column in enumerate(specs) if column.kind == "number"]
    warn_of_losses(table, [used[place] for place in places], x[:, starts[places]])


def check_finite(x: Array, source: str) -> None:
    """Refuse numbers that float32 cannot hold; NaN stands for a gap.

    Raises:
        DataError: There is one.
    """
    finite(np.nan_to_num(x, nan=0.0, posinf=np.inf, neginf=-np.inf), source)


@dataclass(frozen=True)
class _Filling:
    """What fills the gaps of rows, and what scales them.

    Args:
        fill: What stands for a gap in each number of a row: the median of the others.
        mean, std: What is subtracted then, and divided by.
        counts: How many gaps there are.
        indicators: The numbers whose gaps are marked.
        wide: Whether float32 cannot hold them.
    """

    fill: Array
    mean: Array
    std: Array
    counts: Array
    indicators: tuple[int, ...]
    wide: bool

    @classmethod
    def of(cls, x: Array, columns: Sequence[ColumnSpec], standardize: bool) -> _Filling:
        """Return what fills and scales rows to learn from, (rows, width) with NaN for gaps."""
        counts = np.isnan(x).sum(axis=0)
        fill = np.zeros(x.shape[1])
        for place in range(x.shape[1]):
            values = x[:, place][~np.isnan(x[:, place])]
            fill[place] = np.median(values) if len(values) else 0.0
        scaled, firsts = np.zeros(x.shape[1], bool), []
        start = 0
        for column in columns:
            stop = start + column.width
            scaled[start:stop] = column.kind in ("number", "date")
            if column.kind == "boolean":
                fill[start] = float(fill[start] >= 0.5)  # the more frequent one
            if column.is_used and counts[start]:
                firsts.append(start)
            start = stop
        filled = np.where(np.isnan(x), fill, x)
        mean, std = np.zeros(len(fill)), np.ones(len(fill))
        if standardize and scaled.any():
            mean[scaled], std[scaled] = moments(filled[:, scaled])
        wide = standardize and bool(needs_float64(filled))
        return cls(fill, mean, std, counts, tuple(firsts), wide)

    @property
    def width(self) -> int:
        """How many numbers the first layer of the network gets."""
        return len(self.fill) + len(self.indicators)

    def layer(self) -> Layer:
        """Return the network's first operation."""
        options: dict[str, Any] = {name: getattr(self, name).tolist() for name in ("mean", "std", "fill")}
        if self.indicators:
            options["indicators"] = self.indicators
        return make("impute", {**options, "wide": True} if self.wide else options)

    def gaps(self, columns: Sequence[ColumnSpec]) -> list[tuple[int, float]]:
        """Return how many rows have no value in each column that is used, and what fills them."""
        starts = np.cumsum([0, *(column.width for column in columns)])
        return [
            (int(self.counts[start]), float(self.fill[start]))
            for start, column in zip(starts, columns, strict=False)
            if column.is_used
        ]
