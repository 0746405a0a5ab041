"""Labels and targets in every form that scripts hold them, as the tensor that a loss needs."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sized
from itertools import islice
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.arrays.columns import names_listed
from onnxnn_runtime.arrays.conversion import from_objects, without_gradient
from onnxnn_runtime.errors import DataError, InputError, located
from onnxnn_runtime.inputs.given import MAX_DEPTH
from onnxnn_runtime.messages.catalogue import Message, coded, gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn

from .label_mapping import folded, warn_of_bools
from .missing_labels import check_entries
from .standardize import COARSE, needs_float64

__all__ = ["ValuesError", "as_array", "class_names", "class_numbers", "finite", "ragged", "targets"]

_MOST_CLASSES = 10_000
"""The integers below which labels are classes by default."""

_MOST_NAMES = 1_000_000

Array = np.ndarray[Any, Any]


class ValuesError(DataError):
    """Labels that are values to predict, and no classes."""


def class_names(classes: Any) -> tuple[str, ...] | None:
    """Return the names of classes by number from a list, {"cat": 0} or {0: "cat"}; None stays None.

    Raises:
        DataError: It is none of those, a name occurs twice, or the class indices are not 0, 1, 2, ...
    """
    if classes is None:
        return None
    if isinstance(classes, Mapping):
        names = _from_mapping(classes)
    elif isinstance(classes, str) or not isinstance(classes, Iterable):
        raise DataError(
            coded(
                "E-DATA-09",
                "classes={got}: expected a list of names, {{name: index}} or {{index: name}}.",
                got=shortened(classes),
            )
        )
    else:
        names = [_name(each) for each in _in_order(classes)]
    if not names:
        raise DataError(
            coded(
                "E-DATA-09", "classes: expected a name for each class, got none. Name all, or leave it out."
            )
        )
    twice = sorted(name for name, number in Counter(names).items() if number > 1)
    if twice:
        raise DataError(
            coded(
                "E-DATA-09",
                "classes: expected each name once, got {names} more than once.",
                names=names_listed(twice),
            )
        )
    return tuple(names)


def _in_order(classes: Iterable[Any]) -> list[Any]:
    if isinstance(classes, set | frozenset):
        raise DataError(
            coded(
                "E-DATA-09",
                "classes={got}: expected names in order, got a set. Give a list.",
                got=shortened(classes),
            )
        )
    names = list(islice(classes, _MOST_NAMES + 1))  # an iterator may have no end
    if len(names) > _MOST_NAMES:
        raise DataError(
            coded(
                "E-DATA-09",
                "classes: expected one name for each class of the data, got more than {most:,}.",
                most=_MOST_NAMES,
            )
        )
    return names


def _name(given: Any) -> str:
    if isinstance(given, bytes):
        given = given.decode("utf-8", "replace")
    if not isinstance(given, str | int | float | np.generic | os.PathLike):
        raise DataError(
            coded("E-DATA-09", "classes: expected a text for each class, got {got}.", got=shortened(given))
        )
    return str.__str__(given) if isinstance(given, str) else str(given)  # of an Enum the text alone


def _from_mapping(classes: Mapping[Any, Any]) -> list[str]:
    pairs = [(key, value) if _is_whole(key) else (value, key) for key, value in classes.items()]
    if not all(_is_whole(number) for number, _ in pairs):
        raise DataError(
            coded(
                "E-DATA-09",
                "classes={got}: expected {{name: index}} or {{index: name}} with integers.",
                got=shortened(dict(classes)),
            )
        )
    by_number = {int(number): _name(name) for number, name in pairs}
    if len(by_number) != len(pairs) or sorted(by_number) != list(range(len(pairs))):
        raise DataError(
            coded(
                "E-DATA-09",
                "classes={got}: expected the class indices 0 to {last}, each once.",
                got=shortened(dict(classes)),
                last=len(pairs) - 1,
            )
        )
    return [by_number[number] for number in sorted(by_number)]


def class_numbers(
    labels: Any, classes: Any = None, source: str = "labels", quiet: bool = False
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
                "shape {shape}.",
                source=source,
                shape=array.shape,
            )
        )
    are_bools = names is None or {"true", "false"} <= set(map(folded, names))
    if array.dtype.kind in "US" or (array.dtype.kind == "b" and are_bools):
        return _texts(array.astype(str), names, source)
    if array.dtype.kind == "b" and names is not None:
        warn_of_bools(names, source)
    return _numbers(_whole(array, source), names, source, quiet)


def targets(values: Any, source: str = "y") -> torch.Tensor:
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
    return torch.from_numpy(np.array(column, np.float32, order="C"))  # a copy: the caller may go on writing


def finite(array: Array, source: str) -> None:
    """Refuse NaN, infinity and what float32 cannot hold, saying where it stands."""
    if array.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(array.astype(np.float32, copy=False))
    if bad.any():
        where = tuple(int(number) for number in np.argwhere(bad)[0])
        raise DataError(
            coded(
                "E-DATA-04",
                "{source}[{position}]: expected a finite number, got {value}; {count} of {size} values are "
                "not finite. Remove or replace them.",
                source=source,
                position=", ".join(map(str, where)),
                value=array[where],
                count=int(bad.sum()),
                size=bad.size,
            )
        )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def as_array(values: Any, source: str) -> Array:
    """Return labels or targets as an array of numbers or of texts.

    Raises:
        DataError: They are neither, rows differ in length, or there is nothing.
    """
    try:
        values = without_gradient(values)
        array = np.asarray(_plain_texts(values))
    except InputError as error:
        raise DataError(located(source, error)) from error
    except ValueError as error:
        raise DataError(ragged(values, source)) from error
    if array.ndim == 0:
        if isinstance(values, str):
            raise DataError(
                coded(
                    "E-DATA-06",
                    "{source}={got}: expected a list or an array with one entry for each sample, such as "
                    "frame['label'].",
                    source=source,
                    got=shortened(values, 40),
                )
            )
        raise DataError(
            coded(
                "E-DATA-06",
                "{source}={got}: expected a list or an array with one entry for each sample.",
                source=source,
                got=shortened(values, 40),
            )
        )
    if array.dtype.kind == "U" and isinstance(values, list | tuple):
        check_entries(np.array(values, object), source)  # in the array NaN is a text among texts
    if array.dtype.kind == "T":  # NumPy's StringDType, which may hold missing texts
        array = array.astype(object)
    array = _decoded(from_objects(array), source)
    if array.dtype.kind == "O":
        check_entries(array, source)
        if not all(isinstance(value, str) for value in array.flat):
            raise DataError(
                coded(
                    "E-DATA-05",
                    "{source}: expected numbers alone or texts alone, one for each sample, got a mixture of "
                    "types.",
                    source=source,
                )
            )
        array = np.array(_plain_texts(array.ravel().tolist()), str).reshape(array.shape)
    if array.size == 0:
        raise DataError(
            coded(
                "E-DATA-12",
                "{source}: expected one entry for each sample, got none (shape {shape}).",
                source=source,
                shape=array.shape,
            )
        )
    return array


def _plain_texts(values: Any) -> Any:
    """Return a list in which texts of another type, such as an Enum's, are plain, since str() may say more.

    NumPy would cut "Animal.CAT" to as many letters as "cat" has.
    """
    if not isinstance(values, list | tuple) or {str, int, float, bool}.issuperset(map(type, values)):
        return values
    return [str.__str__(value) if isinstance(value, str) else value for value in values]


def _decoded(array: Array, source: str) -> Array:
    """Return texts for bytes, as UTF-8; other arrays as they are.

    Raises:
        DataError: They are no UTF-8.
    """
    flat = array.ravel().tolist() if array.dtype.kind in "SO" else []
    if not any(isinstance(value, bytes) for value in flat):
        return array
    try:
        texts = [value.decode("utf-8") if isinstance(value, bytes) else value for value in flat]
    except UnicodeDecodeError as error:
        raise DataError(
            coded(
                "E-DATA-05",
                "{source}: expected text in UTF-8, got {got}. Decode it first, such as label.decode('gbk').",
                source=source,
                got=shortened(error.object),
            )
        ) from error
    all_texts = all(isinstance(value, str) for value in texts)
    return np.array(texts, dtype=str if all_texts else object).reshape(array.shape)


def ragged(rows: Any, source: str) -> Message:
    """Return the message that rows differ in length, or images in size, and what to do."""
    sizes = [np.shape(row)[:2] for row in rows if _is_image(row)]
    if len(sizes) == len(rows) and len(set(sizes)) > 1:
        other = next(number for number, size in enumerate(sizes) if size != sizes[0])
        (height, width), (other_height, other_width) = sizes[0], sizes[other]
        return coded(
            "E-DATA-06",
            "{source}: expected images of one size, got image 0 of height {height} and width {width}, image "
            "{number} of height {got_height} and width {got_width}. Resize them to one size, such as (224, "
            "224) for (height, width); (64, 64) is enough for a small network.",
            source=source,
            height=height,
            width=width,
            number=other,
            got_height=other_height,
            got_width=other_width,
        )
    depth, inside = 0, rows
    while isinstance(inside, list | tuple) and inside:
        depth, inside = depth + 1, inside[0]
    if depth > MAX_DEPTH:
        return coded(
            "E-DATA-06",
            "{source}: expected one list of samples, got lists {depth} deep in each other.",
            source=source,
            depth=depth,
        )
    lengths = [len(row) if isinstance(row, Sized) else 0 for row in rows]
    other = next((row for row, length in enumerate(lengths) if length != lengths[0]), 0)
    if not other:
        return coded(
            "E-DATA-06",
            "{source}: expected rows of one length, got different ones. Fill short sequences up with 0.",
            source=source,
        )
    return coded(
        "E-DATA-06",
        "{source}: expected rows of one length, got {first} values in row 0 and {got} in row {number}. Fill "
        "short sequences up with 0.",
        source=source,
        first=lengths[0],
        got=lengths[other],
        number=other,
    )


def _is_image(row: Any) -> bool:
    axes = getattr(row, "ndim", 0)
    return axes == 3 or (axes == 2 and str(getattr(row, "dtype", "")) == "uint8")


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
    low, high = int(numbers.min()), int(numbers.max())
    found, positions = np.unique(numbers, return_inverse=True)
    if names is not None:
        ids = {name: id_ for id_, name in enumerate(names)}
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
            return torch.from_numpy(named[positions.reshape(-1)]), names
        if low < 0 or high >= len(names):
            raise DataError(
                coded(
                    "E-DATA-05",
                    "{source}: expected class indices 0..{last} for the {count} named classes ({names}), got "
                    "{low}..{high}.",
                    source=source,
                    last=len(names) - 1,
                    count=len(names),
                    names=", ".join(names),
                    low=low,
                    high=high,
                )
            )
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
        return torch.from_numpy(numbers), names
    if low == 0 and high < _MOST_CLASSES:
        return torch.from_numpy(numbers), tuple(str(number) for number in range(high + 1))
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


def _texts(texts: Array, names: tuple[str, ...] | None, source: str) -> tuple[torch.Tensor, tuple[str, ...]]:
    if names is None:
        names = tuple(sorted(set(texts.tolist())))
        _warn_of_alike(names, source)
    position = {name: number for number, name in enumerate(names)}
    different = set(texts.tolist())
    for text in sorted(different - set(position)):
        alike = [number for number, name in enumerate(names) if folded(name) == folded(text)]
        if len(alike) == 1 and names[alike[0]] not in different:
            position[text] = alike[0]
    unknown = sorted(different - set(position))
    if unknown:
        raise DataError(
            coded(
                "E-DATA-05",
                "{source}: expected one of the classes {names}, got {unknown}.",
                source=source,
                names=", ".join(map(repr, names)),
                unknown=", ".join(map(repr, unknown[:5])),
            )
        )
    return torch.tensor([position[text] for text in texts.tolist()], dtype=torch.int64), names


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
                names="; ".join(
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
                "{values} in row {row}.",
                source=source,
                shape=array.shape,
                values=shortened(array[row].tolist()),
                row=row,
            )
        )
    count = array.shape[1]
    if names is not None and len(names) != count:
        raise DataError(
            coded(
                "E-DATA-05",
                "{source}: expected {classes} one-hot columns, one for each named class, got {count}.",
                source=source,
                classes=len(names),
                count=count,
            )
        )
    return torch.from_numpy(array.argmax(axis=1)), names or tuple(str(number) for number in range(count))
