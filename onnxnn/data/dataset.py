"""A loaded data set: what training reads, and what inference needs to know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.arrays.columns import match_columns, names_listed, names_wanted, warn_of_numbers
from onnxnn_runtime.card.preprocess import ImageLike, Preprocess
from onnxnn_runtime.defaults import TASKS
from onnxnn_runtime.errors import DataError, InputError, MissingDataError, MissingInputError
from onnxnn_runtime.messages.catalogue import Message, gettext
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.graph.shape import Shape
from onnxnn.layers import Layer

from .batches import Batches, InMemory
from .label_mapping import LabelMapping, token_ids
from .labels import ValuesError
from .preparation import Preparation


@dataclass(frozen=True, eq=False)
class Data:
    """A loaded data set; every change returns another one.

    Args:
        train: The batches to learn from; they know how their samples were prepared.
        validation: The batches held back, never augmented; None where all are learned from.
        example: One raw training sample: an image as uint8 (H, W, C) before preprocessing, else
            the row or array as it stands.
        problem: What speaks against learning from it, though no diffusion model would mind; or None.
        remarks: Lines for the user about what the network does otherwise than the call asked for, and about
            what becomes of a table's columns.
        reload: Reads a table again from its file for a network that has its data prepared in another way,
            reload(known=preparation); None for other data.
    """

    train: Batches
    validation: Batches | None
    example: np.ndarray[Any, Any]
    problem: DataError | None = None
    remarks: tuple[str, ...] = ()
    reload: Callable[..., Data] | None = None

    def __post_init__(self) -> None:
        example = self.example.view()
        example.flags.writeable = False
        object.__setattr__(self, "example", example)

    @property
    def preparation(self) -> Preparation:
        """How the samples were prepared."""
        return present(self.train.preparation)  # loaders say it

    @property
    def counted(self) -> Preparation:
        """How the samples were prepared, with the number of those of each class that are learned from."""
        known = self.preparation
        return replace(known, class_counts=self.train.class_counts(len(known.classes)))

    @property
    def parts(self) -> tuple[Batches, ...]:
        """The batches to learn from, and those held back where there are some."""
        return (self.train,) if self.validation is None else (self.train, self.validation)

    @property
    def kind(self) -> str:
        """ "image", "table", "sequence" (steps of numbers), "tokens" or "array"."""
        return self.preparation.kind

    @property
    def sample(self) -> Shape:
        """The shape of one sample as the network gets it."""
        return self.preparation.sample

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, by id; () where the targets are values."""
        return self.preparation.classes

    @property
    def preprocess(self) -> Preprocess | None:
        """How an image becomes a sample; None for other data."""
        return self.preparation.preprocess

    @property
    def normalize(self) -> Layer | None:
        """The layer `normalize` at the network's beginning, or None."""
        return self.preparation.normalize

    @property
    def features(self) -> tuple[str, ...]:
        """The names of a table's input columns; () where they have none."""
        return self.preparation.features

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the values to predict; () where they have none, or where there are classes."""
        return self.preparation.targets

    @property
    def vocabulary(self) -> Mapping[str, int] | None:
        """Each token's id, for tokens."""
        return self.preparation.vocabulary

    @property
    def read(self) -> Callable[[ImageLike], np.ndarray[Any, Any]] | None:
        """Reads an image where the user gave a function as transform."""
        return self.preparation.read

    @property
    def num_classes(self) -> int:
        """How many classes the targets have: named ones, or tokens; 0 for values."""
        named = len(self.classes) or len(self.vocabulary or ())
        return named or max(part.num_classes for part in self.parts)

    @property
    def is_ready(self) -> bool:
        """Whether the samples are arrays as the network gets them, and not images that are read."""
        return self.train.reread is None

    def in_size(self, size: int) -> Data:
        """Return the same data set with square images of a size.

        Where that cannot be (arrays, other kinds of data), the data set is returned as it is. Images that
        come later, for inference, are brought to that size even if those here have it already.
        """
        if self.sample.sizes[1:] == (size, size) and self.problem is None:
            if self.preprocess is None or self.preprocess.output_size() == (size, size):
                return self
            preprocess = replace(self.preprocess, steps=(*self.preprocess.steps, ("resize", size, size)))
            return self.with_preparation(replace(self.preparation, preprocess=preprocess))
        if self.is_ready:
            return self
        return replace(
            self._with_parts(lambda part: part.read_again(lambda plan: plan.resized(size, size))),
            problem=None,
        )

    def with_values(self, values: torch.Tensor) -> Data:
        """Return the same data set with values to predict for its classes.

        Args:
            values: The value of each class, float32 (classes,).
        """
        known = replace(self.preparation, classes=(), class_counts=())
        return self._with_parts(lambda part: part.with_values(known, values))

    def as_values(self, source: str) -> Data:
        """Return the same data set as a regression learns from it: with the numbers that its classes are.

        Args:
            source: What messages call the data.

        Raises:
            DataError: Its classes are no numbers.
        """
        if not self.classes:
            return self
        values, samples = self.preparation.labels.as_values(), self.train.samples
        if values is None or not isinstance(samples, InMemory) or samples.y.ndim != 1:
            raise DataError.coded(
                "E-DATA-04",
                "{source}: expected numbers, as the network predicts values, got classes such as {got}. Load "
                "data with numbers after the checkpoint, or use a network of nn('cls').",
                source=source,
                got=shortened(self.classes[0]),
            )
        return self.with_values(values)

    def prepared(self, network: Preparation, keep_classes: bool = False, source: str | None = None) -> Data:
        """Return the same data set prepared as a network has it: by name, in batches of its own.

        Columns and targets are put into the network's order by their names, classes and tokens get its ids,
        images are read as it reads them, and its standardisation is kept.

        Args:
            network: How the network has its data prepared.
            keep_classes: Whether classes keep their own ids, for feature vectors of classes not trained.
            source: What messages call the data; None means "the data".

        Raises:
            DataError: It is of another kind, lacks a column, or has a class or a token that the network does
                not know.
        """
        source = source or gettext("the data")
        data = self
        if network.kind == "tokens" and data.kind == "table":
            data = data.as_tokens()
        network.check_kind(data.preparation, data.is_ready)
        if keep_classes:
            network = replace(network, classes=())
        if not data.is_ready and network.preprocess is not None and network.reads_otherwise(data.preparation):
            data = data._with_parts(lambda part: part.read_again(lambda plan: plan.as_read_by(network)))
            data = replace(data, problem=None)
        elif data.is_ready and network.turns_channels(data.preparation):
            data = data._with_parts(lambda part: part.with_channels_turned())
        if network.columns != data.preparation.columns:
            data = data._with_columns_of(network, source)
        own = data.preparation
        tokens = token_ids(own.vocabulary, network.vocabulary) if own.kind == "tokens" else None
        columns = _order(network.features, own.features, source)
        sample = own.sample if columns is None else Shape.vector(len(columns))
        targets = _order(network.targets, own.targets, source) if len(own.targets) > 1 else None
        of_tokens = data.vocabulary is not None and not data.classes and data.train.num_classes > 0
        labels = tokens if of_tokens else data._class_ids(network, source)
        known = replace(
            own,
            kind=network.kind,
            sample=sample if tokens is None else replace(sample, vocabulary=len(network.vocabulary or ())),
            preprocess=network.preprocess if own.preprocess is not None else None,
            normalize=network.normalize,
            features=network.features or own.features,
            columns=network.columns,
            targets=network.targets or own.targets,
            classes=network.classes or own.classes,
            vocabulary=network.vocabulary if own.kind == "tokens" and network.vocabulary else own.vocabulary,
            operations=network.operations,
            read=network.read,
            by_index=network.by_index if network.classes else own.by_index,
        )
        changed = data._with_parts(lambda part: part.mapped(known, columns, tokens, labels, targets))
        if data.kind in ("table", "sequence"):
            with as_data_errors():
                changed = changed._with_parts(lambda part: part.in_precision(network.deviations))
        example = data.example
        if columns is not None and example.size:
            example = example[columns.numpy()]
        if tokens is not None and example.size:
            example = tokens.numpy()[example]
        return replace(changed, example=example)

    def _with_columns_of(self, network: Preparation, source: str) -> Data:
        """Return the same table with what becomes of its columns as a network has it.

        Arrays come back as they are: they hold the numbers that the network takes, or are refused by their
        shape.

        Raises:
            DataError: It is batches of a file, or the file's cells hold other kinds of values.
        """
        if self.reload is None and not self.preparation.columns:
            return self
        if self.reload is None:
            raise DataError.coded(
                "E-DATA-07",
                "{source}: expected the columns as the network prepares them ({names}), got columns that "
                "were prepared in another way. Load the file after the network, with load_tab_data.",
                source=source,
                names=names_listed(network.features or self.features, plain=True),
            )
        return self.reload(known=network)

    def relabelled(self, classes: LabelMapping, ids: torch.Tensor | None) -> Data:
        """Return the same data set with other classes, of which ids[y] is the one of label y."""
        known = replace(self.preparation, classes=classes.names)
        return self._with_parts(lambda part: part.mapped(known, labels=ids))

    def with_preparation(self, preparation: Preparation) -> Data:
        """Return the same data set as prepared in another way, which it is already."""
        return self._with_parts(lambda part: part.with_preparation(preparation))

    def with_batch_size(self, batch_size: int) -> Data:
        """Return the same data set to be trained on in batches of another size."""
        return replace(self, train=self.train.with_batch_size(batch_size))

    def as_tokens(self) -> Data:
        """Return the same data with a table of integers read as tokens.

        Raises:
            DataError: It holds other numbers.
        """
        found = [part.samples for part in self.parts]
        values = [samples.x for samples in found if isinstance(samples, InMemory)]
        if self.normalize is not None or not all(bool(((x >= 0) & (x == x.round())).all()) for x in values):
            raise DataError.coded(
                "E-DATA-11",
                "expected tokens, integers from 0 for each step (N, steps), got a table of other "
                "numbers. Give word2idx=... with an id for each token.",
            )
        largest = max(int(x.max()) for x in values)
        (steps,) = self.sample.sizes
        known = replace(self.preparation, kind="tokens", sample=Shape.tokens(steps, largest + 1))
        changed = self._with_parts(lambda part: part.as_integers(known))
        return replace(changed, example=self.example.astype(np.int64))

    def _with_parts(self, change: Callable[[Batches], Batches]) -> Data:
        validation = None if self.validation is None else change(self.validation)
        return replace(self, train=change(self.train), validation=validation)

    def _class_ids(self, network: Preparation, source: str) -> torch.Tensor | None:
        found = [part.occurring() for part in self.parts]
        occurring = None if None in found else {id_ for ids in found if ids is not None for id_ in ids}
        own = self.preparation
        return network.labels.ids_of(own.labels, occurring, source, own.named)


def _order(wanted: tuple[str, ...], own: tuple[str, ...], source: str) -> torch.Tensor | None:
    """Return the position of each of a network's columns among the data's; None where nothing changes."""
    names = names_wanted(wanted, own)
    if not names or names == own:
        return None
    with as_data_errors():
        positions = match_columns(names, own, source)
    warn_of_numbers(wanted, own, positions, source)
    return torch.tensor(positions)


def split(count: int, ratio: float, labels: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Choose at random which samples are trained on and which are held back.

    With labels the split is stratified: of every class the same share is held back, at least one
    sample and never all; a class with a single sample is trained on. Both parts keep the order of
    the data. The same samples are held back each time, so that a training that is resumed in another program
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
        raise DataError.coded(
            "E-DATA-09",
            "train_val_ratio={got}: expected a number above 0 and at most 1, the share to train on.",
            got=shortened(ratio),
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
        if labels is None:
            raise DataError.coded(
                "E-DATA-12",
                "train_val_ratio={ratio}: expected at least two samples, to hold one back to validate "
                "with, got one. Give more samples, or train_val_ratio=1.",
                ratio=ratio,
            )
        raise ValuesError.coded(
            "E-DATA-12",
            "train_val_ratio={ratio}: expected a class with at least two samples, to hold one back to "
            "validate with, got one sample of each class. Give more samples, or train_val_ratio=1.",
            ratio=ratio,
        )
    return torch.nonzero(~held_back).flatten(), torch.nonzero(held_back).flatten()


def check_task(task: str) -> None:
    """Refuse a task that does not exist."""
    if task not in TASKS:
        raise DataError.coded(
            "E-INPUT-06",
            "nn({task}): expected one of {known}.",
            task=shortened(task),
            known=", ".join(map(repr, TASKS)),
        )


@contextmanager
def as_data_errors() -> Iterator[None]:
    """Turn the runtime's input errors into errors about training data."""
    try:
        yield
    except InputError as error:
        message = Message(error.text, _CODES.get(error.code, error.code))
        raise (MissingDataError if isinstance(error, MissingInputError) else DataError)(message) from error


_CODES = {
    "E-INPUT-01": "E-DATA-01",
    "E-INPUT-02": "E-DATA-02",
    "E-INPUT-03": "E-DATA-03",
    "E-INPUT-04": "E-DATA-04",
    "E-INPUT-06": "E-DATA-09",
    "E-INPUT-10": "E-DATA-13",
}
"""The code of an input error -> that of the same mistake in training data."""
