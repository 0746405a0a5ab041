"""Folds of a data set, for cross-validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from onnxnn_runtime.arrays.numbers import is_integer
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn

from onnxnn.layers import Layer

from .batches import Batch, Batches, InMemory, Samples
from .dataset import Data
from .standardize import standardization
from .transforms import Plan


@dataclass(frozen=True, eq=False)
class Fold:
    """One part of a data set held out, and the others to learn from.

    Args:
        data: What is learned from, with nothing to validate with.
        held_out: The other samples, in order and without augmentation.
        normalize: What standardises and fills gaps, by the samples that are learned from; None where the data
            has no figures of its own.
    """

    data: Data
    held_out: Batches
    normalize: Layer | None


def folds_of(data: Data, k: int, seed: int) -> Iterator[Fold]:
    """Yield the k folds of the samples to learn from; those held back by a loader stay so.

    With classes the folds are stratified, as scikit-learn's `StratifiedKFold(shuffle=True)` makes them: each
    has as many samples of a class as any other, or one more. The sizes of folds differ by one at most.

    Args:
        data: The data set.
        k: How many folds.
        seed: Says which samples are in which fold.

    Raises:
        DataError: `k` is no integer from 2 up to the number of samples.
    """
    train = data.train
    fold_of = _fold_numbers(train, k, seed)
    plain = train.read_again(_without_augmentation)
    for number in range(k):
        inside = torch.from_numpy(np.flatnonzero(fold_of != number))
        outside = torch.from_numpy(np.flatnonzero(fold_of == number))
        kept = replace(train, samples=_some(train.samples, inside), reread=None)
        yield Fold(
            replace(data, train=kept, validation=None),
            replace(plain, samples=_some(plain.samples, outside), shuffle=False, reread=None),
            _refitted(data, kept),
        )


def _fold_numbers(train: Batches, k: object, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the fold of each sample, from 0."""
    count = train.num_samples
    if not is_integer(k) or not 2 <= k <= count:
        raise DataError.coded(
            "E-DATA-12",
            "cross_validate(k={k}): expected an integer from 2 to the number of samples ({count}). Give "
            "k=5, or load more samples.",
            k=shortened(k, 40),
            count=count,
        )
    labels = _labels(train.samples)
    order = np.random.default_rng(seed).permutation(count)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
        _warn_of_rare(train, labels, k)
    found = np.empty(count, np.int64)
    found[order] = np.arange(count) % k  # of each class, and of all, one sample to each fold in turn
    return found


def _warn_of_rare(train: Batches, labels: np.ndarray[tuple[int], np.dtype[np.int64]], k: int) -> None:
    """Warn of classes with fewer samples than folds, which some folds cannot judge."""
    names = () if train.preparation is None else train.preparation.classes
    present, counts = np.unique(labels, return_counts=True)
    rare = [int(label) for label, count in zip(present, counts, strict=True) if count < k]
    if rare:
        warn(
            gettext(
                "cross_validate(k={k}): {classes} has fewer samples than there are folds, so some folds have "
                "none. Give a smaller k, or more samples.",
                k=k,
                classes=", ".join(shortened(names[each] if names else each, 30) for each in rare[:5]),
            )
        )


def _labels(samples: Samples) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    labels = samples.labels
    return None if labels is None or labels.ndim != 1 else labels.numpy()


def _without_augmentation(plan: Plan) -> Plan:
    return replace(plan, operations=plan.outside_training)


def _some(samples: Samples, part: torch.Tensor) -> Samples:
    return samples.of(part) if isinstance(samples, InMemory) else _Part(samples, part)


def _refitted(data: Data, kept: Batches) -> Layer | None:
    """Return the data's standardisation with the figures of some of its rows alone."""
    layer, samples = data.normalize, kept.samples
    if layer is None or data.kind not in ("table", "sequence") or not isinstance(samples, InMemory):
        return layer
    given = (samples.x if samples.exact is None else samples.exact).numpy()
    rows = given.reshape(-1, given.shape[-1]).astype(np.float64)
    return refitted(layer, rows)


def refitted(layer: Layer, rows: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Layer:
    """Return a standardisation with the figures of other rows, which leaves alone what it left alone before.

    Args:
        layer: A layer `normalize` or `impute`.
        rows: (rows, columns), NaN for gaps.
    """
    options = layer.options()
    gaps = np.isnan(rows)
    fill = np.array(options.get("fill", 0.0)) * np.ones(rows.shape[1])
    for column in np.flatnonzero(gaps.any(axis=0)):
        values = rows[~gaps[:, column], column]
        fill[column] = np.median(values) if len(values) else fill[column]
    figures = standardization(np.where(gaps, fill, rows)).options()
    mean, std = (np.array(options[name]) * np.ones(rows.shape[1]) for name in ("mean", "std"))
    scaled = (mean != 0) | (std != 1)
    changed = {
        name: np.where(scaled, figures[name], before).tolist()
        for name, before in (("mean", mean), ("std", std))
    }
    return replace(layer, **changed, **({"fill": fill.tolist()} if "fill" in options else {}))


@dataclass(frozen=True, eq=False, repr=False)
class _Part(Samples):
    """Some samples of those that are read for each batch.

    Args:
        samples: All of them.
        part: The numbers of some, int64.
    """

    samples: Samples
    part: torch.Tensor

    def __len__(self) -> int:
        return len(self.part)

    def take(self, groups: Iterable[torch.Tensor]) -> Iterator[Batch]:
        return self.samples.take(self.part[group] for group in groups)

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.samples.sizes

    @property
    def labels(self) -> torch.Tensor | None:
        labels = self.samples.labels
        return None if labels is None else labels[self.part]


def summed_up(scores: Sequence[dict[str, float]], name: str) -> tuple[float, float]:
    """Return mean and standard deviation of a score over folds, with the number of folds in the divisor."""
    values = np.array([each[name] for each in scores])
    return float(values.mean()), float(values.std())
