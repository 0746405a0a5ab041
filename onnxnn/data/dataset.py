"""A loaded data set: what training reads, and what inference needs to know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.errors import DataError, InputError, MissingDataError, MissingInputError
from onnxnn_runtime.preprocess import ImageLike, Preprocess
from onnxnn_runtime.vocabulary import renumbering

from onnxnn.layers import Layer
from onnxnn.shape import Shape

from .batches import Batches, InMemory

__all__ = ["TASKS", "Data", "as_data_errors", "split"]

TASKS = ("cls", "reg", "gen", "embed")


@dataclass(frozen=True, eq=False)
class Data:
    """A loaded data set.

    Args:
        kind: "image", "table", "sequence" (steps of numbers), "tokens" or "array".
        train: The batches to learn from.
        validation: The batches held back, never augmented; None where all are learned from.
        sample: The shape of one sample as the network gets it.
        classes: The names of the classes, by number; () where the targets are values.
        preprocess: How a picture file becomes such a sample, for data made of pictures.
        normalize: The layer `normalize` that belongs in front of the network, or None.
        features: The names of a table's input columns; () where it had no header.
        targets: The names of the values to predict; () where unnamed or where there are classes.
        vocabulary: Each token's number, for tokens.
        example: One raw training sample: a picture as uint8 (H, W, C) before preprocessing, else
            the row or array as it stands.
        read: Set where the user gave a function as transform, which no file can carry: returns a
            picture as float32 (C, H, W) as this process has to read it for inference. Checkpoint
            and export go without it.
        problem: What speaks against learning from it, though no diffusion model would mind; or None.
        resized: (height, width) -> the same data set with pictures of that size, for picture files.
    """

    kind: str
    train: Batches
    validation: Batches | None
    sample: Shape
    example: np.ndarray[Any, Any]
    classes: tuple[str, ...] = ()
    preprocess: Preprocess | None = None
    normalize: Layer | None = None
    features: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    vocabulary: dict[str, int] | None = None
    read: Callable[[ImageLike], np.ndarray[Any, Any]] | None = None
    problem: DataError | None = None
    resized: Callable[[int, int], Data] | None = None

    @property
    def num_classes(self) -> int:
        """How many classes the targets have: named ones, or tokens; 0 for values."""
        named = len(self.classes) or len(self.vocabulary or ())
        return named or max(part.num_classes for part in (self.train, self.validation) if part)

    def in_size(self, size: int) -> Data:
        """Return the same data set with square pictures of a size; its batches change with it.

        Where that cannot be (arrays, other kinds of data), the data set is returned as it is. Pictures that
        come later, for inference, are brought to that size even if those here have it already.
        """
        if self.sample.sizes[1:] == (size, size) and self.problem is None:
            if self.preprocess is None or self.preprocess.output_size() == (size, size):
                return self
            steps = (*self.preprocess.steps, ("resize", size, size))
            return replace(self, preprocess=replace(self.preprocess, steps=steps))
        if self.resized is None:
            return self
        return self.giving_its_batches(self.resized(size, size))

    def giving_its_batches(self, new: Data) -> Data:
        """Return another form of this data set in the batches of this one, which change with it."""
        self.train.samples = new.train.samples
        if self.validation is not None and new.validation is not None:
            self.validation.samples = new.validation.samples
        return replace(new, train=self.train, validation=self.validation)

    def renumbered(self, vocabulary: Mapping[str, int] | None, classes: Sequence[str]) -> Data:
        """Return the same data set with a network's numbers for tokens and classes, in batches of its own.

        Classes of which the network knows none stay: they are new names, in the order of its outputs.

        Args:
            vocabulary: The network's; None where it has none.
            classes: The names of the network's classes; () where it has none.

        Raises:
            DataError: The network does not know a token, or some of the classes.
        """
        known = dict(vocabulary) if vocabulary and self.kind == "tokens" else self.vocabulary
        numbers = None
        if self.vocabulary is not None and known is not None and known != self.vocabulary:
            numbers = torch.from_numpy(renumbering(self.vocabulary, known, DataError))
        labels = numbers if self._labels_are_tokens() else _numbers_in(classes, self.classes)
        if numbers is None and labels is None and known == self.vocabulary:
            return self
        resized = self.resized
        return replace(
            self,
            train=self.train.renumbered(numbers, labels),
            validation=None if self.validation is None else self.validation.renumbered(numbers, labels),
            sample=self.sample if numbers is None else replace(self.sample, vocabulary=len(known or ())),
            example=self.example if numbers is None else numbers.numpy()[self.example],
            classes=self.classes if labels is None or labels is numbers else tuple(classes),
            vocabulary=known,
            resized=None if resized is None else lambda *size: resized(*size).renumbered(vocabulary, classes),
        )

    def _labels_are_tokens(self) -> bool:
        return self.vocabulary is not None and not self.classes and self.train.num_classes > 0

    def as_tokens(self) -> Data:
        """Return the same data with a table of whole numbers read as tokens; its batches change with it.

        Raises:
            DataError: It holds other numbers.
        """
        parts = [self.train, *([self.validation] if self.validation else [])]
        found = [part.samples for part in parts]
        values = [samples.x for samples in found if isinstance(samples, InMemory)]
        if self.normalize is not None or not all(bool(((x >= 0) & (x == x.round())).all()) for x in values):
            raise DataError(
                "tokens are whole numbers from 0, one for each step (N, steps); this table holds others. "
                "Give word2idx=... with numbers for the tokens."
            )
        for part, samples, x in zip(parts, found, values, strict=True):
            _, y = samples.tensors() or (None, x)
            part.samples = InMemory(x.long(), y)
        largest = max(int(x.max()) for x in values)
        (steps,) = self.sample.sizes
        example = self.example.astype(np.int64)
        return replace(self, kind="tokens", sample=Shape.tokens(steps, largest + 1), example=example)


def _numbers_in(known: Sequence[str], own: Sequence[str]) -> torch.Tensor | None:
    """Return the number of each class among a network's, int64; None where it is the same, or all are new."""
    unknown = [name for name in own if name not in known]
    if tuple(own) == tuple(known) or len(unknown) == len(own):
        return None
    if unknown:
        raise DataError(
            f"the data's classes {', '.join(map(repr, unknown))} are not among the network's: "
            f"{', '.join(known)}. Leave them out; or learn all in a network that begins anew, with the "
            "weights of this one by load_weights(path, head=False)."
        )
    return torch.tensor([list(known).index(name) for name in own])


def split(count: int, ratio: float, labels: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose at random which samples are trained on and which are held back.

    With labels the split is stratified: of every class the same share is held back, at least one
    sample and never all; a class with a single sample is trained on. Both parts keep the order of
    the data. The same samples are held back each time, so that a training that goes on in another program
    does not learn from what it is judged by.

    Args:
        count: How many samples there are.
        ratio: The share to train on, above 0; 1 holds nothing back.
        labels: The class of each sample, int64 (count,), or None.

    Returns:
        The numbers of the training samples and of those held back, int64 and sorted.

    Raises:
        DataError: The ratio is out of range, or nothing would be held back.
    """
    number = isinstance(ratio, int | float | np.integer | np.floating) and not isinstance(ratio, bool)
    if not number or not 0 < ratio <= 1:
        raise DataError(
            f"train_val_ratio={ratio!r}: must be a number above 0 and at most 1, the share to train on."
        )
    if ratio == 1:
        return torch.arange(count), torch.empty(0, dtype=torch.int64)
    group = torch.zeros(count, dtype=torch.int64) if labels is None else labels
    held_back = torch.zeros(count, dtype=torch.bool)
    generator = torch.Generator().manual_seed(0)
    for number in torch.unique(group):
        members = torch.nonzero(group == number).flatten()
        size = len(members)
        keep = min(max(round(ratio * size), 1), max(size - 1, 1))
        held_back[members[torch.randperm(size, generator=generator)[keep:]]] = True
    if not held_back.any():
        raise DataError(
            f"train_val_ratio={ratio}: nothing would be left to validate with, since "
            f"{'every class has' if labels is not None else 'there is'} one sample only. "
            "Give more samples, or train_val_ratio=1."
        )
    return torch.nonzero(~held_back).flatten(), torch.nonzero(held_back).flatten()


def check_task(task: str) -> None:
    """Refuse a task that does not exist."""
    if task not in TASKS:
        raise DataError(f"task {task!r}: known are {', '.join(TASKS)}.")


@contextmanager
def as_data_errors() -> Iterator[None]:
    """Turn the runtime's input errors into errors about training data."""
    try:
        yield
    except MissingInputError as error:
        raise MissingDataError(str(error)) from error
    except InputError as error:
        raise DataError(str(error)) from error
