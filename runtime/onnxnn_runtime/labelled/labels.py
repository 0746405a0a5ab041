"""The labels that stand in data, and what they are to a model: class indices or values."""

from __future__ import annotations

import os
from typing import List, Sequence, Union

import numpy as np

from onnxnn_runtime.arrays.columns import folded
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.paths import expanded
from onnxnn_runtime.inputs.reading import Sample

Labels = Union[List[object], np.ndarray]
"""What stands in the data: texts, or an array with a row for each sample."""

UNKNOWN = -1
"""The class index of a label that is no class of the model."""


def labels_in(data: object, found: Sequence[Sample], card: ModelCard) -> Labels | None:
    """Return the label of each sample that stands in the data; None where it holds none.

    Args:
        data: What was given. Labels stand in the names of the subfolders of a folder, in a column of a CSV
            file, and in the array `label` of a .npz file.
        found: Its samples.
        card: The model's card.

    Raises:
        InputError: The file cannot be read.
    """
    if not isinstance(data, (str, os.PathLike)):
        return None
    path = expanded(os.fspath(data))
    if card.input.kind == "image" and os.path.isdir(path):
        return _folder_names(path, found)
    if card.input.kind == "table" and path.lower().endswith(".csv"):
        return _column(path, len(found), card)
    if path.lower().endswith(".npz") and ModelKind(card).does in ("classify", "regress"):
        return _array(path, len(found))
    return None


def numbers_of(labels: Labels, card: ModelCard) -> np.ndarray | None:
    """Return what labels are to a model.

    Args:
        labels: One for each sample, or for each of its steps.
        card: The model's card.

    Returns:
        int64 (N,) class indices, (N, T) where steps have labels, `UNKNOWN` for what is no class; or float64
        (N, K) values. None where they are no values, or of other shapes.
    """
    if card.output.kind == "values":
        try:
            values = np.asarray(labels, np.float64)
        except (TypeError, ValueError):
            return None
        return values.reshape(len(labels), -1) if np.isfinite(values).all() else None
    array = labels if isinstance(labels, np.ndarray) else _array_of(labels)
    if array.dtype.kind == "f" and bool((array == np.round(array)).all()):
        array = array.astype(np.int64)
    steps, num = len(card.output.shape) == 3, len(card.output.classes)
    if array.ndim == (3 if steps else 2):
        if array.shape[-1] == 1:
            array = array[..., 0]
        elif num and array.shape[-1] == num and _is_one_hot(array):
            array = array.argmax(axis=-1)
    if array.ndim != (2 if steps else 1):
        return None
    return _indices(array, card.output.classes)


def _is_one_hot(array: np.ndarray) -> bool:
    return array.dtype.kind in "iub" and bool(
        ((array == 0) | (array == 1)).all() and (array.sum(-1) == 1).all()
    )


def _array_of(labels: Sequence[object]) -> np.ndarray:
    """Return labels as an array: texts as objects, so that none is cut off or turned into another."""
    lists = [each.tolist() if isinstance(each, np.ndarray) else each for each in labels]
    if any(isinstance(each, str) for each in lists):
        array = np.empty(len(lists), object)
        array[:] = lists
        return array
    try:
        return np.asarray(lists)
    except ValueError:  # of different lengths
        return np.zeros((len(lists), 0, 0))


def _indices(array: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    places = {folded(name): i for i, name in reversed(list(enumerate(classes)))}
    places.update({name: i for i, name in enumerate(classes)})
    texts = [str(int(each)) if isinstance(each, bool) else str(each) for each in array.reshape(-1).tolist()]
    numbers = [places.get(text, places.get(folded(text), UNKNOWN)) for text in texts]
    if not any(name.isdecimal() for name in classes) and all(text.isdecimal() for text in texts):
        # Indices, where no name is a number: of classes that are named 1, 2 and 10 "1" is the first one.
        numbers = [number if number < len(classes) or not classes else UNKNOWN for number in map(int, texts)]
    return np.array(numbers, np.int64).reshape(array.shape)


def _folder_names(root: str, found: Sequence[Sample]) -> Labels | None:
    parts = [os.path.relpath(sample.name, root).split(os.sep) for sample in found]
    return [each[0] for each in parts] if parts and all(len(each) > 1 for each in parts) else None


def _array(path: str, count: int) -> Labels | None:
    from onnxnn_runtime.inputs.npz import read_arrays  # here and below: images do without

    label = read_arrays(path, ("label",), InputError).get("label")
    if label is None or not label.ndim:
        return None
    if len(label) != count:
        raise InputError.coded(
            "E-INPUT-03",
            "{path}: expected as many labels as samples, {samples}, got {count}. Save it again with "
            "np.savez(path, data=x, label=y).",
            path=path,
            samples=count,
            count=len(label),
        )
    return np.asarray(label)


def _column(path: str, count: int, card: ModelCard) -> Labels | None:
    """Return the label column of a table, or its columns of values; None where it has none."""
    from onnxnn_runtime.tables.heading import label_named
    from onnxnn_runtime.tables.options import CsvOptions
    from onnxnn_runtime.tables.reader import table_of

    table = table_of(path, CsvOptions(), known=card.input.features)
    features = {folded(name) for name in card.input.features}
    features |= {folded(column.name) for column in card.input.columns}
    left = [i for i, name in enumerate(table.names) if folded(name) not in features]
    if card.output.kind == "values":
        wanted = [folded(name) for name in card.output.targets]
        places = {folded(table.names[i]): i for i in left}
        if not wanted or not set(wanted) <= set(places):
            return None
        return table.numbers([places[name] for name in wanted])
    width = len(card.input.columns) or card.input.shape[-1]
    if not table.names and table.num_columns == (width if isinstance(width, int) else 0) + 1:
        left = [table.num_columns - 1]
    if not left or len(table.lines) != count:
        return None
    label = label_named([table.names[i] for i in left], are_classes=True) if table.names else 0
    if label is None and len(left) > 1:
        return None
    return list(table.texts(left[label or 0]))
