"""Data sets from CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.errors import DataError, InputError
from onnxnn_runtime.messages.catalogue import Message, coded, gettext
from onnxnn_runtime.messages.warn import warn
from onnxnn_runtime.tables.marks import NoNumberError
from onnxnn_runtime.tables.missing import check_labels
from onnxnn_runtime.tables.reader import Column, Read, Table, read_table

from onnxnn.graph.shape import Shape

from .batches import Batches, InMemory
from .dataset import Data, as_data_errors, check_task, split, unambiguous
from .label_arrays import finite
from .labels import class_numbers, targets
from .preparation import Preparation
from .standardize import COARSE, needs_float64, standardization
from .table_columns import Chosen, Index, choose_columns, class_labels

__all__ = ["load_table"]

_ROWS = 4096

Array = np.ndarray[Any, Any]


def load_table(
    path: str | Path,
    task: str,
    batch_size: int | None = 32,
    train_val_ratio: float = 1.0,
    shuffle: bool = True,
    standardize: bool = False,
    known: Preparation | None = None,
    *,
    label: Column | None = None,
    index: Index = None,
    header: bool | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    missing: Sequence[str] | None = None,
) -> Data:
    """Return the data set of a CSV file: one column is the label and the others are numbers.

    Args:
        path: The file; see `onnxnn_runtime.tables.reader.read_table` for what is understood.
        task: "cls" (labels are integers or names), "reg" (they are numbers), "gen" or "embed".
        batch_size: Samples in a batch; None takes all in one.
        train_val_ratio: The share of the rows to train on; the rest validates.
        shuffle: Whether every epoch has another order.
        standardize: Whether each column is brought to mean 0 and standard deviation 1 by the
            network's first operation; the figures come from the training rows. A column that is
            constant there is only shifted. Where float32 cannot hold a column, such as time stamps, the
            network takes float64.
        known: How the network that the rows are for has its data prepared: its columns are found by their
            names wherever they stand, and there may be one class only.
        label: The label column by name or position; None takes the one whose name says so (see
            `onnxnn_runtime.tables.heading.label_named`), else the last.
        index: Columns that count rows and are left out, by name or position; None finds those that pandas
            writes, False keeps all.
        header, encoding, decimal, thousands, missing: See `read_table`.

    Raises:
        MissingDataError: There is no such file.
        DataError: The file is empty or uneven, a cell is missing or no number (row and column are
            named), or there is one class only.
    """
    check_task(task)
    features, target_names = ((), ()) if known is None else (known.features, known.targets)
    wide = known is not None and known.is_wide
    with as_data_errors():
        table = read_table(path, header, encoding, decimal, thousands, missing)
        chosen = choose_columns(table, label, index, features, target_names, task in ("cls", "embed"))
        read = _read(table, chosen, np.float64 if wide else np.float32, label is None and not features)
        x = _whole(table, chosen.features, read.numbers)
        are_classes = task in ("cls", "embed")
        title, names = table.title(chosen.label), () if known is None else known.classes
        check_labels(
            read.texts, table.missing, table.source, title, table.lines, are_classes, names, label is not None
        )
        if are_classes:
            labels, classes, remarks = _classes(table, read.texts, chosen.label, known is not None)
        else:
            values = table.numbers([chosen.label])
            labels, classes, remarks = targets(values, f"{table.source}: {title}"), (), ()
    for note in (*table.notes, *chosen.notes):
        warn(note)
    if not table.has_heading and header is None:
        warn(gettext("{path}: no header found, so the first row counts as data.", path=path))
    train, held_back = split(len(x), train_val_ratio, labels if classes else None)
    if not wide:
        is_rounded = bool(needs_float64(x, read.rounding))
        if not standardize:
            _warn_of_losses(table, chosen.features, x, read.rounding)
        wide = standardize and is_rounded
        x = table.numbers(chosen.features) if is_rounded else x
    parts = _parted(x, labels, train, held_back)
    normalize = standardization(parts[0][0].numpy(), wide) if standardize else None
    samples = [InMemory(*part) if wide else InMemory(*part).in_precision(None) for part in parts]
    names = tuple(table.names[column] for column in chosen.features) if table.names else ()
    names = unambiguous(names, str(path))
    preparation = Preparation(
        kind="table",
        sample=Shape.vector(x.shape[1]),
        classes=classes,
        normalize=normalize,
        features=names,
        targets=(table.names[chosen.label],) if table.names else (),
    )
    return Data(
        train=Batches(samples[0], batch_size, shuffle, preparation),
        validation=Batches(samples[1], batch_size, False, preparation) if len(held_back) else None,
        example=samples[0].x[0].numpy().copy(),
        remarks=remarks if known is None else known.differences(None, normalize),
    )


def _read(table: Table, chosen: Chosen, dtype: Any, may_be_another: bool) -> Read:
    """Return the numbers of the inputs and the texts of the label.

    Raises:
        InputError: An input is no number; where the label may be another column, the message says so.
    """
    try:
        return table.numbers_and_texts(chosen.features, chosen.label, dtype)
    except NoNumberError as error:
        if not may_be_another:
            raise
        text = gettext(
            "{error} The label is {column}; label= names another one.",
            error=error,
            column=table.title(chosen.label),
        )
        raise InputError(Message(text, error.code)) from error


def _whole(table: Table, columns: list[int], x: Array) -> Array:
    """Return numbers, all of which float32 can hold.

    Raises:
        DataError: It cannot hold one.
    """
    for start in range(0, len(x), _ROWS):
        with np.errstate(over="ignore"):
            if not np.isfinite(x[start : start + _ROWS].astype(np.float32, copy=False)).all():
                finite(table.numbers(columns), f"{table.source}: x")
    return x


def _classes(
    table: Table, texts: list[str], column: int, is_known: bool
) -> tuple[torch.Tensor, tuple[str, ...], tuple[str, ...]]:
    """Return label ids, the names of the classes, and a line about them where one is due."""
    source = f"{table.source}: {table.title(column)}"
    given, were_floats = class_labels(_with_points(table, texts, column))
    labels, classes = class_numbers(given, None, source, quiet=is_known)
    if len(classes) < 2 and not is_known:
        raise DataError(
            coded(
                "E-DATA-05",
                "{source}: expected at least two classes, got one class only ({name}).",
                source=source,
                name=classes[0],
            )
        )
    if not were_floats:
        return labels, classes, ()
    read = gettext(
        "{source}: labels such as {text} are read as integers: {integers}",
        source=source,
        text=texts[0],
        integers=", ".join(classes[:5]) + (", ..." if len(classes) > 5 else ""),
    )
    return labels, classes, (read,)


def _with_points(table: Table, texts: list[str], column: int) -> list[str]:
    """Return the cells of a column of numbers with decimal points, where some have decimal commas."""
    if not any("," in text for text in texts) or not table.is_numeric(column):
        return texts
    return [repr(value) for value in table.numbers([column])[:, 0].tolist()]


def _warn_of_losses(table: Table, columns: list[int], x: Array, rounding: Array) -> None:
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


def _parted(
    x: Array, labels: torch.Tensor, train: torch.Tensor, held_back: torch.Tensor
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return the rows to learn from and those held back, moved within an array that may be most of memory."""
    inputs = torch.from_numpy(x)
    if not len(held_back):
        return [(inputs, labels)]
    others = inputs[held_back]
    for start in range(0, len(train), _ROWS):  # in order, so that no row is written before it is read
        rows = train[start : start + _ROWS]
        inputs[start : start + len(rows)] = inputs[rows]
    return [(inputs[: len(train)], labels[train]), (others, labels[held_back])]
