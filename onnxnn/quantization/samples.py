"""The samples that calibrate and measure, read as the runtime reads them, with labels where they have any."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
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
from onnxnn_runtime.messages.shorten import shortened
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
    return Samples(card.input, found, _given(labels, len(found), card))


def _given(labels: object, count: int, card: ModelCard) -> Array:
    """Return the labels that a user gave.

    Raises:
        DataError: They are none of this model, or not one for each sample.
    """
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        raise DataError.coded(
            "E-DATA-05",
            "labels={labels}: expected a list or an array with the label of each sample. Leave labels out to "
            "take those of the folder.",
            labels=shortened(labels),
        )
    given = list(labels)
    if len(given) != count:
        raise DataError.coded(
            "E-DATA-06",
            "labels: expected one for each sample ({samples}), got {count}. Leave labels out to take those "
            "of the folder.",
            samples=count,
            count=len(given),
        )
    found = _numbers(given, card)
    width = card.output.shape[-1]
    if card.output.kind != "values":
        if found is not None:
            return found
        raise DataError.coded(
            "E-DATA-05",
            "labels: expected classes of the network ({known}) or their indices. Rename the others, or leave "
            "their samples out.",
            known=", ".join(card.output.classes[:20]),
        )
    if found is None or (len(card.output.shape) == 2 and found.shape[1] != width):
        raise DataError.coded(
            "E-DATA-05",
            "labels: expected the targets of the network, finite numbers (samples, {width}), got {first} for "
            "the first sample. Give one row for each sample.",
            width=width,
            first=shortened(given[0]),
        )
    return found


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
    return _numbers([each[0] for each in parts], card)


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
    texts = [str(label) for label in labels]
    if card.output.kind == "embedding":  # vectors are compared with each other, of any classes
        return np.unique(texts, return_inverse=True)[1].astype(np.int64)
    classes = card.output.classes
    places = {folded(name): i for i, name in reversed(list(enumerate(classes)))}
    places.update({name: i for i, name in enumerate(classes)})
    numbers = [places.get(text, places.get(folded(text))) for text in texts]
    if not any(name.isdecimal() for name in classes) and all(text.isdecimal() for text in texts):
        # Indices, where no name is a number: of classes that are named 1, 2 and 10 "1" is the first one.
        numbers = [number if number < len(classes) or not classes else None for number in map(int, texts)]
    return None if None in numbers else np.array(numbers, np.int64)
