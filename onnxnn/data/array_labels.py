"""The labels and targets of arrays, in the form that a loss needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import ngettext

from .array_kinds import Described
from .class_names import class_names
from .label_arrays import as_array
from .labels import class_numbers, named_by_index, targets
from .missing_labels import check_texts
from .preparation import Preparation
from .tokens import step_labels

Array = np.ndarray[Any, Any]


def given_labels(y: object, count: int, task: str, classes: object, known: Preparation | None) -> Array:
    """Return labels or targets as an array, one entry for each sample.

    Raises:
        DataError: There are more or fewer, some are missing, or they are of no such form.
    """
    array = as_array(y, "y")
    names = class_names(classes) or (() if known is None else known.classes)
    check_texts(array, "y", names, are_typed=isinstance(y, list | tuple))
    if len(array) != count:
        raise DataError.coded(
            "E-DATA-06",
            "y: expected {expected}, one for each sample of x, got {got}. Give x and y of the same samples.",
            expected=ngettext("{count} label", "{count} labels", count),
            got=len(array),
        )
    is_column_each = array.ndim == 3 and array.shape[2] == 1 and task != "reg"
    array = array[:, :, 0] if is_column_each else array
    by_index = known is not None and known.by_index and names == known.classes
    return named_by_index(array, names, "y") if by_index else array


def names_of_classes(
    classes: object, y: Array | None, target_names: tuple[str, ...], known: Preparation | None
) -> object:
    """Return the names of the classes: as given, those of one-hot columns, or the network's."""
    if classes is not None or y is None:
        return classes
    if y.ndim == 2 and len(target_names) == y.shape[1] > 1:
        return target_names
    return known.classes if known is not None and _is_wide(y, len(known.classes)) else None


def _is_wide(y: Array, classes: int) -> bool:
    """Return whether labels can only be one-hot rows with a column for each of a network's classes."""
    return y.ndim == 2 and y.shape[1] == classes > 1 and y.dtype.kind in "biuf"


def labels_of(
    y: Array | None,
    task: str,
    classes: object,
    x: Array,
    described: Described,
    vocabulary: Mapping[str, int] | None,
    is_known: bool,
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Return class indices or values, and the names of the classes.

    Args:
        y: What `given_labels` returned.
        task: "cls", "reg", "gen" or "embed".
        classes: The names of the classes, in any form; None lets the labels decide.
        x: The samples.
        described: What they mean.
        vocabulary: Each token's id, for tokens.
        is_known: Whether a network that is trained already has classes of its own.

    Raises:
        DataError: There are none, they do not match x or the names, or they are of one class only.
    """
    if y is None:
        raise DataError.coded(
            "E-DATA-05",
            "y: expected one label for each sample, got None. Give a list or an array of them after x.",
        )
    is_values = task == "reg" or (task == "gen" and y.dtype.kind == "f")
    if not is_values and described.kind in ("tokens", "sequence"):
        is_tokens = described.kind == "tokens"
        found = step_labels(y, x.shape[:2], classes, is_tokens, len(vocabulary) if vocabulary else None)
        if found is not None:
            return found
    if is_values:
        return targets(y), ()
    numbers, names = class_numbers(y, classes, "y", quiet=is_known)
    if task in ("cls", "embed") and len(names) < 2 and not is_known:
        raise DataError.coded(
            "E-DATA-05",
            "y: expected at least two classes, got one class only ({name})."
            " Check the labels, and add samples of another class.",
            name=names[0],
        )
    return numbers, names
