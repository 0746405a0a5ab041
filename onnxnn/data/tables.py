"""Data sets from CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.table import Table, read_table
from onnxnn_runtime.warn import warn

from onnxnn.layers import Layer, make
from onnxnn.shape import Shape

from .batches import Batches, InMemory
from .dataset import Data, as_data_errors, check_task, split
from .labels import class_numbers, finite, targets

__all__ = ["load_table"]


def load_table(
    path: str | Path,
    task: str,
    batch_size: int | None = 32,
    train_val_ratio: float = 1.0,
    shuffle: bool = True,
    standardize: bool = False,
    known: Sequence[str] = (),
) -> Data:
    """Return the data set of a CSV file whose last column is the label and whose others are numbers.

    Args:
        path: The file; see `onnxnn_runtime.table.read_table` for what is understood.
        task: "cls" (labels are whole numbers or names), "reg" (they are numbers), "gen" or "embed".
        batch_size: Samples in a batch; None takes all in one.
        train_val_ratio: The share of the rows to train on; the rest validates.
        shuffle: Whether every epoch has another order.
        standardize: Whether each column is brought to mean 0 and standard deviation 1 by the
            network's first operation; the figures come from the training rows. A column that is
            constant there is only shifted.
        known: The classes of a network that the rows are for; labels are read by their names, or by their
            numbers where none is a name.

    Raises:
        MissingDataError: There is no such file.
        DataError: The file is empty or uneven, a cell is missing or no number (row and column are
            named), or there is one class only.
    """
    check_task(task)
    with as_data_errors():
        table = read_table(path)
        if table.num_columns < 2:
            raise DataError(
                f"{path}: one column only; what fits is numbers in all columns but the last, the label. "
                "Columns are separated by ',', ';' or tabs."
            )
        x = table.numbers(range(table.num_columns - 1))
        finite(x, f"{path}: x")
        labels, classes = _labels(table, task, tuple(known))
    if not table.names:
        warn(f"{path}: no header found, so the first row counts as data.")
    train, held_back = split(len(x), train_val_ratio, labels if classes else None)
    inputs = torch.from_numpy(x.astype(np.float32))
    return Data(
        kind="table",
        train=Batches(InMemory(inputs[train], labels[train]), batch_size, shuffle),
        validation=Batches(InMemory(inputs[held_back], labels[held_back]), batch_size, False)
        if len(held_back)
        else None,
        sample=Shape.vector(x.shape[1]),
        example=inputs[train[0]].numpy(),
        classes=classes,
        normalize=_standardization(x[train.numpy()]) if standardize else None,
        features=table.names[:-1],
        targets=table.names[-1:] if not classes else (),
    )


def _labels(table: Table, task: str, known: tuple[str, ...]) -> tuple[torch.Tensor, tuple[str, ...]]:
    source = f"{table.source}: {table.title(table.num_columns - 1)}"
    if task in ("reg", "gen"):
        return targets(table.numbers([-1]), source), ()
    given = table.numbers([-1]) if table.is_numeric(-1) else np.array(table.texts(-1))
    if known and given.dtype.kind == "f":
        names = np.array([f"{label:.0f}" if label == round(label) else str(label) for label in given.ravel()])
        return class_numbers(names if set(names.tolist()) & set(known) else given, known, source)
    labels, classes = class_numbers(given, known or None, source)
    if len(classes) < 2:
        raise DataError(
            f"{source} holds one class only ({classes[0]}); telling classes apart needs at least two."
        )
    return labels, classes


def _standardization(x: np.ndarray) -> Layer:
    deviation = x.std(axis=0)
    deviation[deviation <= 1e-12 * np.abs(x).max(axis=0)] = 1.0
    return make("normalize", {"mean": x.mean(axis=0).tolist(), "std": deviation.tolist()})
