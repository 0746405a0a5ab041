"""Loading data into a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from onnxnn_runtime.api.options import takes_by_name
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn
from onnxnn_runtime.tables.table import Column

from onnxnn import data as loading
from onnxnn.data import Batches, Data
from onnxnn.data.foreign import check_no_pair, is_foreign, unpacked
from onnxnn.data.labels import ValuesError
from onnxnn.data.options import ArrayOptions, ImageOptions, Index, NumberOptions, Numbers, TableOptions

from .core import NetworkCore
from .state import NetworkState

if TYPE_CHECKING:
    from typing_extensions import Unpack

Loaded = Batches | tuple[Batches, Batches]
"""The batches to train on; with `train_val_ratio` below 1 those to train on, and those to validate with."""


def load_img_data(
    self: NetworkCore,
    data_path: str | Path,
    classes: object = None,
    batch_size: int | None = None,
    train_val_ratio: float = 1.0,
    shuffle: bool = True,
    batch_mode: bool = False,
    transform: object = None,
    *,
    color: str = "RGB",
    num_workers: int = 0,
    batch_model: bool = False,
    data_type: object = None,
    errors: str = "raise",
) -> Loaded:
    """Load class folders of images; see `onnxnn.data.load_images`.

    Args:
        data_path: The folder that holds a folder for each class.
        classes: The names of the classes: a list, {"cat": 0} or {0: "cat"}; None takes the folders'.
        batch_size: Images in a batch; None takes 8, 16 or 32, as many images as there are.
        train_val_ratio: The share of each class to train on; the rest validates.
        shuffle: Whether every epoch has another order.
        batch_mode: Whether images are read for each batch instead of kept in memory.
        transform: {"Resize": (64, 64), "RandomHorizontalFlip": {}, ...}, see the table of transforms in
            docs/options.md; also a list of those, torchvision's transforms, or a function.
        color: "RGB" or "grayscale".
        num_workers: Threads that read; 0 takes one for each core, up to 8.
        batch_model: BaseNN's spelling of `batch_mode`.
        data_type: BaseNN's older option, without effect.
        errors: "raise" refuses data with broken images; "skip" leaves them out, with a warning.

    Returns:
        The training batches, or (training, validation) where train_val_ratio is below 1.
    """
    _ignore(data_type)
    options = ImageOptions(
        classes=classes,
        batch_size=batch_size,
        train_val_ratio=train_val_ratio,
        shuffle=shuffle,
        batch_mode=batch_mode or batch_model,
        transform=transform,
        color=color,
        num_workers=num_workers,
        errors=errors,
        progress=bool(self.verbose),
    )
    return _use(self, loading.load_images(data_path, self.task, options, self._state.owned))


def load_tab_data(
    self: NetworkCore,
    data_path: str | Path,
    batch_size: int = 32,
    train_val_ratio: float = 1.0,
    shuffle: bool = True,
    y_type: object = "long",
    num_workers: int = 0,
    standardize: bool | None = None,
    *,
    data_type: object = None,
    label: Column | None = None,
    index: Index = None,
    header: bool | None = None,
    encoding: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    missing: Sequence[str] | None = None,
    columns: Mapping[Column, str] | None = None,
) -> Loaded:
    """Load a CSV file; see `onnxnn.data.load_table`.

    The label is the column called label, class, target, y or 标签, for classes also species or the like
    (docs/tables.md), else the last one. Where a file can be read in several ways, a warning says how it is.

    Args:
        data_path: The file.
        batch_size: Samples in a batch.
        train_val_ratio: The share of the rows to train on; the rest validates.
        shuffle: Whether every epoch has another order.
        y_type: BaseNN's type of the labels. The task decides; labels with fractions are values to predict
            where it is float, or where no task was chosen.
        num_workers, data_type: Accepted as BaseNN has them, without effect: a table is in memory.
        standardize: Whether the network's first operation brings each column to mean 0 and deviation 1; None
            does so for numbers and dates where the table holds more than numbers.
        label: The label column, by name or by position from 0 (-1 is the last).
        index: A column that counts rows and is left out, or a list of those; False keeps all columns.
        header: Whether the first row is a heading.
        encoding: The file's encoding, such as "gb18030" or "cp1252".
        decimal, thousands: The marks before a fraction, "." or ",", and between thousands, such as ",".
        missing: What stands in a cell without a value, such as ["?", "NA"]; [] where those are classes.
        columns: What columns are, where that is not as their cells say: {"plate": "ignore", "size":
            "categorical"}; also "number", "boolean", "date", "date_dmy" and "date_mdy".

    Returns:
        The training batches, or (training, validation) where train_val_ratio is below 1.
    """
    _ignore(data_type)
    options = TableOptions(
        batch_size=batch_size,
        train_val_ratio=train_val_ratio,
        shuffle=shuffle,
        standardize=standardize,
        label=label,
        index=index,
        header=header,
        encoding=encoding,
        decimal=decimal,
        thousands=thousands,
        missing=missing,
        columns=columns,
    )
    are_values = "float" in shortened(y_type).lower()
    known = self._state.owned
    return _load(self, lambda task: loading.load_table(data_path, task, options, known), are_values)


@takes_by_name(NumberOptions)
def load_npz_data(
    self: NetworkCore,
    data_path: str | Path,
    batch_size: int = 32,
    shuffle: bool = True,
    classes: object = None,
    train_val_ratio: float = 1.0,
    num_workers: int = 0,
    data_type: object = None,
    **numbers: Unpack[Numbers],
) -> Loaded:
    """Load a .npz file with the arrays `data` and `label`; see `onnxnn.data.load_npz`.

    Args:
        data_path: The file.
        batch_size: Samples in a batch.
        shuffle: Whether every epoch has another order.
        classes: The names of the classes: a list, {"cat": 0} or {0: "cat"}.
        train_val_ratio: The share of the samples to train on; the rest validates.
        num_workers: Accepted as BaseNN has it, without effect: the arrays are in memory.
        data_type: BaseNN's older option, without effect.
        channel_order: "rgb", or "bgr" for arrays of images that OpenCV read; kept for later arrays.
        standardize: Whether the network's first operation brings each column to mean 0 and deviation 1.

    Returns:
        The training batches, or (training, validation) where train_val_ratio is below 1.
    """
    _ignore(data_type)
    options = ArrayOptions(
        classes=classes,
        batch_size=batch_size,
        train_val_ratio=train_val_ratio,
        shuffle=shuffle,
        **numbers,
    )
    return _load(self, lambda task: loading.load_npz(data_path, task, options, self._state.owned))


@takes_by_name(NumberOptions)
def load_dataset(
    self: NetworkCore,
    x: object,
    y: object = None,
    num_workers: int = 0,
    classes: object = None,
    batch_size: int | None = None,
    train_val_ratio: float = 1.0,
    shuffle: bool = True,
    *,
    word2idx: Mapping[str, int] | None = None,
    **numbers: Unpack[Numbers],
) -> Loaded:
    """Take arrays or lists; see `onnxnn.data.from_arrays`.

    Args:
        x: An array, a tensor, lists or a DataFrame: (N, F) is a table, (N, T, F) are sequences, uint8
            (N, H, W, 3) images; a torch DataLoader or Dataset, or what scikit-learn's load_iris() and
            the like return, brings x and y.
        y: Labels of classes, values to predict, or labels for each step.
        num_workers: Accepted as BaseNN has it, without effect: the arrays are in memory.
        classes: The names of the classes: a list, {"cat": 0} or {0: "cat"}.
        batch_size: Samples in a batch; None takes all in one.
        train_val_ratio: The share of the samples to train on; the rest validates.
        shuffle: Whether every epoch has another order.
        word2idx: The vocabulary of tokens: {"word": id}.
        channel_order: "rgb", or "bgr" for arrays of images that OpenCV read; kept for later arrays.
        standardize: Whether the network's first operation brings each column to mean 0 and deviation 1.

    Returns:
        The training batches, or (training, validation) where train_val_ratio is below 1.
    """
    if y is None and is_foreign(x):
        x, y, names = unpacked(x, "load_dataset")
        classes = names if classes is None else classes
    elif y is None:
        check_no_pair(x, "load_dataset")
    options = ArrayOptions(
        classes=classes,
        batch_size=batch_size,
        train_val_ratio=train_val_ratio,
        shuffle=shuffle,
        word2idx=word2idx,
        **numbers,
    )
    return _load(self, lambda task: loading.from_arrays(x, y, task, options, self._state.owned))


def _load(self: NetworkCore, read: Callable[[str], Data], are_values: bool = False) -> Loaded:
    """Load data, as values to predict where its labels are no classes and no task was chosen.

    Args:
        read: Returns the data for a task.
        are_values: Whether the call says that labels are values.
    """
    try:
        return _use(self, read(self.task))
    except ValuesError as error:
        state = self._state
        if state.task != "cls" or state.owned is not None or not (state.is_task_open or are_values):
            raise
        try:
            data = read("reg")
        except DataError:
            raise error from None
        line = gettext("{error} They are read as values to predict, as by nn('reg').", error=error)
        data = replace(data, remarks=(line, *data.remarks))
        return _use(self, data, replace(state, task="reg"))


def _use(self: NetworkCore, data: Data, state: NetworkState | None = None) -> Loaded:
    self._become((self._state if state is None else state).with_data(data))
    used = self._need_data()
    train = used.train.handed_out(self._as_now)
    return train if used.validation is None else (train, used.validation.handed_out(self._as_now))


def _ignore(data_type: object) -> None:
    """Warn of an option of BaseNN's older scripts."""
    if data_type is not None:
        warn(
            gettext(
                "data_type={value} has no effect, since the method decides what is loaded. Leave it out.",
                value=shortened(data_type),
            )
        )
