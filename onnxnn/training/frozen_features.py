"""Features of a network's frozen beginning, computed once for each sample of a training.

A head on a frozen encoder learns from the same features in every epoch. They are computed in the first one,
batch by batch as before, and kept where there is room; the epochs after it run the head alone. What is
learned is the same, but for last digits where a kernel rounds otherwise in a batch of another size.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator

import torch

from onnxnn.data.batches import Batch, Batches, Samples
from onnxnn.definition.memory import available

from .learner import LossModule

__all__ = ["FrozenFeatures", "with_features"]

Tensor = torch.Tensor
Run = Callable[[Tensor], Tensor]

SHARE = 0.25
"""The share of the free memory that features may take."""

MOST = 1 << 30
"""The bytes that they may take."""


class FrozenFeatures(Samples):
    """Samples as the features that a frozen network computes of them.

    Args:
        samples: The samples.
        run: (N, ...) -> their features (N, ...), on the CPU.
        room: How many bytes may be kept; where they take more, they are computed whenever they are taken.

    Attributes:
        computed: How many samples `run` was given so far.
    """

    def __init__(self, samples: Samples, run: Run, room: int) -> None:
        self._samples, self._run, self._room = samples, run, room
        self._kept: Batch | None = None
        self._is_known = torch.zeros(len(samples), dtype=torch.bool)
        self.computed = 0

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def sizes(self) -> tuple[int, ...]:
        return self._samples.sizes

    @property
    def labels(self) -> Tensor | None:
        return self._samples.labels

    @property
    def is_constant(self) -> bool:
        return self._samples.is_constant

    def tensors(self) -> Batch | None:
        if self._samples.tensors() is None:
            return None
        everything = torch.arange(len(self))
        return next(self.take([everything]))

    def take(self, groups: Iterable[Tensor]) -> Iterator[Batch]:
        wanted = list(groups)
        if self._kept is not None and all(bool(self._is_known[group].all()) for group in wanted):
            x, y = self._kept
            yield from ((x[group], y[group]) for group in wanted)
            return
        for group, (x, y) in zip(wanted, self._samples.take(wanted), strict=True):
            yield self._of(group, x, y)

    def _of(self, group: Tensor, x: Tensor, y: Tensor) -> Batch:
        if self._kept is not None and bool(self._is_known[group].all()):
            return self._kept[0][group], y
        self.computed += len(x)
        features = self._run(x)
        self._keep(group, features, y)
        return features, y

    def _keep(self, group: Tensor, features: Tensor, y: Tensor) -> None:
        size = len(self) * features[0].numel() * features.element_size()
        if size > self._room:
            return
        if self._kept is None:
            self._kept = (
                features.new_empty((len(self), *features.shape[1:])),
                y.new_empty((len(self), *y.shape[1:])),
            )
        for kept, given in zip(self._kept, (features, y), strict=True):
            kept[group] = given
        self._is_known[group] = True


def with_features(
    learner: LossModule, train: Batches, validation: Batches | None, prepare: Run
) -> tuple[Batches, Batches | None]:
    """Return the batches of a training, those of features where its network has a frozen beginning.

    The learner takes features from then on. Nothing changes where samples differ from epoch to epoch.

    Args:
        learner: The network and its loss, in training mode.
        train: The batches to learn from.
        validation: Those held back, or None.
        prepare: Puts a batch where the network is.
    """
    beginning = learner.shorten() if train.samples.is_constant else None
    if beginning is None:
        return train, validation
    known = beginning
    total = train.num_samples + (0 if validation is None else validation.num_samples)
    room = min(int(SHARE * available()), MOST)

    def run(x: Tensor) -> Tensor:
        with torch.no_grad():
            return known(prepare(x)).cpu()

    def of(batches: Batches) -> Batches:
        share = room * batches.num_samples // total if batches.samples.is_constant else 0
        found = copy.copy(batches)  # whatever its class; it draws the same order
        object.__setattr__(found, "samples", FrozenFeatures(batches.samples, run, share))
        return found

    return of(train), None if validation is None else of(validation)
