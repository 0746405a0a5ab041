"""Labels and targets in every form that scripts hold them, as the tensor that a loss needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from onnxnn_runtime.arrays.columns import folded
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import coded, gettext, ngettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn

from .class_names import class_names
from .label_arrays import as_array, finite
from .label_mapping import LabelMapping, warn_of_bools
from .standardize import COARSE, needs_float64

_MOST_CLASSES = 10_000
"""The integers below which labels are classes by default."""

Array = np.ndarray[Any, Any]


class ValuesError(DataError):
    """Labels that are values to predict, and no classes."""


def class_numbers(
    labels: object, classes: object = None, source: str = "labels", quiet: bool = False
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Return class indices and the names of the classes.

    Integers of any type, with 0 among them, are class indices as they stand, and an index that
    never occurs is a class without samples. Other integers (1, 2, 3 or -1, 1) and texts are
    numbered in sorted order. bools are the texts "False" and "True", as tables hold them. Rows of one-hot
    values give the position of the 1. Numbers and bools that all stand among the names are those classes.

    Args:
        labels: (N,) or a column (N, 1) of integers, floats without fraction, bools or texts; or
            one-hot (N, classes); an array, a tensor or lists.
        classes: The names, as `class_names` takes them; None lets the labels decide.
        source: How messages call the labels.
        quiet: Whether to say nothing of integers that do not count from 0, as those for a network that knows
            its classes by name may.

    Returns:
        int64 (N,) and the names.

    Raises:
        DataError: They are none of those, or do not match the names.
    """
    names = class_names(classes)
    array = as_array(labels, source)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return _one_hot(array, names, source)
    if array.ndim != 1:
        raise DataError(
            coded(
                "E-DATA-06",
                "{source}: expected one label per sample (N,), a column (N, 1) or one-hot (N, classes), got "
                "shape {shape}."
                " Reshape the labels, or take nn('reg') for several values per sample.",
                source=source,
                shape=shape_text(array.shape),
            )
        )
    are_bools = names is None or {"true", "false"} <= set(map(folded, names))
    if array.dtype.kind in "US" or (array.dtype.kind == "b" and are_bools):
        return _texts(array.astype(str), names, source)
    if array.dtype.kind == "b" and names is not None:
        warn_of_bools(names, source)
    return _numbers(_whole(array, source), names, source, quiet)


def are_indices(y: Array, names: tuple[str, ...]) -> bool:
    """Return whether labels count as class indices, though some of those are names of other classes.

    Args:
        y: Labels of any type and shape.
        names: The names of the classes.
    """
    others = {str(id_) for id_, name in enumerate(names) if name != str(id_)}
    if y.dtype.kind not in "iu" or others.isdisjoint(names):
        return False
    return not {str(number) for number in np.unique(y)} <= set(names)


def named_by_index(y: Array, names: tuple[str, ...], source: str) -> Array:
    """Return the names of classes for labels that are their indices; labels of other types as they are.

    Raises:
        DataError: One is no class index.
    """
    if y.dtype.kind not in "iu":
        return y
    _check_indices(y, names, source)
    return np.array(names)[y]


def _check_indices(numbers: Array, names: tuple[str, ...], source: str) -> None:
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= len(names):
        raise DataError(
            coded(
                "E-DATA-05",
                "{source}: expected class indices 0..{last} for the named classes ({names}), got "
                "{low}..{high}."
                " Count the labels from 0, or name each class.",
                source=source,
                last=len(names) - 1,
                names=", ".join(names),
                low=low,
                high=high,
            )
        )


def targets(values: object, source: str = "y") -> torch.Tensor:
    """Return the values to predict as float32 (N, K); (N,) becomes (N, 1).

    Values whose differences float32 loses, such as time stamps, are mentioned.

    Raises:
        DataError: They are no numbers, or not finite (the message says where).
    """
    array = as_array(values, source)
    if array.dtype.kind not in "biuf":
        raise DataError(
            coded(
                "E-DATA-04",
                "{source}: expected numbers for regression, got {got}. For names use nn('cls').",
                source=source,
                got=shortened(array.ravel().tolist()[0]),
            )
        )
    finite(array, source)
    column = array[:, np.newaxis] if array.ndim == 1 else array
    if column.ndim == 2 and (coarse := needs_float64(column, resolution=COARSE)):
        warn(
            gettext(
                "{source}: column {column} of the values to predict has differences that float32 cannot "
                "hold, as predictions are float32. Subtract an offset before, such as its smallest value, "
                "and add it to the predictions.",
                source=source,
                column=coarse[0],
            )
        )
    return torch.from_numpy(
        np.array(column, np.float32, order="C")
    )  # a copy: the caller may write into it later


def _whole(array: Array, source: str) -> Array:
    if array.dtype.kind not in "biuf":
        raise DataError(
            coded(
                "E-DATA-05",
                "{source}: expected numbers or texts, got type {dtype}. Convert them, such as with "
                "y.astype(str).",
                source=source,
                dtype=array.dtype,
            )
        )
    finite(array, source)
    with np.errstate(invalid="ignore"):  # beyond int64, which is refused below
        whole = array.astype(np.int64)
    if not np.array_equal(whole, array):
        fraction = array[whole != array][0]
        raise ValuesError(
            coded(
                "E-DATA-05",
                "{source}: expected classes, integers or names, got {value}. To predict values use "
                "nn('reg').",
                source=source,
                value=fraction,
            )
        )
    return whole


def _numbers(
    numbers: Array, names: tuple[str, ...] | None, source: str, quiet: bool
) -> tuple[torch.Tensor, tuple[str, ...]]:
    if names is not None:
        return _numbers_of_names(numbers, names, source), names
    low, high = int(numbers.min()), int(numbers.max())
    if low == 0 and high < _MOST_CLASSES:
        return torch.from_numpy(numbers), tuple(str(number) for number in range(high + 1))
    found, positions = np.unique(numbers, return_inverse=True)
    if len(found) > _MOST_CLASSES:
        raise ValuesError(
            coded(
                "E-DATA-05",
                "{source}: expected at most {most} classes, got {count} different numbers. To predict values "
                "use nn('reg').",
                source=source,
                most=_MOST_CLASSES,
                count=len(found),
            )
        )
    listed = ", ".join(str(number) for number in found[:5]) + (", ..." if len(found) > 5 else "")
    if not quiet:
        warn(
            gettext(
                "{source} do not count from 0: {labels} became classes 0 to {last} in this order.",
                source=source,
                labels=listed,
                last=len(found) - 1,
            )
        )
    return torch.from_numpy(positions.reshape(-1).astype(np.int64)), tuple(str(number) for number in found)


def _numbers_of_names(numbers: Array, names: tuple[str, ...], source: str) -> torch.Tensor:
    """Return the class indices of integers, which are names where all of them are, else class indices."""
    low, high = int(numbers.min()), int(numbers.max())
    found, positions = np.unique(numbers, return_inverse=True)
    ids = LabelMapping(names).ids
    if all(str(number) in ids for number in found):
        named = np.array([ids[str(number)] for number in found], np.int64)
        if high < len(names) and low >= 0 and not np.array_equal(named, found):
            first = int(np.argmax(named != found))
            warn(
                gettext(
                    "{source}: the labels are names among the classes, so {label} is the class {name!r}, "
                    "and not {other!r}, whose class index it is. Where they are class indices, give the "
                    "names: np.array(classes)[y].",
                    source=source,
                    label=found[first],
                    name=str(found[first]),
                    other=names[found[first]],
                )
            )
        return torch.from_numpy(named[positions.reshape(-1)])
    _check_indices(numbers, names, source)
    other = [number for number in found if ids.get(str(number), number) != number]
    if other:
        missing = next(number for number in found if str(number) not in ids)
        warn(
            gettext(
                "{source}: {missing} is no name among the classes, so the labels are class indices: "
                "{label} is the class {name!r}, and not {other!r}. Where they are names, name every "
                "class.",
                source=source,
                missing=missing,
                label=other[0],
                name=names[other[0]],
                other=str(other[0]),
            )
        )
    return torch.from_numpy(numbers)


def _texts(texts: Array, names: tuple[str, ...] | None, source: str) -> tuple[torch.Tensor, tuple[str, ...]]:
    if names is None:
        names = tuple(sorted(set(texts.tolist())))
        _warn_of_alike(names, source)
    different = set(texts.tolist())
    ids = LabelMapping(names).find(different)
    unknown = sorted(different - ids.keys())
    if unknown:
        raise DataError(
            coded(
                "E-DATA-05",
                "{source}: expected one of the classes {names}, got {unknown}."
                " Correct the label, or add its class to the training data and train again.",
                source=source,
                names=", ".join(map(repr, names)),
                unknown=", ".join(map(repr, unknown[:5])),
            )
        )
    return torch.tensor([ids[text] for text in texts.tolist()], dtype=torch.int64), names


def _warn_of_alike(names: tuple[str, ...], source: str) -> None:
    """Warn of classes that look like one: "Yes" and "yes", "cat" and " cat"."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(folded(name), []).append(name)
    several = [given for given in alike.values() if len(given) > 1]
    if several:
        warn(
            gettext(
                "{source}: {names} are different classes, though they differ only in case, blanks or the "
                "form of accents. Write them alike where they are one.",
                source=source,
                names=gettext("; ").join(
                    ", ".join(shortened(name, 20) for name in given[:3]) for given in several[:3]
                ),
            )
        )


def _one_hot(
    array: Array, names: tuple[str, ...] | None, source: str
) -> tuple[torch.Tensor, tuple[str, ...]]:
    is_hot = ((array == 0) | (array == 1)).all(axis=1) & ((array != 0).sum(axis=1) == 1)
    if not is_hot.all():
        row = int(np.argmin(is_hot))
        is_values = names is None and array.dtype.kind == "f" and bool((array != np.round(array)).any())
        raise (ValuesError if is_values else DataError)(
            coded(
                "E-DATA-05",
                "{source} of shape {shape}: expected one label per sample (N,), or rows with a single 1, got "
                "{values} in row {row}."
                " Correct the row, or take nn('reg') for values to predict.",
                source=source,
                shape=shape_text(array.shape),
                values=shortened(array[row].tolist()),
                row=row,
            )
        )
    count = array.shape[1]
    if names is not None and len(names) != count:
        raise DataError(
            coded(
                "E-DATA-05",
                "{source}: expected {classes} of one-hot labels, one for each named class, got {count}."
                " Name as many classes as the labels have.",
                source=source,
                classes=ngettext("{count} column", "{count} columns", len(names)),
                count=count,
            )
        )
    return torch.from_numpy(array.argmax(axis=1)), names or tuple(str(number) for number in range(count))
