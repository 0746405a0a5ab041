"""Data sets from CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.warn import warn
from onnxnn_runtime.tables.marks import MissingNumberError, NoNumberError
from onnxnn_runtime.tables.reader import table_of
from onnxnn_runtime.tables.table import Read, Table

from onnxnn.graph.shape import Shape

from .batches import Batches, InMemory
from .column_names import unambiguous
from .dataset import Data, as_data_errors, check_task, split
from .label_arrays import finite
from .labels import class_numbers, named_by_index, targets
from .mixed_tables import Rows, mixed_rows, warn_of_losses, with_label_named
from .options import TableOptions
from .preparation import Preparation
from .standardize import needs_float64, standardization
from .table_columns import Chosen, choose_columns, class_labels

_ROWS = 4096

Array = np.ndarray[Any, Any]


def load_table(
    path: str | Path, task: str, options: TableOptions = TableOptions(), known: Preparation | None = None
) -> Data:
    """Return the data set of a CSV file: one column is the label and the others are inputs.

    Args:
        path: The file; see `onnxnn_runtime.tables.reader.table_of` for what is understood.
        task: "cls" (labels are integers or names), "reg" (they are numbers), "gen" or "embed".
        options: How it is loaded.
        known: How the network that the rows are for has its data prepared: its columns are found by their
            names wherever they stand, and there may be one class only.

    Raises:
        MissingDataError: There is no such file.
        DataError: The file is empty or uneven, a cell holds another kind of value than its column (row and
            column are named), or there is one class only.
    """
    check_task(task)
    features, names = ((), ()) if known is None else (known.features, known.targets)
    are_classes, wide = task in ("cls", "embed"), known is not None and known.is_wide
    with as_data_errors():
        table = table_of(path, options, features)
        chosen = choose_columns(table, options.label, options.index, features, names, are_classes)
        is_open = options.label is None and not features
        is_mixed = bool(options.columns) or (known is not None and bool(known.columns))
        read = None if is_mixed else _read(table, chosen, np.float64 if wide else np.float32, is_open, known)
        texts = table.cells([chosen.label])[0] if read is None else read.texts
        _check_labels(table, texts, chosen.label, are_classes, options.label is not None, known)
        labels, classes, remarks = _labels(table, texts, chosen.label, are_classes, known)
    for note in (*table.notes, *chosen.notes):
        warn(note)
    if not table.has_heading and options.header is None:
        warn(gettext("{path}: no header found, so the first row counts as data.", path=path))
    train, held_back = split(len(labels), options.train_val_ratio, labels if classes else None)
    with as_data_errors():
        if read is None:
            rows = mixed_rows(table, chosen, options, known, train.tolist(), is_open)
        else:
            rows = _rows(table, chosen, options, read, wide, train)
    parts = _parted(rows.x, labels, train, held_back)
    samples = [InMemory(*part) if rows.wide else InMemory(*part).in_precision(None) for part in parts]
    preparation = Preparation(
        kind="table",
        sample=Shape.vector(rows.x.shape[1]),
        classes=classes,
        normalize=rows.normalize,
        features=rows.features,
        columns=rows.columns,
        targets=_names(table, [chosen.label]),
    )
    if known is not None:
        remarks = known.differences(None, rows.normalize)
    return Data(
        train=Batches(samples[0], options.batch_size, options.shuffle, preparation),
        validation=Batches(samples[1], options.batch_size, False, preparation) if len(held_back) else None,
        example=samples[0].x[0].numpy().copy(),
        remarks=(*rows.remarks, *remarks),
        reload=partial(load_table, path, task, options),
    )


def _rows(
    table: Table, chosen: Chosen, options: TableOptions, read: Read, wide: bool, train: torch.Tensor
) -> Rows:
    """Return the rows of a table of numbers, and what standardises them.

    Raises:
        DataError: float32 cannot hold a number.
    """
    x = _whole(table, chosen.features, read.numbers)
    if not wide:
        is_rounded = bool(needs_float64(x, read.rounding))
        if not options.standardize:
            warn_of_losses(table, chosen.features, x, read.rounding)
        wide = bool(options.standardize) and is_rounded
        x = table.numbers(chosen.features) if is_rounded else x
    normalize = standardization(x[train.numpy()], wide) if options.standardize else None
    return Rows(x, wide, normalize, unambiguous(_names(table, chosen.features), table.source))


def _names(table: Table, columns: Sequence[int]) -> tuple[str, ...]:
    """Return the names of columns; () where the table has none."""
    return tuple(table.names[column] for column in columns) if table.names else ()


def _check_labels(
    table: Table, texts: list[str], column: int, are_classes: bool, is_asked: bool, known: Preparation | None
) -> None:
    """Refuse cells of the label that hold no label."""
    names = () if known is None else known.classes
    table.check_labels(texts, column, are_classes, names, is_asked)


def _read(
    table: Table, chosen: Chosen, dtype: npt.DTypeLike, may_be_another: bool, known: Preparation | None
) -> Read | None:
    """Return the numbers of the inputs and the texts of the label; None where inputs hold more than numbers.

    Raises:
        InputError: An input is no number, which a network takes that is trained; where the label may be
            another column, the message says so.
    """
    try:
        return table.numbers_and_texts(chosen.features, chosen.label, dtype)
    except (NoNumberError, MissingNumberError) as error:
        if known is None:
            return None
        if not may_be_another:
            raise
        raise with_label_named(error, table, chosen.label) from error


def _whole(table: Table, columns: list[int], x: Array) -> Array:
    """Return numbers, all of which float32 can hold.

    Raises:
        DataError: It cannot hold one.
    """
    for start in range(0, len(x), _ROWS):
        with np.errstate(over="ignore"):
            if not np.isfinite(x[start : start + _ROWS].astype(np.float32, copy=False)).all():
                finite(table.numbers(columns), gettext("{source}: {column}", source=table.source, column="x"))
    return x


def _labels(
    table: Table, texts: list[str], column: int, are_classes: bool, known: Preparation | None
) -> tuple[torch.Tensor, tuple[str, ...], tuple[str, ...]]:
    """Return label ids or values, the names of the classes, and a line about them where one is due."""
    source = gettext("{source}: {column}", source=table.source, column=table.title(column))
    if not are_classes:
        return targets(table.numbers([column]), source), (), ()
    given, were_floats = class_labels(_with_points(table, texts, column))
    if known is not None and known.by_index:
        given = named_by_index(given, known.classes, source)
    labels, classes = class_numbers(given, None, source, quiet=known is not None)
    if len(classes) < 2 and known is None:
        raise DataError.coded(
            "E-DATA-05",
            "{source}: expected at least two classes, got one class only ({name})."
            " Check the labels, and add samples of another class.",
            source=source,
            name=classes[0],
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
