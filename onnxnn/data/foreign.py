"""Samples and labels in the containers of torch and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shorten import printable
from torch.utils.data import DataLoader, Dataset, IterableDataset

Join = Callable[[list[torch.Tensor]], torch.Tensor]


def is_foreign(source: object) -> bool:
    """Whether a value is a DataLoader, a torch Dataset, or what scikit-learn's `load_iris()` returns."""
    is_bunch = isinstance(source, Mapping) and {"data", "target"} <= source.keys()
    return isinstance(source, DataLoader | Dataset) or is_bunch


def check_no_pair(x: object, call: str) -> None:
    """Refuse samples and labels that were given as one argument.

    Raises:
        DataError: They were.
    """
    if not isinstance(x, tuple | list) or len(x) != 2:
        return
    try:
        axes, sizes = [np.ndim(each) for each in x], [len(each) for each in x]
    except (TypeError, ValueError):
        return  # rows of another kind, of which more is said later
    if sizes[0] == sizes[1] and (axes[0] > axes[1] or (isinstance(x, tuple) and axes[0] > 1)):
        raise DataError.coded(
            "E-DATA-06",
            "{call}((x, y)): expected samples and labels as two arguments, got one pair. Write {call}(x, y).",
            call=call,
        )


def unpacked(source: object, call: str, labelled: bool = True) -> tuple[Any, Any, tuple[str, ...] | None]:
    """Return the samples, the labels and the names of the classes that a container holds.

    Args:
        source: See `is_foreign`.
        call: How messages call the place, such as "load_dataset".
        labelled: Whether every sample has to have a label.

    Returns:
        x, y, and the names or None. y is None where there are no labels.

    Raises:
        DataError: It holds something else, nothing, or samples of different shapes.
    """
    if isinstance(source, Mapping):
        names = source.get("target_names")
        names = None if names is None or isinstance(names, str) else tuple(map(str, names))
        target = np.asarray(source["target"])
        is_named = names is not None and target.dtype.kind in "iu" and int(target.max(initial=0)) < len(names)
        return _with_columns(source), source["target"], names if is_named else None
    kind = type(source).__name__
    if isinstance(source, DataLoader):
        batches, join = list(source), torch.cat
    else:
        batches, join = _samples(instance(source, Dataset), call), torch.stack
    if not batches:
        raise DataError.coded(
            "E-DATA-12",
            "{call}({kind}): expected at least one (x, y), got none."
            " Check that the data set is not empty; an iterator can be read once only.",
            call=call,
            kind=kind,
        )
    pairs = [_pair(batch, call, kind, labelled) for batch in batches]
    x = _joined([x for x, _ in pairs], join, call, kind)
    labels = [y for _, y in pairs if y is not None]
    return x, _joined(labels, join, call, kind) if len(labels) == len(pairs) else None, _classes(source)


def _with_columns(bunch: Mapping[str, object]) -> Any:
    """Return a Bunch's samples, with the names of their columns where it has them."""
    data, names = bunch["data"], bunch.get("feature_names")
    if hasattr(data, "columns") or not isinstance(names, Iterable):
        return data
    values, texts = np.asarray(data), list(map(str, names))
    return dict(zip(texts, values.T, strict=True)) if values.shape[1:] == (len(texts),) else data


def _samples(source: Dataset[object], call: str) -> list[Any]:
    if isinstance(source, IterableDataset):
        return list(source)
    if not hasattr(source, "__len__"):
        raise DataError.coded(
            "E-DATA-06",
            "{call}({kind}): expected a Dataset with a length, got one without. Give x and y.",
            call=call,
            kind=type(source).__name__,
        )
    return [source[number] for number in range(len(source))]


def _pair(batch: object, call: str, kind: str, labelled: bool) -> tuple[Any, Any]:
    if isinstance(batch, tuple | list) and len(batch) == 2:
        return batch[0], batch[1]
    if labelled:
        if isinstance(batch, tuple | list):
            got = ngettext("{count} value", "{count} values", len(batch))
        else:
            got = type(batch).__name__
        raise DataError.coded(
            "E-DATA-06",
            "{call}({kind}): expected pairs (x, y), got {got}."
            " Let the data set return a sample and its label.",
            call=call,
            kind=kind,
            got=got,
        )
    return (batch[0] if isinstance(batch, tuple | list) else batch), None


def _joined(parts: list[object], join: Join, call: str, kind: str) -> Any:
    if all(isinstance(part, str | bytes) for part in parts):
        return parts
    try:
        tensors = [torch.as_tensor(np.asarray(part) if hasattr(part, "getbands") else part) for part in parts]
        return join(tensors)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError.coded(
            "E-DATA-06",
            "{call}({kind}): expected samples that are tensors of one shape, got others ({error})."
            " Resize or crop them in the data set.",
            call=call,
            kind=kind,
            error=printable(str(error)),
        ) from error


def _classes(source: object) -> tuple[str, ...] | None:
    """Return the names that torchvision's datasets give their classes."""
    classes = getattr(getattr(source, "dataset", source), "classes", None)
    return tuple(map(str, classes)) if isinstance(classes, list | tuple) and classes else None
