"""Near-duplicates between training and test: samples that the model has seen make it look better than it is.

For images two things have to agree. Where the model has feature vectors, the nearest training images of a
test image are looked for by their cosine (Barz and Denzler 2020, "Do We Train on Test Data?"); else all are
compared. A pair counts where the pixels agree, too: the correlation of 16 x 16 grey values, which stays
near 1 when an image is saved again, resized or made brighter. Of other samples those count that are equal.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np
from PIL import Image

from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.inputs.reading import Sample, read_sample
from onnxnn_runtime.session.cores import num_threads
from onnxnn_runtime.session.pipeline import ordered

from .thumbnails import image_of

SAME = 0.99
"""The least correlation of near-duplicates. Different handwritten digits reach 0.988."""

_GRID = 16
_NEIGHBOURS = 5
_BLOCK = 512

_Box = getattr(Image, "Resampling", Image).BOX


class Pair(NamedTuple):
    """A test sample and the training sample that is nearly the same.

    Args:
        test: The place of the test sample.
        train: The place of the training sample.
        similarity: The correlation of their pixels, up to 1; 1 where they are equal.
    """

    test: int
    train: int
    similarity: float


class Side(NamedTuple):
    """The samples of one side.

    Args:
        samples: The samples.
        vectors: float32 (N, D), their feature vectors; None where the model has none.
    """

    samples: Sequence[Sample]
    vectors: np.ndarray | None = None


def near_duplicates(test: Side, train: Side, spec: InputSpec) -> list[Pair]:
    """Return the nearest training sample of each test sample that is nearly the same, the most similar first.

    Args:
        test, train: The samples; none of them is broken.
        spec: What the model takes.
    """
    if spec.kind != "image":
        return _equal(test.samples, train.samples, spec)
    here, there = pixels_of(test.samples, spec), pixels_of(train.samples, spec)
    vectors = None
    if test.vectors is not None and train.vectors is not None:
        vectors = _unit(test.vectors), _unit(train.vectors)
    pairs = []
    for start in range(0, len(here) if len(there) else 0, _BLOCK):
        part = slice(start, start + _BLOCK)
        similarity = here[part] @ there.T
        if vectors is not None:
            similarity = _of_neighbours(similarity, vectors[0][part] @ vectors[1].T)
        nearest = similarity.argmax(axis=1)
        for row, place in enumerate(nearest.tolist()):
            found = float(similarity[row, place])
            if found >= SAME:
                pairs.append(Pair(start + row, place, min(found, 1.0)))
    return sorted(pairs, key=lambda each: -each.similarity)


def pixels_of(samples: Sequence[Sample], spec: InputSpec) -> np.ndarray:
    """Return what images look like from afar: 16 x 16 grey values less their mean, of length 1.

    Args:
        samples: Images.
        spec: What the model takes.

    Returns:
        float32 (N, 256); zeros for an image of one colour, and for one that cannot be read.
    """

    def look(sample: Sample) -> np.ndarray:
        try:
            grey = image_of(sample, spec, 2 * _GRID).convert("L").resize((_GRID, _GRID), _Box)
        except InputError:
            return np.zeros(_GRID * _GRID, np.float32)
        values = np.asarray(grey, np.float32).reshape(-1)
        values = values - values.mean()
        length = float(np.linalg.norm(values))
        return values / length if length > _GRID else np.zeros_like(values)

    found = list(ordered(look, samples, num_threads()))
    return np.stack(found) if found else np.zeros((0, _GRID * _GRID), np.float32)


def _of_neighbours(similarity: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """Return the similarities of the nearest neighbours alone, others as -1."""
    count = min(_NEIGHBOURS, cosines.shape[1])
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    kept = np.full_like(similarity, -1)
    np.put_along_axis(kept, nearest, np.take_along_axis(similarity, nearest, axis=1), axis=1)
    return kept


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1))


def _equal(test: Sequence[Sample], train: Sequence[Sample], spec: InputSpec) -> list[Pair]:
    known: dict[bytes, int] = {}
    for place, sample in enumerate(train):
        known.setdefault(read_sample(sample, spec).tobytes(), place)
    found = ((place, known.get(read_sample(sample, spec).tobytes())) for place, sample in enumerate(test))
    return [Pair(place, other, 1.0) for place, other in found if other is not None]
