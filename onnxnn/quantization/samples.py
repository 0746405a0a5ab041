"""The samples that calibrate and measure, read as the runtime reads them, with labels where they have any."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnxnn_runtime import InputSpec, ModelCard
from onnxnn_runtime.arrays.columns import folded
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.files.paths import expanded
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.inputs.reading import Sample
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.session.pipeline import read_chunk

from .options import MIN_SAMPLES

Array = np.ndarray[Any, Any]

_BATCH = 4


@dataclass(frozen=True)
class Samples:
    """Samples of a model's input.

    Args:
        spec: What the model takes.
        found: The samples, read again each time: thousands of images would not stay in memory.
        labels: int64 (N,) class indices, or float64 (N, K) values; None where they are not known.
    """

    spec: InputSpec
    found: tuple[Sample, ...]
    labels: Array | None = None

    def __len__(self) -> int:
        return len(self.found)

    def part(self, places: Sequence[int] | Array) -> Samples:
        """Return some of the samples, in the order of `places`."""
        labels = None if self.labels is None else self.labels[np.asarray(places, np.int64)]
        return Samples(self.spec, tuple(self.found[int(place)] for place in places), labels)

    def batches(self) -> Iterator[Array]:
        """Yield the samples as the graph takes them, a few of one shape at a time.

        Raises:
            InputError: One cannot be read, or does not match the model.
        """
        size = 1 if self.spec.shape[:1] == (1,) else _BATCH  # of a file whose sizes are fixed
        for start in range(0, len(self.found), size):
            batches, _ = read_chunk(self.found[start : start + size], self.spec, "raise")
            for batch in batches:
                yield batch.array


def read_samples(data: object, card: ModelCard, labels: Sequence[object] | None = None) -> Samples:
    """Find the samples of a folder, a file or arrays, and the label of each.

    Args:
        data: What `onnxnn_runtime.Model.predict` takes: for images a folder, whose subfolders are classes;
            for tables a CSV file, with or without its column of labels; arrays, or a `.npy` or `.npz` file
            of them.
        card: The model's card.
        labels: The label of each sample: class names or class indices, or values (N,) or (N, K); None takes
            those of `data`.

    Raises:
        InputError: Nothing of it matches the model.
        DataError: There are too few, or the labels do not match.
    """
    skipped: list[Skipped] = []
    found = tuple(find_samples(data, card.input, skipped))
    if len(found) < MIN_SAMPLES:
        list(Samples(card.input, found).batches())  # a file that is not there matters more than their number
        raise DataError.coded(
            "E-DATA-12",
            "expected samples to calibrate and to measure, {least} or more together, got {count}. Some "
            "hundreds are better.",
            least=MIN_SAMPLES,
            count=len(found),
        )
    if labels is None:
        return Samples(card.input, found, _labels_of(data, found, card))
    if len(labels) != len(found):
        raise DataError.coded(
            "E-DATA-06",
            "labels: expected one for each sample ({samples}), got {count}. Leave labels out to take those "
            "of the folder.",
            samples=len(found),
            count=len(labels),
        )
    given = _numbers(list(labels), card)
    if given is None:
        raise DataError.coded(
            "E-DATA-05",
            "labels: expected classes of the network ({known}) or their indices, or its values. Rename the "
            "others, or leave their samples out.",
            known=", ".join(card.output.classes[:20]),
        )
    return Samples(card.input, found, given)


def _labels_of(data: object, found: Sequence[Sample], card: ModelCard) -> Array | None:
    """Return the labels that stand in the data: in the names of folders, or in a column of a table."""
    if not isinstance(data, str | os.PathLike):
        return None
    path = expanded(os.fspath(data))
    if card.input.kind == "image" and os.path.isdir(path):
        return _folder_labels(path, found, card)
    if card.input.kind == "table" and path.lower().endswith(".csv"):
        return _column(path, len(found), card)
    return None


def _folder_labels(root: str, found: Sequence[Sample], card: ModelCard) -> Array | None:
    parts = [os.path.relpath(sample.name, root).split(os.sep) for sample in found]
    if any(len(each) < 2 for each in parts) or len({each[0] for each in parts}) < 2:
        return None
    names = [each[0] for each in parts]
    if card.output.kind == "embedding" and not card.output.classes:
        return np.unique(names, return_inverse=True)[1].astype(np.int64)
    return _numbers(names, card)


def _column(path: str, count: int, card: ModelCard) -> Array | None:
    """Return the label column of a table, or its columns of values; None where it has none."""
    from onnxnn_runtime.tables.heading import label_named
    from onnxnn_runtime.tables.options import CsvOptions
    from onnxnn_runtime.tables.reader import table_of

    table = table_of(path, CsvOptions(), known=card.input.features)
    features = {folded(name) for name in card.input.features}
    left = [i for i, name in enumerate(table.names) if folded(name) not in features]
    if card.output.kind == "values":
        wanted = [folded(name) for name in card.output.targets]
        places = {folded(table.names[i]): i for i in left}
        if not wanted or not set(wanted) <= set(places):
            return None
        return table.numbers([places[name] for name in wanted])
    width = card.input.shape[-1]
    if not table.names and table.num_columns == (width if isinstance(width, int) else 0) + 1:
        left = [table.num_columns - 1]
    if not left or len(table.lines) != count:
        return None
    label = label_named([table.names[i] for i in left], are_classes=True) if table.names else 0
    if label is None and len(left) > 1:
        return None
    return _numbers(table.texts(left[label or 0]), card)


def _numbers(labels: Sequence[object], card: ModelCard) -> Array | None:
    """Return class indices, or values; None where a label is no class of the network."""
    if card.output.kind == "values":
        try:
            values = np.asarray(labels, np.float64)
        except (TypeError, ValueError):
            return None
        return values.reshape(len(labels), -1) if np.isfinite(values).all() else None
    classes = card.output.classes
    places = {folded(name): i for i, name in reversed(list(enumerate(classes)))}
    places.update({name: i for i, name in enumerate(classes)})
    numbers = []
    for label in labels:
        text = str(label)
        place = places.get(text, places.get(folded(text)))
        if place is None and text.isdecimal() and (int(text) < len(classes) or not classes):
            place = int(text)
        if place is None:
            return None
        numbers.append(place)
    return np.array(numbers, np.int64)
