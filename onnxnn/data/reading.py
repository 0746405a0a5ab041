"""Reading images for training: kept in memory where there is room, else read ahead of training."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.preprocess import ImageLike, Preprocess, apply_step, decode, pixels
from onnxnn_runtime.errors import DataError, InputError
from onnxnn_runtime.images.decode import upright_size
from onnxnn_runtime.images.memory import shared
from onnxnn_runtime.messages.catalogue import Message, gettext, ngettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.session.cores import num_threads
from onnxnn_runtime.session.pipeline import ordered
from PIL import Image

from onnxnn.console.progress import counted

from .augment import Augmentation
from .batches import Batch, InMemory, Samples, to_float
from .dataset import as_data_errors
from .transforms import Operation, Plan

_AHEAD = 3  # batches that are read while one is trained on
_SMALL_SIDE = 64  # pixels
_SMALL = _SMALL_SIDE**2  # pixels; below, threads wait for each other's Python and are slower than one alone
_GROUP = 16  # small files that a thread reads at a time when everything is read into memory

Array = np.ndarray[Any, Any]
Task = list[tuple[int, int]]
"""The images of a batch: each one's number and the seed of its random changes."""


class SizesDifferError(DataError):
    """Images differ in size after preprocessing."""


class BrokenImagesError(DataError):
    """Images cannot be read.

    Attributes:
        broken: The file and the reason of each.
    """

    broken: tuple[tuple[Path, InputError], ...] = ()

    @classmethod
    def of(cls, broken: Sequence[tuple[Path, InputError]]) -> BrokenImagesError:
        """Return the error of some files."""
        lines = [error.text for _, error in broken[:5]]
        if len(broken) > len(lines):
            more = len(broken) - len(lines)
            lines.append(
                ngettext("... and {count} more broken image.", "... and {count} more broken images.", more)
            )
        advice = gettext(
            "Repair or remove broken images, or leave them out with load_img_data(..., errors='skip')."
        )
        found = cls(Message("\n".join([*lines, advice]), "E-INPUT-09"))
        found.broken = tuple(broken)
        return found


@dataclass(frozen=True)
class Reader:
    """Reads images as a plan says; all must have the size of the first.

    Args:
        plan: What happens to images.
        first: The image whose size all others must have.
        shape: Its (H, W, C) outside training.
        workers: Threads that read.
        group: Files that a thread reads at a time when everything is read into memory.
        progress: Whether to show a bar while images are read into memory.
        read_once: Whether to read each image once before training, so that broken ones are known then.
    """

    plan: Plan
    first: Path
    shape: tuple[int, ...]
    workers: int
    group: int
    progress: bool = False
    read_once: bool = False

    @classmethod
    def of(
        cls, plan: Plan, first: Path, num_workers: int = 0, progress: bool = False, read_once: bool = False
    ) -> Reader:
        """Return a reader for images like the first; the arguments are those of the class.

        Raises:
            BrokenImagesError: The first image is broken.
            DataError: A function of the user returns no image.
        """
        shape = _read(first, plan, plan.outside_training).shape
        with Image.open(first) as opened:
            is_small = opened.width * opened.height <= _SMALL
        workers = num_workers or (1 if is_small else min(num_threads(), 8))
        # A function of the user may not be made for threads.
        threads, group = 1 if plan.functions else workers, _GROUP if is_small else 1
        return cls(plan, first, shape, threads, group, progress, read_once)

    def outside_training(self, image: ImageLike) -> Array:
        """Return an image as float32 (C, H, W) in 0..1, with nothing random."""
        return Preprocess.to_float(_read(image, self.plan, self.plan.outside_training))

    def samples(
        self,
        files: Sequence[Path],
        labels: torch.Tensor,
        operations: tuple[Operation, ...],
        budget: int,
        may_differ: bool = False,
    ) -> Samples:
        """Return images as samples, in memory where `budget` bytes allow.

        Args:
            files: The images.
            labels: Their class indices, int64.
            operations: What happens to them.
            budget: How many bytes may be kept.
            may_differ: Whether images of other sizes than the first are found only when they are read.

        Raises:
            SizesDifferError: Images are of another size than the first.
            DataError: They are broken.
        """
        steps = _leading_steps(operations)
        changing = operations[len(steps) :]
        preprocess = Preprocess(self.plan.color, steps)
        if not changing and len(files) * int(np.prod(self.shape)) <= budget:
            return InMemory(self._stacked(files, preprocess), labels)
        if not may_differ:
            self._check_sizes(files)
        kept = self._kept(files, preprocess, budget) if changing else None
        if kept is None and self.read_once:
            deque(self._read_all(files, preprocess), maxlen=0)
        return _Images(self, tuple(files), labels, operations if kept is None else changing, kept)

    def check(self, image: Array, file: Path) -> Array:
        """Return an image, or refuse one of another size than the first."""
        if image.shape == self.shape:
            return image
        (height, width), (other_height, other_width) = self.shape[:2], image.shape[:2]
        if max(height, width, other_height, other_width) > 2 * _SMALL_SIDE:
            advice = gettext(
                "Write transform={{'Resize': (224, 224)}}, which is (height, width); (64, 64) is enough for "
                "a small network."
            )
        else:
            advice = gettext("Write transform={{'Resize': (64, 64)}}, which is (height, width).")
        raise SizesDifferError.coded(
            "E-DATA-06",
            "{file}: expected an image of height {height} and width {width}, as of {first}, got height "
            "{got_height} and width {got_width}. A batch needs one size. {advice}",
            file=file,
            first=self.first,
            height=height,
            width=width,
            got_height=other_height,
            got_width=other_width,
            advice=advice,
        )

    def _check_sizes(self, files: Sequence[Path]) -> None:
        """Compare the sizes of images that are not read now, by their headers.

        An image is decoded where its header has a size that none before had. After functions of the user,
        sizes are known only when images are read.
        """
        if self.plan.functions or None not in self.plan.preprocess.output_size():
            return
        seen = {upright_size(self.first), None}
        for file, size in zip(
            files, counted(map(upright_size, files), len(files), self.progress), strict=True
        ):
            if size not in seen:
                seen.add(size)
                self.check(_read(file, self.plan, self.plan.outside_training), file)

    def _stacked(self, files: Sequence[Path], preprocess: Preprocess) -> torch.Tensor:
        height, width, channels = self.shape
        stacked = np.empty((len(files), channels, height, width), np.uint8)
        for number, image in enumerate(self._read_all(files, preprocess)):
            stacked[number] = np.moveaxis(self.check(image, files[number]), -1, 0)
        return torch.from_numpy(stacked)

    def _kept(self, files: Sequence[Path], preprocess: Preprocess, budget: int) -> tuple[Array, ...] | None:
        kept: list[Array] = []
        for image in self._read_all(files, preprocess) if budget else ():
            budget -= image.nbytes
            if budget < 0:
                return None
            image.flags.writeable = False
            kept.append(image)
        return tuple(kept) or None

    def _read_all(self, files: Sequence[Path], preprocess: Preprocess) -> Iterator[Array]:
        def read(group: Sequence[Path]) -> list[Array | InputError]:
            found: list[Array | InputError] = []
            for file in group:
                try:
                    found.append(preprocess.to_uint8(file))
                except InputError as error:
                    found.append(error)
            return found

        broken: list[tuple[Path, InputError]] = []
        groups = [files[start : start + self.group] for start in range(0, len(files), self.group)]
        with closing(ordered(read, groups, self.workers)) as ahead:
            each = chain.from_iterable(ahead)
            for file, image in zip(files, counted(each, len(files), self.progress), strict=True):
                if isinstance(image, InputError):
                    broken.append((file, image))
                elif not broken:
                    yield image
        if broken:
            raise BrokenImagesError.of(broken)


@dataclass(frozen=True, eq=False, repr=False)
class _Images(Samples):
    """Images that are read or changed batch by batch, ahead of training.

    Args:
        reader: How they are read.
        files: The images.
        ids: Their class indices, int64.
        operations: What happens to each when it is taken.
        kept: The images in memory, uint8 (H, W, C); None where each is read from its file.
    """

    reader: Reader
    files: tuple[Path, ...]
    ids: torch.Tensor
    operations: tuple[Operation, ...]
    kept: tuple[Array, ...] | None

    def __len__(self) -> int:
        return len(self.files)

    @property
    def labels(self) -> torch.Tensor | None:
        return self.ids

    @property
    def sizes(self) -> tuple[int, ...]:
        height, width, channels = self.reader.shape
        return channels, height, width

    @property
    def is_constant(self) -> bool:
        return not self._is_random and not self.reader.plan.functions

    @property
    def _is_random(self) -> bool:
        return any(isinstance(operation, Augmentation) for operation in self.operations)

    def take(self, groups: Iterable[torch.Tensor]) -> Iterator[Batch]:
        # All seeds are drawn before the first batch, so that reading ahead changes no result.
        seeds = iter(torch.randint(2**62, (len(self),)).tolist() if self._is_random else [0] * len(self))
        tasks = [[(number, next(seeds)) for number in group.tolist()] for group in groups]
        if self.reader.plan.functions:
            yield from (self._batch(task, self._images(task)) for task in tasks)
            return
        parts = (part for task in tasks for part in self._parts(task))
        most = _AHEAD * self.reader.workers + 1
        with closing(ordered(self._images, parts, self.reader.workers, ahead=most)) as ahead:
            images = chain.from_iterable(ahead)
            for task in tasks:
                yield self._batch(task, list(islice(images, len(task))))

    def _parts(self, task: Task) -> Iterator[Task]:
        """Yield a batch in parts, one for each thread."""
        size = -(-len(task) // self.reader.workers)
        return (task[start : start + size] for start in range(0, len(task), size))

    def _images(self, task: Task) -> list[Array]:
        return [self._image(number, seed) for number, seed in task]

    def _image(self, number: int, seed: int) -> Array:
        source = self.files[number] if self.kept is None else self.kept[number]
        image = _read(source, self.reader.plan, self.operations, Random(seed))
        return self.reader.check(image, self.files[number])

    def _batch(self, task: Task, images: list[Array]) -> Batch:
        stacked = np.ascontiguousarray(np.moveaxis(np.stack(images), -1, 1))
        numbers = torch.tensor([number for number, _ in task])
        return to_float(torch.from_numpy(stacked)), self.ids[numbers]


def _read(
    image: ImageLike, plan: Plan, operations: tuple[Operation, ...], random: Random | None = None
) -> Array:
    """Return an image after some operations, uint8 (H, W, C)."""
    with shared().one_image():
        return _read_one(image, plan, operations, random)


def _read_one(
    image: ImageLike, plan: Plan, operations: tuple[Operation, ...], random: Random | None
) -> Array:
    try:
        with as_data_errors():
            decoded = decode(image, plan.color)
    except DataError as error:
        if isinstance(image, Path) and isinstance(error.__cause__, InputError):
            raise BrokenImagesError.of([(image, error.__cause__)]) from error
        raise
    for operation in operations:
        if isinstance(operation, tuple):
            decoded = apply_step(decoded, operation)
        elif isinstance(operation, Augmentation):
            random = present(random)  # nothing random outside training
            decoded = operation(decoded, random)
        else:
            decoded = _result(operation, decoded, plan.color)
    return pixels(decoded)


def _result(function: Callable[[Image.Image], object], image: Image.Image, color: str) -> Image.Image:
    try:
        result: Any = function(image)
    except Exception as error:
        raise DataError.coded(
            "E-DATA-10",
            "transform={function}: the function failed on an image of {width} x {height} pixels "
            "({kind}: {error})."
            " Try it on one image outside of onnxnn, and mend it.",
            function=shortened(function),
            width=image.width,
            height=image.height,
            kind=type(error).__name__,
            error=printable(str(error)),
        ) from error
    if isinstance(result, torch.Tensor) and result.ndim == 3:
        result = result.detach().cpu().permute(1, 2, 0).numpy()
    try:
        return decode(result, color)
    except InputError as error:
        raise DataError.coded(
            "E-DATA-10",
            "transform={function}: expected the function to return an image (PIL, uint8 (H, W, C), or a "
            "tensor (C, H, W) in 0..1), got something else: {error} For mean and std write 'Normalize'.",
            function=shortened(function),
            error=error,
        ) from error


def _leading_steps(operations: tuple[Operation, ...]) -> tuple[Any, ...]:
    steps = []
    for operation in operations:
        if not isinstance(operation, tuple):
            break
        steps.append(operation)
    return tuple(steps)
