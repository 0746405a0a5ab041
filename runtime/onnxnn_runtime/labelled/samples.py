"""The samples of a folder, a file or arrays as inference reads them, with labels where there are any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator, Sequence

import numpy as np

from onnxnn_runtime.card.card import InputSpec, ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.inputs.reading import Sample
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.session.pipeline import read_chunk

from .labels import UNKNOWN, Labels, labels_in, numbers_of

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
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.found)

    def part(self, places: Sequence[int] | np.ndarray) -> Samples:
        """Return some of the samples, in the order of `places`."""
        labels = None if self.labels is None else self.labels[np.asarray(places, np.int64)]
        return Samples(self.spec, tuple(self.found[int(place)] for place in places), labels)

    def batches(self) -> Iterator[np.ndarray]:
        """Yield the samples as the graph takes them, a few of one shape at a time.

        Raises:
            InputError: One cannot be read, or does not match the model.
        """
        size = 1 if self.spec.shape[:1] == (1,) else _BATCH  # of a file whose sizes are fixed
        for start in range(0, len(self.found), size):
            batches, _ = read_chunk(self.found[start : start + size], self.spec, "raise")
            for batch in batches:
                yield batch.array


def read_samples(data: object, card: ModelCard, labels: object = None) -> Samples:
    """Find the samples of a folder, a file or arrays, and the label of each.

    Args:
        data: What `onnxnn_runtime.Model.predict` takes: for images a folder, whose subfolders are classes;
            for tables a CSV file, with or without its column of labels; arrays, or a `.npy` or `.npz` file
            of them, the latter with or without its array `label`.
        card: The model's card.
        labels: The label of each sample: class names or class indices, or values (N,) or (N, K); None takes
            those of `data`.

    Raises:
        InputError: Nothing of it matches the model.
        DataError: The labels do not match.
    """
    skipped: list[Skipped] = []
    found = tuple(find_samples(data, card.input, skipped))
    if labels is None:
        there = labels_in(data, found, card)
        return Samples(card.input, found, None if there is None else _known(there, card))
    return Samples(card.input, found, _given(given_labels(labels, len(found)), card))


def given_labels(labels: object, count: int) -> Labels:
    """Return the labels that a user gave.

    Args:
        labels: What was given.
        count: How many samples there are.

    Raises:
        DataError: They are no list, or not one for each sample.
    """
    if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable) or getattr(labels, "ndim", 1) < 1:
        raise DataError.coded(
            "E-DATA-05",
            "labels={labels}: expected a list or an array with the label of each sample. Leave labels out to "
            "take those of the folder.",
            labels=shortened(labels),
        )
    given: Labels = labels if isinstance(labels, np.ndarray) else list(labels)
    if len(given) != count:
        raise DataError.coded(
            "E-DATA-06",
            "labels: expected one for each sample ({samples}), got {count}. Leave labels out to take those "
            "of the folder.",
            samples=count,
            count=len(given),
        )
    return given


def values_of(labels: Labels, card: ModelCard) -> np.ndarray:
    """Return the values that labels are, float64 (N, K).

    Args:
        labels: One for each sample.
        card: The card of a model that returns values.

    Raises:
        DataError: They are none, or of other numbers of values than the model returns.
    """
    found, width = numbers_of(labels, card), card.output.shape[-1]
    if found is None or (len(card.output.shape) == 2 and found.shape[1] != width):
        raise DataError.coded(
            "E-DATA-05",
            "labels: expected the targets of the network, finite numbers (samples, {width}), got {first} for "
            "the first sample. Give one row for each sample.",
            width=width,
            first=shortened(labels[0] if len(labels) else None),
        )
    return found


def _given(labels: Labels, card: ModelCard) -> np.ndarray:
    if card.output.kind == "values":
        return values_of(labels, card)
    found = _known(labels, card)
    if found is None:
        raise no_classes(card)
    return found


def no_classes(card: ModelCard) -> DataError:
    """Return the error that labels are no classes of a model."""
    return DataError.coded(
        "E-DATA-05",
        "labels: expected classes of the network ({known}) or their indices. Rename the others, or leave "
        "their samples out.",
        known=", ".join(card.output.classes[:20]),
    )


def _known(labels: Labels, card: ModelCard) -> np.ndarray | None:
    """Return labels as numbers; None where one is no class of the network."""
    if ModelKind(card).does == "embed":  # vectors are compared with each other, of any classes
        texts = [str(label) for label in labels]
        return np.unique(texts, return_inverse=True)[1].astype(np.int64) if len(set(texts)) > 1 else None
    numbers = numbers_of(labels, card)
    is_unknown = numbers is not None and numbers.dtype == np.int64 and bool((numbers == UNKNOWN).any())
    return None if is_unknown else numbers
