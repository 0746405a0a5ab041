"""Data to evaluate a network on, from whatever a user hands over."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.arrays import too_small
from onnxnn_runtime.card import InputSpec
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.pipeline import batches
from onnxnn_runtime.warn import warn
from torch.utils.data import DataLoader

from .data import Batches, Data, from_arrays, load_npz, load_table
from .data.folders import find_pictures
from .data.labels import as_array

__all__ = ["batches_of"]

Batch = tuple[torch.Tensor, torch.Tensor]


def batches_of(
    source: Any, task: str, spec: InputSpec, classes: tuple[str, ...], batch_size: int
) -> Iterable[Batch]:
    """Return batches (x, target) whose class numbers are the network's.

    Args:
        source: Batches or `Data` as loaded, a torch DataLoader, (x, y), a folder of class folders, a CSV
            file or a .npz file.
        task: "cls", "reg", "gen" or "embed".
        spec: What the network takes; pictures are read as for inference.
        classes: The network's classes.
        batch_size: Samples in a batch.

    Raises:
        DataError: It is none of these, has samples of another shape than the network takes, or has classes
            that it does not know.
    """
    if isinstance(source, Data):
        return _renumbered(_fitting(source, spec), classes)
    if isinstance(source, Batches):
        _check_fits(source.samples.sizes, "tokens" if source.of_tokens else "numbers", spec)
        return source
    if isinstance(source, DataLoader):
        source = _joined(source)
    if isinstance(source, tuple | list) and len(source) == 2:
        x, y = source
        words = spec.vocabulary if spec.kind == "tokens" else None
        y = _by_name(y, classes) if task in ("cls", "embed") else y
        loaded = from_arrays(x, y, task, classes or None, batch_size, shuffle=False, word2idx=words)
        return _fitting(loaded, spec).train
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if spec.kind == "image" and path.suffix.lower() != ".npz":
            return _Pictures(path, spec, classes, batch_size)
        if path.suffix.lower() == ".npz":
            named = None if _numbers_as_names(classes) is not None else classes or None
            loaded = load_npz(path, task, named, batch_size, shuffle=False)
        else:
            wide = spec.dtype == "float64"
            loaded = load_table(
                path, task, batch_size, shuffle=False, known=classes, features=spec.features, wide=wide
            )
        return _renumbered(_fitting(loaded, spec), classes)
    raise DataError(
        f"evaluate({type(source).__name__}): what fits is (x, y), a path, a DataLoader, or what a load "
        "method returned."
    )


def _joined(loader: DataLoader[Any]) -> Batch:
    """Return all batches (x, y) of a DataLoader as one.

    Raises:
        DataError: It gives something else, or nothing.
    """
    found = list(loader)
    if not found:
        raise DataError("evaluate(DataLoader): it gives no batch; what fits has at least one (x, y).")
    for batch in found:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise DataError(
                f"evaluate(DataLoader): it gives a {type(batch).__name__}; what fits is pairs (x, y)."
            )
    try:
        x, y = (torch.cat([torch.as_tensor(part) for part in parts]) for parts in zip(*found, strict=True))
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"evaluate(DataLoader): its batches are no tensors (x, y) of one shape ({error})."
        ) from error
    return x, y


class _Pictures:
    """The pictures of class folders, read as for inference, batch by batch."""

    def __init__(self, path: Path, spec: InputSpec, classes: tuple[str, ...], batch_size: int) -> None:
        found = find_pictures(path)
        same_order = not set(found.classes) & set(classes) and len(found.classes) == len(classes)
        if same_order and classes:
            both = " are taken for ".join(map(", ".join, (found.classes, classes)))
            warn(f"{path}: the folders {both}, in this order.")
        in_order = same_order or not classes
        numbers = list(range(len(found.classes))) if in_order else _numbers(found.classes, classes)
        self._labels = torch.tensor([numbers[label] for label in found.labels])
        self._files, self._spec, self._batch_size = list(map(str, found.files)), spec, batch_size

    def __iter__(self) -> Iterator[Batch]:
        start = 0
        for batch in batches(self._files, self._spec, self._batch_size):
            stop = start + len(batch.names)
            yield torch.from_numpy(batch.array), self._labels[start:stop]
            start = stop


def _fitting(data: Data, spec: InputSpec) -> Data:
    """Return data as the network takes it, with the network's numbers for tokens.

    Raises:
        DataError: Its samples have another shape, or it holds a word that the network does not know.
    """
    if spec.kind == "tokens" and data.kind == "table":
        data = data.as_tokens()
    data = data.renumbered(spec.vocabulary, ())
    _check_fits(data.sample.sizes, data.kind, spec)
    return data


def _check_fits(sizes: Sequence[int | None], kind: str, spec: InputSpec) -> None:
    wanted = spec.shape[1:]
    fits = len(sizes) == len(wanted) and all(
        isinstance(want, str) or size is None or size == want
        for size, want in zip(sizes, wanted, strict=True)
    )
    if not fits or (spec.kind == "tokens") != (kind == "tokens"):
        raise DataError(
            f"evaluate: samples of shape ({', '.join(map(str, sizes))}) arrive, read as {kind}; the "
            f"network takes {spec.kind} of shape ({', '.join(map(str, wanted))})."
        )
    problem = too_small(sizes, spec)
    if problem is not None:
        raise DataError(f"evaluate: {problem}")


def _numbers_as_names(classes: tuple[str, ...]) -> np.ndarray[Any, Any] | None:
    """Return the numbers that classes are named by; None where names are others, or just count from 0."""
    if classes == tuple(map(str, range(len(classes)))):
        return None
    try:
        return np.array([int(name) for name in classes])
    except ValueError:
        return None


def _by_name(y: Any, classes: tuple[str, ...]) -> Any:
    """Return labels as positions among the classes, where these are named by numbers such as 1, 2, 3.

    Raises:
        DataError: A label is none of those numbers.
    """
    names = _numbers_as_names(classes)
    if names is None or not len(names):
        return y
    labels = as_array(y, "y")
    one_hot = labels.ndim > 1 and labels.shape[-1] == len(names) > 1
    if labels.dtype.kind not in "iuf" or one_hot:
        return labels
    unknown = np.setdiff1d(labels, names)
    if len(unknown):
        raise DataError(
            f"y holds the label {unknown[0]:g}, which is not among the network's: {', '.join(classes)}."
        )
    order = np.argsort(names)
    return order[np.searchsorted(names[order], labels)]


def _renumbered(data: Data, classes: tuple[str, ...]) -> Iterable[Batch]:
    if data.classes == classes or not classes or not data.classes:
        return data.train
    numbers = torch.tensor(_numbers(data.classes, classes))
    return [(x, numbers[y]) for x, y in data.train]


def _numbers(found: tuple[str, ...], classes: tuple[str, ...]) -> list[int]:
    unknown = [name for name in found if name not in classes]
    if unknown:
        raise DataError(
            f"the classes {', '.join(map(repr, unknown))} are not among the network's: {', '.join(classes)}."
        )
    return [classes.index(name) for name in found]
