"""Data to evaluate a network on, from whatever a user gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.arrays.columns import names_listed
from onnxnn_runtime.arrays.conversion import too_small
from onnxnn_runtime.card.card import InputSpec, ModelCard
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.files.access import as_path
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.data import Batches, Data, LabelMapping, Preparation, from_arrays, load_npz, load_table
from onnxnn.data.batches import Samples
from onnxnn.data.folders import find_images
from onnxnn.data.foreign import is_foreign, unpacked
from onnxnn.data.options import ArrayOptions, TableOptions

from .predict import arrays

Batch = tuple[torch.Tensor, torch.Tensor]


def batches_of(
    source: object,
    card: ModelCard,
    known: Preparation | None,
    prepared: Callable[[Data, str], Data],
    batch_size: int,
    channel_order: str | None = None,
    header: bool | None = None,
) -> Iterable[Batch]:
    """Return batches (x, target) as a network has its data prepared.

    Args:
        source: Batches or `Data` as loaded, a torch DataLoader or Dataset, a Bunch of scikit-learn, (x, y), a
            folder of class folders, a CSV file or a .npz file.
        card: The network's card.
        known: How the network has its data prepared; None where it never had any.
        prepared: Brings a loaded data set into that form; the text names it in messages.
        batch_size: Samples in a batch.
        channel_order: "rgb" or "bgr" for arrays of images; None as the network has them.
        header: Whether the first row of a CSV file is a heading; None decides by what stands there.

    Raises:
        DataError: It is none of these, has samples of another shape than the network takes, or has classes
            that it does not know.
    """
    task, spec = card.task, card.input
    if header is not None and not is_table_file(source, spec):
        raise DataError.coded(
            "E-DATA-09",
            "evaluate(header=...): expected the path of a CSV file, got {got}. Leave header out.",
            got=shortened(source, 40),
        )
    asked = ArrayOptions(batch_size=batch_size, shuffle=False, channel_order=channel_order)
    if isinstance(source, Data):
        return prepared(source, "evaluate").train
    if isinstance(source, Batches):
        if source.preparation is None or not _may_fit(source, spec):
            check_sample(source.samples.sizes, "tokens" if source.of_tokens else "numbers", spec, "evaluate")
            return source
        return prepared(data_of(source), "evaluate").train
    if is_foreign(source):
        source = unpacked(source, "evaluate")[:2]
    if isinstance(source, tuple | list) and len(source) == 2:
        x, y = source
        return prepared(from_arrays(x, y, task, asked, known), "evaluate").train
    if isinstance(source, str | os.PathLike):
        path = as_path(source, "evaluate", DataError)
        if spec.kind == "image" and path.suffix.lower() != ".npz":
            images = _Images(path, spec, known, batch_size, any_classes=task == "embed")
            return Batches(images, batch_size, shuffle=False) if task == "embed" else images
        if path.suffix.lower() == ".npz":
            loaded = load_npz(path, task, asked, known)
        else:
            options = TableOptions(batch_size=batch_size, shuffle=False, header=header)
            loaded = load_table(path, task, options, known)
        return prepared(loaded, str(path)).train
    raise DataError.coded(
        "E-CALL-03",
        "evaluate({got}): expected (x, y), a path, a DataLoader, or what a load method returned. Give the "
        "samples with their labels: evaluate((x, y)).",
        got=type(source).__name__,
    )


def is_table_file(source: object, spec: InputSpec) -> bool:
    """Return whether a network with such inputs reads `source` as a CSV file, for which `header` is."""
    path = os.fsdecode(source) if isinstance(source, str | os.PathLike) else ""
    return bool(path) and spec.kind != "image" and not path.lower().endswith(".npz")


def _may_fit(batches: Batches, spec: InputSpec) -> bool:
    """Whether batches can be prepared for a network: images are, and tables by their columns' names."""
    return present(batches.preparation).kind in (spec.kind, "table")


def data_of(batches: Batches) -> Data:
    """Return batches that a load method returned as a data set of their own."""
    return Data(replace(batches, as_now=None), None, np.zeros(0))


class _Images(Samples):
    """The images of class folders, read as for inference, batch by batch.

    Args:
        path: The folder.
        spec: What the network takes.
        known: How the network has its data prepared; None where it never had any.
        batch_size: Samples in a batch where nothing else says.
        any_classes: Whether classes that the network does not know keep ids of their own.
    """

    def __init__(
        self, path: Path, spec: InputSpec, known: Preparation | None, batch_size: int, any_classes: bool
    ) -> None:
        found = find_images(path)
        names = () if known is None else known.classes
        ids = None
        if not any_classes or set(found.classes) <= set(names):
            own = LabelMapping(found.classes)
            ids = LabelMapping(names).ids_of(own, set(found.labels), str(path), named=True)
        labels = torch.tensor(found.labels)
        self._labels = labels if ids is None else ids[labels]
        self._files, self._spec, self._batch_size = list(map(str, found.files)), spec, batch_size
        self._read = None if known is None else known.read

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[Batch]:
        """Yield all images in order; those of different sizes in batches of their own."""
        start = 0
        with closing(arrays(self._files, self._spec, self._batch_size, self._read)) as samples:
            for array in samples:
                stop = start + len(array)
                yield torch.from_numpy(array), self._labels[start:stop]
                start = stop

    def take(self, groups: Iterable[torch.Tensor]) -> Iterator[Batch]:
        for group in groups:
            files = [self._files[i] for i in group.tolist()]
            read = list(arrays(files, self._spec, len(files), self._read))
            if len({array.shape[1:] for array in read}) > 1:
                raise DataError.coded(
                    "E-DATA-06",
                    "evaluate: expected images of one size, since nn('embed') compares those of a "
                    "batch, got several sizes. Train the network with transform={{'Resize': (64, 64)}}, "
                    "or bring the files to one size.",
                )
            yield torch.from_numpy(np.concatenate(read)), self._labels[group]

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(size for size in self._spec.shape[1:] if isinstance(size, int))

    @property
    def labels(self) -> torch.Tensor:
        return self._labels


def check_sample(sizes: Sequence[int | None], kind: str, spec: InputSpec, source: str) -> None:
    """Refuse samples of another shape than a network takes.

    Args:
        sizes: The sizes of one sample.
        kind: What it is read as.
        spec: What the network takes.
        source: What messages call the data.

    Raises:
        DataError: They have another shape, or are too small.
    """
    wanted = spec.shape[1:]
    is_same = len(sizes) == len(wanted) and all(
        isinstance(want, str) or size is None or size == want
        for size, want in zip(sizes, wanted, strict=True)
    )
    if not is_same or (spec.kind == "tokens") != (kind == "tokens"):
        raise DataError.coded(
            "E-DATA-07",
            "{source}: expected {expected}, which the network takes, got {got}."
            " Give data as the network was trained with.",
            source=source,
            expected=_described(spec.kind, wanted, spec.features),
            got=_described(kind, sizes),
        )
    problem = too_small(sizes, spec)
    if problem is not None:
        raise DataError.coded("E-DATA-07", "{source}: {problem}", source=source, problem=problem)


def _described(kind: str, sizes: Sequence[int | str | None], names: Sequence[str] = ()) -> str:
    """Return samples for a message: "2 columns (width, height)", "images of shape (3, 64, 64)"."""
    listed = ", ".join("?" if size is None else str(size) for size in sizes)
    if kind == "table" and len(sizes) == 1 and isinstance(sizes[0], int):
        columns = ngettext("{count} column", "{count} columns", sizes[0])
        return f"{columns} ({names_listed(names, plain=True)})" if names else columns
    if kind == "image":
        return gettext("images of shape ({sizes})", sizes=listed)
    if kind == "tokens":
        return gettext("tokens of shape ({sizes})", sizes=listed)
    if kind == "sequence":
        return gettext("sequences of shape ({sizes})", sizes=listed)
    return gettext("samples of shape ({sizes})", sizes=listed)
