"""Batches of a data set: an order drawn once per epoch, samples taken a batch at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from onnxnn_runtime.api.invariants import instance, present
from onnxnn_runtime.arrays.precision import check_precision
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened

from .batch_sizes import batch_sizes
from .preparation import Preparation
from .transforms import Plan

__all__ = ["Batches", "InMemory", "Samples"]

Batch = tuple[torch.Tensor, torch.Tensor]
Reread = Callable[[Callable[[Plan], Plan]], "Batches"]
"""A change of the plan by which images are read -> the same images, read in that way."""


class Samples(ABC):
    """Where `Batches` takes its samples from."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples."""

    @abstractmethod
    def take(self, groups: Iterable[torch.Tensor]) -> Iterator[Batch]:
        """Yield one batch (x, y) for each group of sample numbers (int64, one axis), in this order."""

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """The sizes of one sample x as a network gets it, without the batch."""

    @property
    def labels(self) -> torch.Tensor | None:
        """The class index of each sample, int64 (N,), without reading any sample; None for values."""
        return None

    def tensors(self) -> Batch | None:
        """Return all samples (x, y) as a network gets them when they are in memory, else None."""
        return None

    @property
    def is_constant(self) -> bool:
        """Whether a sample is the same whenever it is taken: nothing random, no function of the user."""
        return False

    def with_labels(self, ids: torch.Tensor) -> Samples:
        """Return the same samples with ids[y] for y."""
        return _Relabelled(self, ids)


@dataclass(frozen=True, eq=False, repr=False)
class InMemory(Samples):
    """Samples held as two tensors, into which nothing is written.

    Args:
        x: (N, ...) float32, int64, or uint8 images (N, C, H, W), which become float32 0..1 batch
            by batch, with the same bits as `Preprocess.to_float` gives.
        y: (N,) int64 or (N, K) float32.
        exact: The numbers of x as float64, where float32 does not hold them.
    """

    x: torch.Tensor
    y: torch.Tensor
    exact: torch.Tensor | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", self.x.contiguous())
        object.__setattr__(self, "y", self.y.contiguous())

    def __len__(self) -> int:
        return len(self.y)

    def take(self, groups: Iterable[torch.Tensor]) -> Iterator[Batch]:
        x, y = self.x, self.y
        for group in groups:
            yield to_float(x.index_select(0, group)), y.index_select(0, group)

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(self.x.shape[1:])

    @property
    def labels(self) -> torch.Tensor | None:
        return self.y if self.y.ndim == 1 and not self.y.is_floating_point() else None

    def tensors(self) -> Batch | None:
        return to_float(self.x), self.y

    @property
    def is_constant(self) -> bool:
        return True

    def of(self, part: torch.Tensor) -> InMemory:
        """Return the samples of some numbers, int64 (n,)."""
        exact = None if self.exact is None else self.exact[part]
        return InMemory(self.x[part], self.y[part], exact)

    def with_labels(self, ids: torch.Tensor) -> InMemory:
        return InMemory(self.x, ids[self.y], self.exact)

    def with_tokens(self, ids: torch.Tensor) -> InMemory:
        """Return the same samples with ids[x] for x."""
        return InMemory(ids[self.x], self.y)

    def with_columns(self, columns: torch.Tensor) -> InMemory:
        """Return the same rows with their columns in another order."""
        exact = None if self.exact is None else self.exact[..., columns]
        return InMemory(self.x[..., columns], self.y, exact)

    def with_channels_turned(self) -> InMemory:
        """Return the same images with their channels in reverse: blue first, or red first again."""
        return InMemory(self.x.flip(1), self.y)

    def with_targets(self, columns: torch.Tensor) -> InMemory:
        """Return the same samples with the columns of y in another order."""
        return InMemory(self.x, self.y[:, columns], self.exact)

    def in_precision(self, deviations: torch.Tensor | None) -> InMemory:
        """Return the same rows of numbers as float64, or as float32 where there are no deviations.

        Args:
            deviations: The deviation of each column for a network that takes float64, (columns,).

        Raises:
            InputError: float64 is wanted, and the rows were given as float32, which does not hold them.
        """
        is_wide = self.x.dtype == torch.float64
        if is_wide == (deviations is not None):
            return self
        if deviations is None:
            return InMemory(self.x.float(), self.y, self.x)
        if self.exact is None and self.x.dtype == torch.float32:
            check_precision(self.x.numpy(), deviations.tolist())
        return InMemory(self.x.double() if self.exact is None else self.exact, self.y)


@dataclass(frozen=True, eq=False, repr=False)
class _Relabelled(Samples):
    """Samples with other label ids, batch by batch."""

    samples: Samples
    ids: torch.Tensor

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labels(self) -> torch.Tensor | None:
        found = self.samples.labels
        return None if found is None else self.ids[found]

    def take(self, groups: Iterable[torch.Tensor]) -> Iterator[Batch]:
        for x, y in self.samples.take(groups):
            yield x, self.ids[y]

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.samples.sizes

    @property
    def is_constant(self) -> bool:
        return self.samples.is_constant


@dataclass(frozen=True, eq=False)
class _ReadAgainRelabelled:
    """Reads the same images in another way, with ids[y] for y."""

    again: Reread
    classes: tuple[str, ...]
    ids: torch.Tensor

    def __call__(self, change: Callable[[Plan], Plan]) -> Batches:
        found = self.again(change)
        prepared = replace(present(found.preparation), classes=self.classes)
        return found.mapped(prepared, labels=self.ids)


def to_float(x: torch.Tensor) -> torch.Tensor:
    """Return uint8 as float32 in 0..1, anything else as it is."""
    return x.to(torch.float32).div_(255) if x.dtype == torch.uint8 else x


@dataclass(frozen=True, eq=False, init=False)
class Batches:
    """A data set in batches (x, y); iterating again draws a new order.

    x is float32 (int64 for tokens) with the batch as first axis; y is int64 label ids (N,) or
    float32 values (N, K). The order comes from torch's global generator, so that `torch.manual_seed`
    repeats it. Of n samples, every epoch gives each exactly once. A last batch of a single sample
    joins the batch before it, because batch normalisation learns nothing from one sample.

    Args:
        samples: Where the samples are.
        batch_size: Samples in a batch; the last one may have fewer, or one more. None takes all in one.
        shuffle: Whether every epoch has another order.
        preparation: How the samples were prepared, so that another network can prepare them in its own way.
        reread: Reads the same images in another way, where they are read like files.
        as_now: For batches that a user holds: returns them as the network has its data prepared now. What is
            written into such a batch changes no data.

    Raises:
        DataError: The batch size is no integer of at least 1.
    """

    samples: Samples
    batch_size: int
    shuffle: bool
    preparation: Preparation | None
    reread: Reread | None
    as_now: Callable[[Batches], Batches] | None

    def __init__(
        self,
        samples: Samples,
        batch_size: int | None = None,
        shuffle: bool = True,
        preparation: Preparation | None = None,
        reread: Reread | None = None,
        as_now: Callable[[Batches], Batches] | None = None,
    ) -> None:
        value = len(samples) if batch_size is None else batch_size
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise DataError.coded(
                "E-DATA-09", "batch_size={got}: expected an integer of at least 1.", got=shortened(value)
            )
        for name, field in (
            ("samples", samples),
            ("batch_size", int(value)),
            ("shuffle", shuffle),
            ("preparation", preparation),
            ("reread", reread),
            ("as_now", as_now),
        ):
            object.__setattr__(self, name, field)

    @property
    def num_samples(self) -> int:
        """How many samples an epoch has."""
        return len(self.samples)

    def with_batch_size(self, batch_size: int) -> Batches:
        """Return the same samples in batches of another size."""
        return replace(self, batch_size=batch_size)

    def handed_out(self, as_now: Callable[[Batches], Batches]) -> Batches:
        """Return the same batches for a user, in the form that the network has its data in at the time."""
        return replace(self, as_now=as_now)

    def with_preparation(self, preparation: Preparation) -> Batches:
        """Return the same batches as prepared in another way, which they are already."""
        return replace(self, preparation=preparation)

    def read_again(self, change: Callable[[Plan], Plan]) -> Batches:
        """Return the same images read by a changed plan; anything else as it is."""
        return self if self.reread is None else replace(self.reread(change), batch_size=self.batch_size)

    def mapped(
        self,
        preparation: Preparation,
        columns: torch.Tensor | None = None,
        tokens: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        targets: torch.Tensor | None = None,
    ) -> Batches:
        """Return the same samples with other ids and columns in another order.

        Args:
            preparation: What the samples are then.
            columns: x[..., columns] stands for x.
            tokens: tokens[x] stands for x.
            labels: labels[y] stands for y.
            targets: y[:, targets] stands for y.
        """
        samples, reread = self.samples, self.reread
        if isinstance(samples, InMemory):
            samples = samples if columns is None else samples.with_columns(columns)
            samples = samples if tokens is None else samples.with_tokens(tokens)
            samples = samples if targets is None else samples.with_targets(targets)
        if labels is not None:
            samples = samples.with_labels(labels)
            reread = reread and _ReadAgainRelabelled(reread, preparation.classes, labels)
        return replace(self, samples=samples, preparation=preparation, reread=reread)

    def with_channels_turned(self) -> Batches:
        """Return the same images in memory with their channels in reverse."""
        return replace(self, samples=instance(self.samples, InMemory).with_channels_turned())

    def with_values(self, preparation: Preparation, values: torch.Tensor) -> Batches:
        """Return the same samples in memory with values[y] for the label y, as a column of targets."""
        samples = instance(self.samples, InMemory)
        return replace(
            self,
            samples=InMemory(samples.x, values[samples.y][:, None], samples.exact),
            preparation=preparation,
        )

    def in_precision(self, deviations: torch.Tensor | None) -> Batches:
        """Return the same rows of numbers as float64 or float32; see `InMemory.in_precision`."""
        samples = self.samples
        return (
            replace(self, samples=samples.in_precision(deviations)) if isinstance(samples, InMemory) else self
        )

    def as_integers(self, preparation: Preparation) -> Batches:
        """Return the same samples with x as int64; `preparation` is what they are then."""
        x, y = self.samples.tensors() or (torch.empty(0), torch.empty(0))
        return replace(self, samples=InMemory(x.long(), y), preparation=preparation)

    def occurring(self) -> set[int] | None:
        """Return the label ids that occur; None for values."""
        y = self.samples.y if isinstance(self.samples, InMemory) else self.samples.labels
        return None if y is None or y.is_floating_point() else set(torch.unique(y).tolist())

    def __repr__(self) -> str:
        return gettext(
            "<Batches: {samples}, {count} of up to {size}, {order}>",
            samples=ngettext("{count} sample", "{count} samples", self.num_samples),
            count=len(self),
            size=self.batch_size,
            order=gettext("shuffled") if self.shuffle else gettext("in order"),
        )

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(batch_sizes(self.num_samples, self.batch_size))

    def __iter__(self) -> Iterator[Batch]:
        if self.as_now is not None:
            for x, y in self.as_now(replace(self, as_now=None)):
                yield x.clone(), y.clone()
            return
        whole = self.tensors() if len(self) == 1 else None
        if whole is not None:  # the order within one batch makes no difference
            yield whole
            return
        yield from self.samples.take(self.groups())

    def groups(self) -> Sequence[torch.Tensor]:
        """Return the sample numbers of each batch of an epoch, int64 (n,), in an order that is drawn."""
        count = self.num_samples
        is_whole = len(self) == 1 and self.tensors() is not None
        order = torch.randperm(count) if self.shuffle and not is_whole else torch.arange(count)
        return torch.split(order, batch_sizes(count, self.batch_size))

    def some(self, count: int, smallest: int = 1) -> Iterator[Batch]:
        """Yield batches of at most `count` samples in all, drawn from torch's global generator.

        Args:
            count: How many samples.
            smallest: A batch has at least so many where there are enough, even if it has fewer in training.
        """
        order = torch.randperm(self.num_samples)[:count]
        yield from self.samples.take(
            torch.split(order, batch_sizes(len(order), max(self.batch_size, smallest)))
        )

    @property
    def of_tokens(self) -> bool:
        """Whether x holds tokens."""
        return isinstance(self.samples, InMemory) and self.samples.x.dtype == torch.int64

    @property
    def num_targets(self) -> int:
        """How many target values a sample has: one class index, or values, or one of those for each step."""
        return self.samples.y[0].numel() if isinstance(self.samples, InMemory) else 1

    def class_counts(self, num_classes: int) -> tuple[int, ...]:
        """Return how many samples each class has; () where the samples have no classes, or more of them."""
        labels = self.samples.labels
        if labels is None or not len(labels) or int(labels.max()) >= num_classes:
            return ()
        return tuple(torch.bincount(labels, minlength=num_classes).tolist())

    @property
    def num_classes(self) -> int:
        """The largest class index plus one, of samples in memory; 0 for values, and for files."""
        y = self.samples.y if isinstance(self.samples, InMemory) else torch.empty(0)
        return 0 if y.is_floating_point() else int(y.max()) + 1

    def tensors(self) -> Batch | None:
        """Return all samples (x, y) when they are in memory and the same in every epoch, else None."""
        return self.samples.tensors()
