"""Data sets from class folders of images."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.arrays.conversion import plain_number
from onnxnn_runtime.card.preprocess import Preprocess, decode, pixels
from onnxnn_runtime.errors import DataError, InputError
from onnxnn_runtime.messages.catalogue import coded, gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of
from onnxnn_runtime.messages.warn import warn

from onnxnn.graph.shape import Shape

from .batches import Batches, default_batch_size
from .dataset import Data, check_task, split
from .folders import ClassFolders, find_images
from .preparation import Preparation
from .reading import BrokenImagesError, Reader, SizesDifferError
from .transforms import Plan, plan

__all__ = ["CACHE_MB", "load_images"]

CACHE_MB = 2048.0
"""How many megabytes of decoded images are kept in memory unless `cache_mb` says otherwise."""

_EXAMPLE_SIDE = 256
_MOST_WORKERS = 256


def load_images(
    path: str | os.PathLike[str],
    task: str,
    classes: Any = None,
    batch_size: int | None = None,
    train_val_ratio: float = 1.0,
    shuffle: bool = True,
    transform: Any = None,
    color: str = "RGB",
    num_workers: int = 0,
    batch_mode: bool = False,
    cache_mb: float = CACHE_MB,
    defer: bool = False,
    known: Preparation | None = None,
    errors: str = "raise",
    progress: bool = False,
) -> Data:
    """Return the data set of a folder that holds one folder of images for each class.

    Decoded images are kept in memory as uint8, up to the first random transform, while all of
    them need at most `cache_mb`; otherwise they are read batch by batch, ahead of training, in threads. The
    samples are the same, and without random transforms equal bit for bit to what `Preprocess`
    returns for serving.

    Args:
        path: The folder.
        task: "cls", "gen" or "embed".
        classes: See `find_images`.
        batch_size: Images in a batch; None follows the number of images to train on, see
            `default_batch_size`.
        train_val_ratio: The share of each class to train on; the rest validates.
        shuffle: Whether every epoch has another order.
        transform: See `onnxnn.data.transforms.plan`.
        color: "RGB" or "grayscale".
        num_workers: Threads that read; 0 takes one for each core, up to 8, and one for tiny images.
        batch_mode: Whether to keep nothing in memory, as with `cache_mb=0`.
        cache_mb: Megabytes (of 1,000,000 bytes) of decoded images to keep.
        defer: Whether one class only, or images that differ in size, is reported in `Data.problem` instead
            of raised: a diffusion model does not mind.
        known: How the network that they are for has its images prepared; they are read in that way, and may
            be of one class only.
        errors: "raise" refuses data with broken images and names them all; "skip" leaves them out, with a
            warning, for which each image is read once before training.
        progress: Whether to show a progress bar on stderr while images are read, on a terminal.

    Raises:
        MissingDataError: There is no such folder.
        DataError: Folders, classes or transforms are wrong, images are broken (each is named), or
            sizes differ after preprocessing.
    """
    check_task(task)
    if task == "reg":
        raise DataError(
            coded(
                "E-DATA-07",
                "nn('reg'): expected numbers to predict, got class folders. Use load_dataset(x, y).",
            )
        )
    num_workers = plain_number(num_workers)
    if (
        isinstance(num_workers, bool)
        or not isinstance(num_workers, int)
        or not 0 <= num_workers <= _MOST_WORKERS
    ):
        raise DataError(
            coded(
                "E-DATA-09",
                "num_workers={got}: expected an integer from 0 to {most}; 0 takes one thread for each core.",
                got=shortened(num_workers),
                most=_MOST_WORKERS,
            )
        )
    if not is_one_of(errors, ("raise", "skip")):
        raise DataError(
            coded("E-DATA-09", "errors={got}: expected 'raise' or 'skip'.", got=shortened(errors))
        )
    asked = planned = plan(transform, color)
    if known is not None and known.preprocess is not None:
        planned = asked.as_read_by(known)
    how = _HowToRead(num_workers, 0 if batch_mode else int(cache_mb * 1e6), progress, errors == "skip")
    found = find_images(path, classes)
    left_out: list[tuple[Path, InputError]] = []
    while True:
        try:
            data = _read(
                found, how, planned, task, batch_size, train_val_ratio, shuffle, defer, known is not None
            )
            break
        except BrokenImagesError as error:
            if errors == "raise":
                raise
            left_out += error.broken
            found = found.without([file for file, _ in error.broken])
    if left_out:
        warn(_left_out(left_out))
    if planned.functions:
        warn(
            gettext(
                "a function given as transform runs in training and in inference of this process, but no "
                "checkpoint or ONNX file can hold it. Where there are names for it, write {{name: options}}."
            )
        )
    remarks = () if known is None else known.differences(asked.preprocess, asked.normalize, asked.functions)
    return replace(data, remarks=remarks)


def _read(
    found: ClassFolders,
    how: _HowToRead,
    planned: Plan,
    task: str,
    batch_size: int | None,
    train_val_ratio: float,
    shuffle: bool,
    defer: bool,
    is_known: bool,
) -> Data:
    """Return the data set of the images that were found; see `load_images`."""
    problem: DataError | None = None
    if task != "gen" and len(found.classes) < 2 and not is_known:
        problem = DataError(
            coded(
                "E-DATA-05",
                "{folder}: expected at least two class folders, got one class only ({name}). Add a folder "
                "for each other class.",
                folder=found.root,
                name=found.classes[0],
            )
        )
        if not defer:
            raise problem
    labels = torch.tensor(found.labels, dtype=torch.int64)
    parts = split(len(labels), train_val_ratio, labels)
    source = _Source(found, labels, parts, how)
    batch_size = default_batch_size(len(parts[0])) if batch_size is None else batch_size
    try:
        data = source.read(planned, batch_size, shuffle)
    except SizesDifferError as error:
        if not defer:
            raise
        problem = problem or error
        data = source.read(planned, batch_size, shuffle, keep=False)
    return replace(data, problem=problem)


def _left_out(broken: Sequence[tuple[Path, InputError]]) -> str:
    reasons = [error.text.rstrip(".。") for _, error in broken[:5]]
    if len(broken) > 5:
        reasons.append(ngettext("and {count} more", "and {count} more", len(broken) - 5))
    return ngettext(
        "{count} broken image is left out: {reasons}.",
        "{count} broken images are left out: {reasons}.",
        len(broken),
        reasons="; ".join(reasons),
    )


@dataclass(frozen=True)
class _HowToRead:
    """How image files are read.

    Args:
        num_workers: Threads that read; see `load_images`.
        budget: How many bytes may be kept.
        progress: Whether to show a bar.
        read_once: Whether each image is read once before training.
    """

    num_workers: int
    budget: int
    progress: bool
    read_once: bool


@dataclass(frozen=True)
class _Source:
    """Which images a data set is read from.

    Args:
        found: The images.
        labels: Their class indices, int64.
        parts: The numbers of those to train on, and of those held back.
        how: How they are read.
    """

    found: ClassFolders
    labels: torch.Tensor
    parts: tuple[torch.Tensor, torch.Tensor]
    how: _HowToRead

    def read(self, planned: Plan, batch_size: int | None, shuffle: bool, keep: bool = True) -> Data:
        """Return the data set, with images in memory where there is room and `keep` says so.

        Raises:
            SizesDifferError: Images differ in size after preprocessing.
            DataError: Images are broken.
        """
        train, held_back = self.parts
        return Data(
            train=self.batches(train, planned, batch_size, shuffle, True, keep),
            validation=self.batches(held_back, planned, batch_size, False, False, keep)
            if len(held_back)
            else None,
            example=_example(self.found.files[0], planned.preprocess),
        )

    def batches(
        self,
        part: torch.Tensor,
        planned: Plan,
        batch_size: int | None,
        shuffle: bool,
        is_training: bool,
        keep: bool = True,
    ) -> Batches:
        """Return some of the images in batches.

        Args:
            part: Their numbers.
            planned: What happens to them.
            batch_size, shuffle: See `load_images`.
            is_training: Whether they are trained on, and so changed at random.
            keep: Whether to keep them in memory where there is room.
        """
        files = self.found.files
        reader = Reader.of(planned, files[0], self.how.num_workers, self.how.progress, self.how.read_once)
        chosen = [files[number] for number in part.tolist()]
        operations = planned.operations if is_training else planned.outside_training
        share = self.how.budget * len(part) // len(self.labels) if keep else 0
        samples = reader.samples(chosen, self.labels[part], operations, share, may_differ=not keep)
        preparation = Preparation(
            kind="image",
            sample=Shape.image(reader.shape[2], reader.shape[0], reader.shape[1]),
            classes=self.found.classes,
            preprocess=planned.preprocess,
            normalize=planned.normalize,
            operations=planned.outside_training if planned.functions else (),
            read=reader.outside_training if planned.functions else None,
            named=True,
        )

        def reread(change: Callable[[Plan], Plan]) -> Batches:
            changed = change(planned)
            return self.batches(part, changed, batch_size, shuffle, is_training)

        return Batches(samples, batch_size, shuffle, preparation, reread)


def _example(file: Path, preprocess: Preprocess) -> np.ndarray[Any, Any]:
    """Return an image before preprocessing; smaller where preprocessing gives a fixed size anyway."""
    decoded = decode(file, preprocess.color)
    height, width = preprocess.output_size()
    if height is not None and width is not None:
        side = max(_EXAMPLE_SIDE, height, width)
        decoded.thumbnail((side, side))
    return pixels(decoded)
