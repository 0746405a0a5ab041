"""What the loaders of data are asked for: checked once, and passed on whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from onnxnn_runtime.arrays.numbers import plain_number
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of
from onnxnn_runtime.tables.options import CsvOptions
from onnxnn_runtime.tables.table import Column

from .column_kinds import check_asked

CACHE_MB = 2048.0
"""How many megabytes of decoded images are kept in memory unless `cache_mb` says otherwise."""

Index = Column | Sequence[Column] | bool | None

_MOST_WORKERS = 256


class Numbers(TypedDict, total=False):
    """The options of `NumberOptions` for type checkers: the signature of all calls that load arrays."""

    channel_order: str | None
    standardize: bool


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """What all loaders understand.

    Args:
        batch_size: Samples in a batch; None takes all in one, and for files of images follows the number of
            those to train on, see `default_batch_size`.
        train_val_ratio: The share of the samples to train on, of each class; the rest validates.
        shuffle: Whether every epoch has another order.
    """

    batch_size: int | None = None
    train_val_ratio: float = 1.0
    shuffle: bool = True


@dataclass(frozen=True, kw_only=True)
class ImageOptions(LoadOptions):
    """How class folders of images are loaded.

    Args:
        classes: See `find_images`.
        transform: See `onnxnn.data.transforms.plan`.
        color: "RGB" or "grayscale".
        num_workers: Threads that read; 0 takes one for each core, up to 8, and one for tiny images.
        batch_mode: Whether to keep nothing in memory, as with `cache_mb=0`.
        cache_mb: Megabytes (of 1,000,000 bytes) of decoded images to keep.
        errors: "raise" refuses data with broken images and names them all; "skip" leaves them out, with a
            warning, for which each image is read once before training.
        progress: Whether to show a progress bar on stderr while images are read, on a terminal.

    Raises:
        DataError: `num_workers` or `errors` is none of these.
    """

    classes: object = None
    transform: object = None
    color: str = "RGB"
    num_workers: int = 0
    batch_mode: bool = False
    cache_mb: float = CACHE_MB
    errors: str = "raise"
    progress: bool = False

    def __post_init__(self) -> None:
        workers = plain_number(self.num_workers)
        if isinstance(workers, bool) or not isinstance(workers, int) or not 0 <= workers <= _MOST_WORKERS:
            raise DataError.coded(
                "E-DATA-09",
                "num_workers={got}: expected an integer from 0 to {most}; 0 takes one thread for each core.",
                got=shortened(workers),
                most=_MOST_WORKERS,
            )
        object.__setattr__(self, "num_workers", workers)
        if not is_one_of(self.errors, ("raise", "skip")):
            raise DataError.coded(
                "E-DATA-09", "errors={got}: expected 'raise' or 'skip'.", got=shortened(self.errors)
            )

    @property
    def budget(self) -> int:
        """How many bytes of decoded images may be kept."""
        return 0 if self.batch_mode else int(self.cache_mb * 1e6)


@dataclass(frozen=True, kw_only=True)
class NumberOptions:
    """What the numbers of arrays mean, and how they come to the network.

    Args:
        channel_order: "rgb", or "bgr" where images hold blue first, as OpenCV reads them. The network gets
            RGB in either case, and keeps the order for arrays that are given later.
        standardize: Whether each number of a row, or of a step, is brought to mean 0 and deviation 1 by the
            network's first operation, in float64 where float32 cannot hold it; for tables and sequences.
    """

    channel_order: str | None = None
    standardize: bool = False


@dataclass(frozen=True, kw_only=True)
class ArrayOptions(LoadOptions, NumberOptions):
    """How arrays are loaded.

    Args:
        classes: The names of the classes: a list, {"cat": 0} or {0: "cat"}.
        word2idx: The id of each token.
    """

    classes: object = None
    word2idx: Mapping[str, int] | None = None


@dataclass(frozen=True, kw_only=True)
class TableOptions(LoadOptions, CsvOptions):
    """How a CSV file is loaded.

    Args:
        standardize: Whether each column is brought to mean 0 and standard deviation 1 by the
            network's first operation; the figures come from the training rows. None does so where the table
            holds more than numbers, and never scales categories and booleans. A column that is
            constant there is only shifted. Where float32 cannot hold a column, such as time stamps, the
            network takes float64.
        label: The label column by name or position; None takes the one whose name says so (see
            `onnxnn_runtime.tables.heading.label_named`), else the last.
        index: Columns that count rows and are left out, by name or position; None finds those that pandas
            writes, False keeps all.
        columns: What columns are, by name or position, where that is not as their cells say: see
            `onnxnn.data.column_kinds`.

    Raises:
        DataError: `columns` is no mapping to kinds of columns, or `standardize` is none of these.
    """

    standardize: bool | None = None
    label: Column | None = None
    index: Index = None
    columns: Mapping[Column, str] | None = None

    def __post_init__(self) -> None:
        check_asked(self.columns)
        if not is_one_of(self.standardize, (None, True, False)):
            raise DataError.coded(
                "E-DATA-09",
                "standardize={got}: expected True, False, or None to choose.",
                got=shortened(self.standardize, 40),
            )
