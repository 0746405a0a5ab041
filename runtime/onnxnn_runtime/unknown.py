"""Inputs that are like none of the training samples, detected by the distance to them in feature space.

Each input's feature vector is scaled to length 1 and compared with reference vectors of training samples; its
distance is the one to the k-th nearest of them. Above a threshold, within which most samples of known classes
lie that were held out, it is unknown.

Source: Sun, Ming, Zhu, Li: "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .card.unknown import UnknownSpec, encoded, unit
from .errors import CardError, DataError, InputError
from .messages.catalogue import ngettext
from .messages.shapes import shape_text

if TYPE_CHECKING:
    from .card.card import ModelCard

__all__ = [
    "ACCEPTED",
    "MIN_HELD_OUT",
    "MIN_REFERENCES",
    "MOST_BYTES",
    "MOST_REFERENCES",
    "References",
    "fit",
    "nearest",
    "references_of",
]

ACCEPTED = 0.95
"""The share of held-out samples of known classes that the threshold accepts, as in the paper."""

MIN_REFERENCES = 5
"""The fewest samples that a threshold is found from."""

MIN_HELD_OUT = 20
"""The fewest held-out samples of which ACCEPTED can leave one out."""

MOST_REFERENCES = 1000
MOST_BYTES = 256 * 1024
"""The most reference vectors, and the most bytes that they take; but there is one for each class at least."""

_LEAST = 1e-3
"""The smallest threshold: shorter distances are rounding in float32."""

_AT_ONCE = 1024
"""Vectors that are compared at once."""


def references_of(card: ModelCard | None, name: str, what: str = "unknown=True") -> References:
    """Return the reference vectors of a model.

    Args:
        card: What the model says about itself.
        name: What errors call the model.
        what: What asked for them.

    Raises:
        CardError: It has none.
    """
    if card is None or card.unknown is None:
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: {what}: expected a model that can detect unknown inputs, got one without reference "
            "vectors of its training samples. Export it with export(path, unknown=True) while its data is "
            "loaded, or with `onnxnn export CKPT -o FILE --unknown --calibration DATA`.",
            name=name,
            what=what,
        )
    return References(card.unknown)


class References:
    """Reference vectors, with which others are compared.

    Args:
        spec: What the card says.

    Attributes:
        spec: The same.
        vectors: float32 (N, D), each of length 1; in the order of the classes.
    """

    def __init__(self, spec: UnknownSpec) -> None:
        self.spec = spec
        self.vectors = spec.vectors()

    def distances(self, vectors: np.ndarray) -> list[float]:
        """Return each vector's distance in thresholds, from 0: above 1 it is unknown.

        Args:
            vectors: float (M, D), of any length; what a graph returns may have other axes of size 1.

        Raises:
            InputError: They have another size than the references, or hold NaN or infinite numbers.
        """
        if not len(vectors):
            return []
        rows = np.asarray(vectors).reshape(len(vectors), -1)
        found = nearest(_checked(rows, self.spec.size), self.vectors, self.spec.k)
        distances: list[float] = (found / max(self.spec.threshold, _LEAST)).tolist()
        return distances


def fit(
    vectors: np.ndarray,
    labels: np.ndarray,
    held_out: np.ndarray | None = None,
    *,
    num_classes: int | None = None,
    accepted: float = ACCEPTED,
) -> UnknownSpec:
    """Choose reference vectors and find the threshold.

    The references are at most `MOST_REFERENCES` and `MOST_BYTES`, spread evenly over the classes and drawn
    with a fixed seed: the same vectors give the same card. k is the root of how many a class has on average.
    The threshold is the smallest distance within which the share `accepted` of the held-out samples lies; of
    fewer than `MIN_HELD_OUT`, each reference is compared with the others instead (leave-one-out).

    Args:
        vectors: The feature vectors of training samples, float (N, D).
        labels: Their class indices, (N,).
        held_out: Those of samples of the same classes that were not trained on, (M, D); None: there are none.
        num_classes: How many classes there are; None: as many as `labels` name.
        accepted: The share of them that is to count as known, above 0 up to 1.

    Raises:
        DataError: There are fewer than `MIN_REFERENCES`.
        InputError: The arrays do not match each other, or hold NaN or infinite numbers.
    """
    vectors = _checked(vectors, None)
    labels = np.asarray(labels, np.int64).reshape(-1)
    if len(labels) != len(vectors):
        raise InputError.coded(
            "E-INPUT-03",
            "unknown: expected as many labels as vectors, {expected}, got {labels}. Give one for each.",
            expected=len(vectors),
            labels=len(labels),
        )
    if len(vectors) < MIN_REFERENCES:
        raise DataError.coded(
            "E-DATA-12",
            "unknown: expected at least {least} of training to compare with, got {count}. Add samples.",
            least=ngettext("{count} sample", "{count} samples", MIN_REFERENCES),
            count=ngettext("{count} sample", "{count} samples", len(vectors)),
        )
    num_classes = max(int(labels.max()) + 1, num_classes or 0)
    chosen = _spread(labels, max(MOST_BYTES // vectors.shape[1], len(np.unique(labels))))
    counts = np.bincount(labels[chosen], minlength=num_classes)
    k = max(1, int(math.sqrt(len(chosen) // np.count_nonzero(counts))))
    draft = UnknownSpec(
        k, 2.0, accepted, 0, tuple(map(int, counts)), vectors.shape[1], encoded(vectors[chosen])
    )
    references = draft.vectors()  # as a reader has them, rounded
    measured = 0
    if held_out is not None and len(held_out) >= MIN_HELD_OUT:
        measured = len(held_out)
        distances = nearest(_checked(held_out, draft.size), references, k)
    else:  # the nearest of each is itself
        distances = nearest(vectors[chosen], references, k + 1)
    last = max(0, math.ceil(accepted * len(distances)) - 1)
    threshold = max(float(np.sort(distances)[last]), _LEAST)
    return replace(draft, threshold=threshold, held_out=measured)


def nearest(vectors: np.ndarray, references: np.ndarray, k: int) -> np.ndarray:
    """Return the Euclidean distance of each vector, scaled to length 1, to its k-th nearest reference.

    Args:
        vectors: float (M, D).
        references: float32 (N, D), each of length 1.
        k: From 1 to N.

    Returns:
        float64 (M,), 0..2.
    """
    found = np.zeros(len(vectors))
    for start in range(0, len(vectors), _AT_ONCE):
        part = unit(vectors[start : start + _AT_ONCE])
        cosine = np.dot(part, references.T)
        largest = np.partition(cosine, len(references) - k, axis=1)[:, len(references) - k]
        lengths = (part.astype(np.float64) ** 2).sum(axis=1)  # 1, or 0 of a vector of zeros
        found[start : start + len(part)] = np.sqrt(
            np.maximum(0, lengths + 1 - 2 * largest.astype(np.float64))
        )
    return found


def _spread(labels: np.ndarray, most: int) -> np.ndarray:
    """Return which samples become references: as many of each class as of the others, in order of classes."""
    most = min(most, max(MOST_REFERENCES, len(np.unique(labels))))
    order = np.random.RandomState(0).permutation(len(labels))
    turns = np.zeros(len(labels), np.int64)  # the number of each sample among those of its class
    for label in np.unique(labels):
        mine = order[labels[order] == label]
        turns[mine] = np.arange(len(mine))
    first = np.lexsort((order, labels, turns))[:most]
    return first[np.lexsort((first, labels[first]))]


def _checked(vectors: np.ndarray, size: int | None) -> np.ndarray:
    """Return vectors as an array (N, D).

    Raises:
        InputError: They are none, have another size, or hold NaN or infinite numbers.
    """
    array = np.asarray(vectors)
    if array.ndim != 2 or array.dtype.kind not in "fiu" or size not in (None, array.shape[1]):
        raise InputError.coded(
            "E-INPUT-03",
            "unknown: expected feature vectors (N, {size}), got {dtype} {shape}. Give those that embed() of "
            "the same model returns.",
            size="D" if size is None else size,
            dtype=array.dtype,
            shape=shape_text(array.shape),
        )
    if not np.isfinite(array).all():
        raise InputError.coded(
            "E-INPUT-04",
            "unknown: expected finite feature vectors, got NaN or infinite numbers. Train with a smaller lr.",
        )
    return array
