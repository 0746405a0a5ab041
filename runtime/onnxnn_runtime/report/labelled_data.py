"""What a report is made of: samples, and the label of each as the model knows it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Mapping, Sequence

import numpy as np

from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.inputs.folders import Skipped
from onnxnn_runtime.inputs.reading import Sample, read_sample
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.labelled.labels import UNKNOWN, labels_in, numbers_of
from onnxnn_runtime.labelled.samples import given_labels, no_classes, values_of
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable

_NAMED = 10
"""Labels that a message names."""


@dataclass(frozen=True)
class LabelledData:
    """Samples and their labels.

    Args:
        samples: The samples, without those whose label is no class of the model.
        labels: What they should be: class indices int64 (N,) or (N, T), or values float64 (N, K).
        unknown: How often each label occurs that is no class of the model, also of single steps.
        skipped: Files that are no images, and later what cannot be read.
    """

    samples: Sequence[Sample]
    labels: np.ndarray
    unknown: Mapping[str, int] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


def labelled_data(data: object, card: ModelCard, labels: object, errors: str) -> LabelledData:
    """Find the samples of a folder, a file or arrays, and their labels.

    Args:
        data: What `onnxnn_runtime.Model.report` takes.
        card: The model's card.
        labels: The label of each sample; None takes those of `data`.
        errors: "raise" or "skip", for what cannot be read.

    Raises:
        InputError: Nothing of it matches the model.
        DataError: There are no labels, or none is one of the model.
    """
    skipped: list[Skipped] = []
    samples = list(find_samples(data, card.input, skipped, errors))
    given = labels_in(data, samples, card) if labels is None else given_labels(labels, len(samples))
    if given is None:
        if isinstance(data, (str, os.PathLike)) and samples:
            read_sample(samples[0], card.input)  # a file that is not there matters more
        raise _without_labels(data, card)
    if not samples:
        raise DataError.coded(
            "E-DATA-12",
            "{data}: expected at least one sample with its label, got none. Give some hundreds, if you can.",
            data=_shown(data),
        )
    if card.output.kind == "values":
        return LabelledData(samples, values_of(given, card), skipped=skipped)
    numbers = numbers_of(given, card)
    if numbers is None:
        raise no_classes(card)
    is_known = (numbers != UNKNOWN).reshape(len(numbers), -1).all(axis=1)
    unknown = Counter(
        str(each)
        for label, places in zip(given, numbers)
        for each, place in zip(np.asarray(label, object).reshape(-1), np.reshape(places, -1))
        if place == UNKNOWN
    )
    if not is_known.any():
        raise _none_known(data, card, list(unknown))
    kept = [sample for sample, known in zip(samples, is_known.tolist()) if known]
    return LabelledData(kept, numbers[is_known], dict(sorted(unknown.items())), skipped)


def _without_labels(data: object, card: ModelCard) -> DataError:
    """Return the error that nothing says what the samples are."""
    if card.input.kind == "image":
        how = gettext(
            "Give a folder with a subfolder of images for each class, such as test/cat and test/dog, or the "
            "label of each image as labels=[...]."
        )
    elif card.input.kind == "table":
        how = gettext("Give a CSV file with the column of labels, or labels=[...].")
    else:
        how = gettext("Give a .npz file with the arrays data and label, or labels=[...].")
    return DataError.coded(
        "E-DATA-05",
        "{data}: expected samples with labels, which a report compares with what the model says, got none. "
        "{advice}",
        data=_shown(data),
        advice=how,
    )


def _none_known(data: object, card: ModelCard, names: Sequence[str]) -> DataError:
    return DataError.coded(
        "E-DATA-05",
        "{data}: expected labels that are classes of the model ({known}), got {got}. Rename them, or give "
        "data "
        "of its classes.",
        data=_shown(data),
        known=", ".join(printable(each, 40) for each in card.output.classes[:_NAMED]) or gettext("indices"),
        got=", ".join(printable(each, 40) for each in names[:_NAMED]) or gettext("others"),
    )


def _shown(data: object) -> str:
    return printable(str(data)) if isinstance(data, (str, os.PathLike)) else "data"
