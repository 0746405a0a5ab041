"""Batches that hold several samples of each class in them, which losses on pairs learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from onnxnn_runtime.api.invariants import present

from .batches import Batch, Batches

__all__ = ["SMALLEST_BATCH", "PairedBatches", "has_pairs"]

SMALLEST_BATCH = 4
"""Two samples of a class and two of another: fewer samples have nothing alike, or nothing different."""


def has_pairs(labels: torch.Tensor) -> bool:
    """Return whether any class has two samples.

    Args:
        labels: Class indices, int64 (N,).
    """
    return bool(len(labels) and torch.bincount(labels).max() > 1)


@dataclass(frozen=True, eq=False, init=False, repr=False)
class PairedBatches(Batches):
    """The samples of other batches in an order that keeps samples of a class together, classes in turn.

    Every sample comes once in an epoch. The classes take turns, each with `together` samples drawn at random
    (as "P classes times K samples" in Hermans et al., "In Defense of the Triplet Loss for Person
    Re-Identification", 2017, section 2, with what is left at the end), and no batch ends within those. The
    last batch joins the one before it where it has fewer than `SMALLEST_BATCH` samples.

    Args:
        batches: Where samples, labels, batch size and shuffling come from.
        together: How many samples of a class stay together, at least 2.
    """

    together: int

    def __init__(self, batches: Batches, together: int = 2) -> None:
        super().__init__(batches.samples, batches.batch_size, batches.shuffle)
        object.__setattr__(self, "together", together)

    def __iter__(self) -> Iterator[Batch]:
        yield from self.samples.take(self.groups())

    def groups(self) -> list[torch.Tensor]:
        """Return the sample numbers of each batch of an epoch, int64 (n,), in an order that is drawn."""
        generator = None if self.shuffle else torch.Generator().manual_seed(0)
        groups: list[list[int]] = [[]]
        for part in self._turns(generator):
            if len(groups[-1]) + len(part) > self.batch_size and groups[-1]:
                groups.append([])
            groups[-1] += part
        if len(groups) > 1 and len(groups[-1]) < SMALLEST_BATCH:
            last = groups.pop()
            groups[-1] += last
        return [torch.tensor(group) for group in groups]

    def _turns(self, generator: torch.Generator | None) -> Iterator[list[int]]:
        """Yield the samples that stay together, one class after the other."""
        labels = present(self.samples.labels)
        waiting: list[list[list[int]]] = []
        for label in torch.unique(labels):
            members = torch.nonzero(labels == label).flatten()
            drawn = members[torch.randperm(len(members), generator=generator)].tolist()
            parts = [drawn[start : start + self.together] for start in range(0, len(drawn), self.together)]
            if len(parts) > 1 and len(parts[-1]) == 1:
                parts[-2:] = [parts[-2] + parts[-1]]
            waiting.append(parts)
        while waiting:
            for number in torch.randperm(len(waiting), generator=generator).tolist():
                yield waiting[number].pop()
            waiting = [parts for parts in waiting if parts]
