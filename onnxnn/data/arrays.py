"""Data sets from arrays, whose shape and type say what they mean.

| x | meaning |
| - | - |
| (N, F) | a table |
| (N, T, F), not uint8 | sequences of T steps |
| (N, T) integers, with `word2idx`, or with a y of such rows | tokens |
| uint8 (N, H, W), (N, H, W, 1), (N, H, W, 3) | images, read like files |
| uint8 (N, 1, H, W), (N, 3, H, W) | the same, with the channels first |
| float 0..1, integers 0..255 or bool (N, H, W, 1), (N, H, W, 3) | images, read like files |
| float (N, C, H, W) | images ready for the network, left as they are |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.arrays.columns import first_without_number
from onnxnn_runtime.arrays.conversion import from_objects, without_gradient
from onnxnn_runtime.card.preprocess import checked_order
from onnxnn_runtime.card.vocabulary import checked_vocabulary
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import DataError, InputError, located
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn

from onnxnn.graph.shape import Shape
from onnxnn.layers import Layer

from .array_kinds import Described, describe, described_tokens
from .array_labels import given_labels, labels_of, names_of_classes
from .batches import Batches, InMemory
from .column_names import unambiguous
from .dataset import Data, as_data_errors, check_task, split
from .frames import named_values, names_of_targets, warn_of_order
from .label_arrays import ragged
from .labels import are_indices
from .options import ArrayOptions
from .preparation import Preparation
from .standardize import COARSE, needs_float64, rounded_columns, standardization
from .tokens import check_tokens, next_tokens, source_tokens
from .transforms import Plan

Array = np.ndarray[Any, Any]

_ROUNDED = (np.float32, np.float16)
"""Types of which float64 cannot be made again; see `InMemory.in_precision`."""


def from_arrays(
    x: object, y: object, task: str, options: ArrayOptions = ArrayOptions(), known: Preparation | None = None
) -> Data:
    """Return a data set from arrays.

    Args:
        x: An array, a tensor, lists, or a table whose columns have names (see
            `onnxnn_runtime.arrays.columns.named_columns`). It is copied.
        y: For classes: labels as `class_numbers` takes them. For regression: numbers (N,) or (N, K).
            For sequences and tokens also a label for each step: (N, T), (N, T, 1), or one-hot
            (N, T, classes); for tokens None means the token after each. The names of a Series or a
            DataFrame are those of the values, or of the classes in one-hot columns.
        task: "cls", "reg", "gen" or "embed".
        options: How they are loaded.
        known: How the network that they are for has its data prepared: its vocabulary and its order of
            channels count where none is given, and there may be one class only.

    Raises:
        DataError: Lengths differ, something is empty, not finite or of a shape that means nothing.
    """
    check_task(task)
    warn_of_order(x, y)
    features, x = named_values(x, known)
    values = _numeric(x, features)
    features, target_names = unambiguous(features, "x"), names_of_targets(y)
    given = None if y is None else given_labels(y, len(values), task, options.classes, known)
    vocabulary = _vocabulary(options.word2idx, known)
    classes = names_of_classes(options.classes, given, target_names, known)
    read = _read(values, given, task, replace(options, classes=classes), vocabulary, known)
    values, labels, names = read.values, read.labels, read.names
    by_class = labels if names and labels.ndim == 1 else None
    train, held_back = split(len(values), options.train_val_ratio, by_class)
    described, normalize = _standardized(read.described, values, train, known, options.standardize)
    samples = InMemory(torch.from_numpy(described.network), labels, _exact(described, values))
    preparation = Preparation(
        kind=described.kind,
        sample=described.sample,
        classes=names,
        normalize=normalize,
        preprocess=described.preprocess,
        features=features if described.kind == "table" else (),
        targets=target_names if labels.is_floating_point() or len(target_names) == 1 else (),
        vocabulary=vocabulary,
        by_index=given is not None and are_indices(given, names),
        order_assumed=options.channel_order is None and described.is_colour,
    )

    def batches(part: torch.Tensor, shuffle: bool) -> Batches:
        own = samples if len(part) == len(samples) else samples.of(part)
        again = None
        if described.is_raw:
            planned = Plan(present(preparation.preprocess).color)
            again = _ReadAgain(own, preparation, options.batch_size, shuffle, planned)
        return Batches(own, options.batch_size, shuffle, preparation, again)

    return Data(
        train=batches(train, options.shuffle),
        validation=batches(held_back, False) if len(held_back) else None,
        example=described.example,
        remarks=_remarks(values, described, options.channel_order, known, normalize),
    )


class _Read(NamedTuple):
    """What arrays mean.

    Args:
        values: x as numbers (N, ...); without the last token where the next one is to be learned.
        described: What x means.
        labels: int64 label ids or token ids (N,) or (N, T), or float32 values (N, K).
        names: The names of the classes.
    """

    values: Array
    described: Described
    labels: torch.Tensor
    names: tuple[str, ...]


def _read(
    x: Array,
    y: Array | None,
    task: str,
    options: ArrayOptions,
    vocabulary: Mapping[str, int] | None,
    known: Preparation | None,
) -> _Read:
    names: tuple[str, ...] = ()
    if vocabulary is not None and y is None:
        check_tokens(x, len(vocabulary))
        x, after = next_tokens(x)
        described = describe(x, vocabulary, False, None)
        labels = torch.from_numpy(after.astype(np.int64))
    else:
        source = source_tokens(x, y, task) if vocabulary is None and y is not None else None
        is_wide = known is not None and known.is_wide and x.dtype not in _ROUNDED
        order = _channel_order(options.channel_order, known)
        described = (
            describe(x, vocabulary, is_wide, order)
            if source is None
            else described_tokens(source, int(source.max()) + 1)
        )
        labels, names = labels_of(y, task, options.classes, x, described, vocabulary, known is not None)
    if vocabulary is not None and len(vocabulary) < 2 and not names and not labels.is_floating_point():
        raise DataError.coded(
            "E-DATA-11",
            "word2idx: expected at least two different tokens, got one token only ({token})."
            " Add texts with other tokens.",
            token=shortened(next(iter(vocabulary))),
        )
    return _Read(x, described, labels, names)


def _vocabulary(word2idx: Mapping[str, int] | None, known: Preparation | None) -> Mapping[str, int] | None:
    """Return each token's id: as given, else the network's; None for other data."""
    if word2idx is None and known is not None and known.kind == "tokens":
        word2idx = known.vocabulary
    return None if word2idx is None else checked_vocabulary(word2idx, DataError)


def _channel_order(asked: str | None, known: Preparation | None) -> str | None:
    """Return the order in which images hold their channels; None where it is not given."""
    if asked is not None:
        with as_data_errors():
            return checked_order(asked)
    return known.preprocess.channel_order if known is not None and known.preprocess is not None else None


def _remarks(
    x: Array,
    described: Described,
    channel_order: str | None,
    known: Preparation | None,
    normalize: Layer | None,
) -> tuple[str, ...]:
    if known is not None:
        return known.differences(None, normalize)
    if not described.is_colour or x.dtype.kind not in "iu" or channel_order is not None:
        return ()
    return (
        gettext(
            "x: {dtype} images {shape} are read as RGB; where OpenCV (cv2.imread) read them, give "
            "channel_order='bgr'",
            dtype=x.dtype,
            shape=shape_text(x.shape),
        ),
    )


def _standardized(
    described: Described, values: Array, train: torch.Tensor, known: Preparation | None, standardize: bool
) -> tuple[Described, Layer | None]:
    """Return rows of numbers in the precision that they need, and the layer that standardises them.

    Raises:
        DataError: It is asked for, and they are no rows of numbers.
    """
    if described.kind not in ("table", "sequence"):
        if standardize:
            if described.kind == "image":
                raise DataError.coded(
                    "E-DATA-09",
                    "standardize=True: expected a table or sequences, got images. Use transform="
                    "{{'Normalize': ...}} of load_img_data.",
                )
            raise DataError.coded(
                "E-DATA-09",
                "standardize=True: expected a table or sequences, got data of the kind {kind!r}. Leave "
                "it out.",
                kind=kind_name(described.kind),
            )
        return described, None
    rows = values.reshape(-1, values.shape[-1])
    if known is None and (lost := rounded_columns(rows)):
        warn(
            gettext(
                "x: column {column} is {dtype}, which cannot hold the differences between its numbers; give "
                "it as float64, with standardize=True.",
                column=lost[0],
                dtype=rows.dtype,
            )
        )
    elif known is None and not standardize and (coarse := needs_float64(rows, resolution=COARSE)):
        warn(
            gettext(
                "x: column {column} holds numbers whose differences float32 cannot hold; load it with "
                "standardize=True, which keeps them.",
                column=coarse[0],
            )
        )
    if not standardize:
        return described, None
    if known is None and needs_float64(rows):
        described = describe(values, None, True, None)
    learned = described.network if len(train) == len(values) else described.network[train.numpy()]
    wide = described.network.dtype == np.float64
    return described, standardization(learned.reshape(-1, values.shape[-1]), wide)


def _exact(described: Described, values: Array) -> torch.Tensor | None:
    """Return rows of numbers as float64 where the network's float32 does not hold them; else None."""
    if described.kind not in ("table", "sequence") or described.network.dtype != np.float32:
        return None
    rounded = needs_float64(values.reshape(-1, values.shape[-1]))
    return torch.from_numpy(values.astype(np.float64)) if rounded else None


@dataclass(frozen=True, eq=False)
class _ReadAgain:
    """Reads raw images in another way; see `Batches`.

    Args:
        images: The images, RGB.
        preparation: How they were prepared.
        batch_size, shuffle: Those of their batches.
        planned: What happens to them so far.
    """

    images: InMemory
    preparation: Preparation
    batch_size: int | None
    shuffle: bool
    planned: Plan

    def __call__(self, change: Callable[[Plan], Plan]) -> Batches:
        changed, given = change(self.planned), present(self.preparation.preprocess).channel_order
        preprocess, order = changed.preprocess, given  # of images.x, which is RGB
        if self.preparation.order_assumed and changed.channel_order not in (None, given):
            order = changed.channel_order
        source = self.images.x if order == given else self.images.x.flip(1)
        with as_data_errors():
            read = [preprocess.to_uint8(np.moveaxis(image.numpy(), 0, 2)) for image in source]
        x = np.ascontiguousarray(np.moveaxis(np.stack(read), 3, 1))
        known = replace(
            self.preparation,
            preprocess=replace(preprocess, channel_order=order),
            normalize=changed.normalize,
            sample=Shape.image(*x.shape[1:]),
        )
        samples, again = InMemory(torch.from_numpy(x), self.images.y), replace(self, planned=changed)
        return Batches(samples, self.batch_size, self.shuffle, known, again)


def _numeric(x: object, names: tuple[str, ...] = ()) -> Array:
    try:
        array = from_objects(np.asarray(without_gradient(x)))
    except InputError as error:
        raise DataError(located("x", error)) from error
    except ValueError as error:
        raise DataError(ragged(x, "x")) from error
    if array.dtype.kind not in "biuf":
        found = first_without_number(array, names)
        if found is None:
            raise DataError.coded(
                "E-DATA-04",
                "x: expected an array of numbers, got type {dtype}. Fill in or leave out what is no "
                "number, or make numbers of the columns, such as with x.astype(float).",
                dtype=array.dtype,
            )
        raise DataError.coded(
            "E-DATA-04",
            "x: expected an array of numbers, got type {dtype}: {found}. Fill in or leave out what is no "
            "number, or make numbers of the columns, such as with x.astype(float).",
            dtype=array.dtype,
            found=found,
        )
    if array.ndim == 0 or not len(array):
        raise DataError.coded(
            "E-DATA-12",
            "x: expected at least one sample, got an array of shape {shape}."
            " Check what loaded or filtered the array.",
            shape=shape_text(array.shape),
        )
    if array.size == 0:
        raise DataError.coded(
            "E-DATA-12",
            "x: expected at least one step of each sequence, or value of each sample, got an array of "
            "shape {shape}."
            " Check what loaded or cut the array.",
            shape=shape_text(array.shape),
        )
    if array.ndim == 1:
        raise DataError.coded(
            "E-DATA-06",
            "x: expected an axis for the numbers of one sample, got shape {shape}. For one number per "
            "sample write x.reshape(-1, 1), for one sample x.reshape(1, -1).",
            shape=shape_text(array.shape),
        )
    return array
