"""Data sets from class folders of images."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card.preprocess import Preprocess, decode, pixels
from onnxnn_runtime.errors import DataError, InputError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn

from onnxnn.graph.shape import Shape

from .batch_sizes import default_batch_size
from .batches import Batches
from .dataset import Data, check_task, split
from .folders import ClassFolders, find_images
from .options import ImageOptions
from .preparation import Preparation
from .reading import BrokenImagesError, Reader, SizesDifferError
from .transforms import Plan, plan

_EXAMPLE_SIDE = 256


def load_images(
    path: str | os.PathLike[str],
    task: str,
    options: ImageOptions = ImageOptions(),
    known: Preparation | None = None,
) -> Data:
    """Return the data set of a folder that holds one folder of images for each class.

    Decoded images are kept in memory as uint8, up to the first random transform, while all of
    them need at most `options.cache_mb`; otherwise they are read batch by batch, ahead of training, in
    threads. The samples are the same, and without random transforms equal bit for bit to what `Preprocess`
    returns for serving.

    One class only, or images that differ in size, is reported in `Data.problem`: a diffusion model does not
    mind.

    Args:
        path: The folder.
        task: "cls", "gen" or "embed".
        options: How it is loaded.
        known: How the network that they are for has its images prepared; they are read in that way, and may
            be of one class only.

    Raises:
        MissingDataError: There is no such folder.
        DataError: Folders, classes or transforms are wrong, or images are broken (each is named).
    """
    check_task(task)
    if task == "reg":
        raise DataError.coded(
            "E-DATA-07",
            "nn('reg'): expected numbers to predict, got class folders. Use load_dataset(x, y).",
        )
    asked = planned = plan(options.transform, options.color)
    if known is not None and known.preprocess is not None:
        planned = asked.as_read_by(known)
    found = find_images(path, options.classes)
    problem = _one_class(found) if task != "gen" and known is None else None
    data, left_out = _read_whole(found, planned, options)
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
    if task == "cls" and problem is None:
        remarks += _single_images(found)
    return replace(data, problem=problem or data.problem, remarks=remarks)


def _single_images(found: ClassFolders) -> tuple[str, ...]:
    """Return a line about classes of one image, which are learned by heart and never checked."""
    counts = Counter(found.labels)
    names = [name for label, name in enumerate(found.classes) if counts[label] == 1]
    if not names:
        return ()
    line = ngettext(
        "class {names} has a single image: it is learned by heart, and none is left to check it. Take more "
        "of it; thirty are enough for a pretrained encoder.",
        "{count} classes have a single image each ({names}): they are learned by heart, and none is left to "
        "check them. Take more of each; thirty are enough for a pretrained encoder.",
        len(names),
        names=", ".join([*map(shortened, names[:5]), *(["..."] if len(names) > 5 else [])]),
    )
    return (line,)


def _one_class(found: ClassFolders) -> DataError | None:
    """Return what is wrong with a single class folder."""
    if len(found.classes) > 1:
        return None
    return DataError.coded(
        "E-DATA-05",
        "{folder}: expected at least two class folders, got one class only ({name}). Add a folder "
        "for each other class.",
        folder=found.root,
        name=found.classes[0],
    )


def _read_whole(
    found: ClassFolders, planned: Plan, options: ImageOptions
) -> tuple[Data, list[tuple[Path, InputError]]]:
    """Return the data set of the images that can be read, and those that were left out."""
    left_out: list[tuple[Path, InputError]] = []
    while True:
        try:
            return _read(found, planned, options), left_out
        except BrokenImagesError as error:
            if options.errors == "raise":
                raise
            left_out += error.broken
            found = found.without([file for file, _ in error.broken])


def _read(found: ClassFolders, planned: Plan, options: ImageOptions) -> Data:
    """Return the data set of the images that were found."""
    labels = torch.tensor(found.labels, dtype=torch.int64)
    parts = split(len(labels), options.train_val_ratio, labels)
    if options.batch_size is None:
        options = replace(options, batch_size=default_batch_size(len(parts[0])))
    source = _Source(found, labels, planned, options)
    try:
        return source.read(*parts)
    except SizesDifferError as error:
        return replace(replace(source, keep=False).read(*parts), problem=error)


def _left_out(broken: Sequence[tuple[Path, InputError]]) -> str:
    reasons = [error.text.rstrip(".。") for _, error in broken[:5]]
    if len(broken) > 5:
        reasons.append(ngettext("and {count} more", "and {count} more", len(broken) - 5))
    return ngettext(
        "{count} broken image is left out: {reasons}.",
        "{count} broken images are left out: {reasons}.",
        len(broken),
        reasons=gettext("; ").join(reasons),
    )


@dataclass(frozen=True)
class _Source:
    """Which images a data set is read from, and how.

    Args:
        found: The images.
        labels: Their class indices, int64.
        planned: What happens to them.
        options: See `load_images`.
        keep: Whether to keep them in memory where there is room.
    """

    found: ClassFolders
    labels: torch.Tensor
    planned: Plan
    options: ImageOptions
    keep: bool = True

    def read(self, train: torch.Tensor, held_back: torch.Tensor) -> Data:
        """Return the data set of the images with these numbers.

        Raises:
            SizesDifferError: Images differ in size after preprocessing.
            DataError: Images are broken.
        """
        return Data(
            train=self.batches(train, is_training=True),
            validation=self.batches(held_back, is_training=False) if len(held_back) else None,
            example=_example(self.found.files[0], self.planned.preprocess),
        )

    def batches(self, part: torch.Tensor, is_training: bool) -> Batches:
        """Return some of the images in batches.

        Args:
            part: Their numbers.
            is_training: Whether they are trained on, and so shuffled and changed at random.
        """
        files, planned, options = self.found.files, self.planned, self.options
        reader = Reader.of(
            planned, files[0], options.num_workers, options.progress, read_once=options.errors == "skip"
        )
        chosen = [files[number] for number in part.tolist()]
        operations = planned.operations if is_training else planned.outside_training
        share = options.budget * len(part) // len(self.labels) if self.keep else 0
        samples = reader.samples(chosen, self.labels[part], operations, share, may_differ=not self.keep)
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

        reread = _ReadAgain(self, part, is_training)
        return Batches(samples, options.batch_size, options.shuffle and is_training, preparation, reread)


@dataclass(frozen=True, eq=False)
class _ReadAgain:
    """Reads some images of a source in another way; see `Batches`."""

    source: _Source
    part: torch.Tensor
    is_training: bool

    @property
    def files(self) -> tuple[Path, ...]:
        """Those of the images."""
        return tuple(self.source.found.files[number] for number in self.part.tolist())

    def __call__(self, change: Callable[[Plan], Plan]) -> Batches:
        source = replace(self.source, planned=change(self.source.planned), keep=True)
        return source.batches(self.part, self.is_training)


def _example(file: Path, preprocess: Preprocess) -> np.ndarray[Any, Any]:
    """Return an image before preprocessing; smaller where preprocessing gives a fixed size anyway."""
    decoded = decode(file, preprocess.color)
    height, width = preprocess.output_size()
    if height is not None and width is not None:
        side = max(_EXAMPLE_SIDE, height, width)
        decoded.thumbnail((side, side))
    return pixels(decoded)
