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
from onnxnn_runtime.errors import DataError, InputError
from onnxnn_runtime.inputs.given import MAX_DEPTH
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
        DataError: It is none of those, a name stands twice, or the numbers are not 0, 1, 2, ...
    """
    if classes is None:
        return None
    if isinstance(classes, Mapping):
        names = _from_mapping(classes)
    elif isinstance(classes, str) or not isinstance(classes, Iterable):
        raise DataError(
            f"classes={shortened(classes)}: must be a list of names, {{name: number}} or {{number: name}}."
        )
    else:
        names = [_name(each) for each in _in_order(classes)]
    if not names:
        raise DataError("classes is empty; name every class, or leave it out.")
    twice = sorted(name for name, number in Counter(names).items() if number > 1)
    if twice:
        raise DataError(f"classes: {names_listed(twice)} stands more than once.")
    return tuple(names)


def _in_order(classes: Iterable[Any]) -> list[Any]:
    if isinstance(classes, set | frozenset):
        raise DataError(
            f"classes={shortened(classes)}: a set has no order, and classes are numbered; give a list."
        )
    names = list(islice(classes, _MOST_NAMES + 1))  # an iterator may have no end
    if len(names) > _MOST_NAMES:
        raise DataError(f"classes: more than {_MOST_NAMES:,} names; expected one for each class of the data.")
    return names


def _name(given: Any) -> str:
    if isinstance(given, bytes):
        given = given.decode("utf-8", "replace")
    if not isinstance(given, str | int | float | np.generic | os.PathLike):
        raise DataError(f"classes: {shortened(given)} is no name; name every class by a text.")
    return str.__str__(given) if isinstance(given, str) else str(given)  # of an Enum the text alone


def _from_mapping(classes: Mapping[Any, Any]) -> list[str]:
    pairs = [(key, value) if _is_whole(key) else (value, key) for key, value in classes.items()]
    if not all(_is_whole(number) for number, _ in pairs):
        raise DataError(f"classes={shortened(dict(classes))}: must map names to numbers or numbers to names.")
    by_number = {int(number): _name(name) for number, name in pairs}
    if len(by_number) != len(pairs) or sorted(by_number) != list(range(len(pairs))):
        raise DataError(
            f"classes={shortened(dict(classes))}: the numbers must be 0 to {len(pairs) - 1}, each once."
        )
    return [by_number[number] for number in sorted(by_number)]


def class_numbers(
    labels: Any, classes: Any = None, source: str = "labels", quiet: bool = False
) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Return class numbers and the names of the classes.

    Whole numbers of any type, with 0 among them, are class numbers as they stand, and a number that
    never occurs is a class without samples. Other whole numbers (1, 2, 3 or -1, 1) and texts are
    numbered in sorted order. bools are the texts "False" and "True", as tables hold them. Rows of one-hot
    values give the position of the 1. Numbers and bools that all stand among the names are those classes.

    Args:
        labels: (N,) or a column (N, 1) of whole numbers, floats without fraction, bools or texts; or
            one-hot (N, classes); an array, a tensor or lists.
        classes: The names, as `class_names` takes them; None lets the labels decide.
        source: How messages call the labels.
        quiet: Whether to say nothing of integers that do not count from 0, as those for a network that knows
            its classes by name may.

    Returns:
        int64 (N,) and the names.

    Raises:
        DataError: They are none of those, or do not fit the names.
    """
    names = class_names(classes)
    array = as_array(labels, source)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return _one_hot(array, names, source)
    if array.ndim != 1:
        raise DataError(
            f"{source} of shape {array.shape}; what fits is one label per sample (N,), a column (N, 1) "
            "or one-hot (N, classes)."
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
            f"{source}: regression needs numbers, got {array.ravel().tolist()[0]!r}. For names use nn('cls')."
        )
    finite(array, source)
    column = array[:, np.newaxis] if array.ndim == 1 else array
    if column.ndim == 2 and (coarse := needs_float64(column, resolution=COARSE)):
        warn(
            f"{source}: column {coarse[0]} of the values to predict has differences that float32 cannot "
            "hold, as predictions are float32. Subtract an offset before, such as its smallest value, and "
            "add it to what is predicted."
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
        position = ", ".join(map(str, where))
        raise DataError(
            f"{source}[{position}] is {array[where]}; {int(bad.sum())} of {bad.size} values are not finite. "
            "Remove or replace them."
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
        raise DataError(f"{source}: {error}") from error
    except ValueError as error:
        raise DataError(ragged(values, source)) from error
    if array.ndim == 0:
        which = ", such as frame['label']" if isinstance(values, str) else ""
        raise DataError(
            f"{source}={shortened(values, 40)}: expected a list or an array with one entry for each "
            f"sample{which}."
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
                f"{source}: a mixture of types; give plain numbers or plain texts, one for each sample."
            )
        array = np.array(_plain_texts(array.ravel().tolist()), str).reshape(array.shape)
    if array.size == 0:
        raise DataError(f"{source}: empty (shape {array.shape}); give one entry per sample.")
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
            f"{source}: {shortened(error.object)} is no text in UTF-8; decode it first, such as "
            "label.decode('gbk')."
        ) from error
    all_texts = all(isinstance(value, str) for value in texts)
    return np.array(texts, dtype=str if all_texts else object).reshape(array.shape)


def ragged(rows: Any, source: str) -> str:
    """Say that rows differ in length, or images in size, and what to do."""
    sizes = [np.shape(row)[:2] for row in rows if _is_image(row)]
    if len(sizes) == len(rows) and len(set(sizes)) > 1:
        other = next(number for number, size in enumerate(sizes) if size != sizes[0])
        (height, width), (other_height, other_width) = sizes[0], sizes[other]
        return (
            f"{source}: images differ in size: the first has height {height} and width {width}, "
            f"number {other} has height {other_height} and width {other_width}. Resize them to one size, "
            "such as (224, 224) for "
            "(height, width); (64, 64) is enough for a small network."
        )
    depth, inside = 0, rows
    while isinstance(inside, list | tuple) and inside:
        depth, inside = depth + 1, inside[0]
    if depth > MAX_DEPTH:
        return f"{source}: lists lie {depth} deep in each other; give one list of samples."
    lengths = [len(row) if isinstance(row, Sized) else 0 for row in rows]
    other = next((row for row, length in enumerate(lengths) if length != lengths[0]), 0)
    where = f" (row 0 has {lengths[0]}, row {other} has {lengths[other]})" if other else ""
    return (
        f"{source}: the rows differ in length{where}. What fits is rows of one length: fill short sequences "
        "up with 0."
    )


def _is_image(row: Any) -> bool:
    axes = getattr(row, "ndim", 0)
    return axes == 3 or (axes == 2 and str(getattr(row, "dtype", "")) == "uint8")


def _whole(array: Array, source: str) -> Array:
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"{source} of type {array.dtype} are neither numbers nor texts. Make one of them, such as "
            "y.astype(str)."
        )
    finite(array, source)
    with np.errstate(invalid="ignore"):  # beyond int64, which is refused below
        whole = array.astype(np.int64)
    if not np.array_equal(whole, array):
        fraction = array[whole != array][0]
        raise ValuesError(
            f"{source}: {fraction} is no class, since classes are integers or names. "
            "To predict values use nn('reg')."
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
                    f"{source}: the labels are names among the classes, so {found[first]} is the class "
                    f"{str(found[first])!r}, and not {names[found[first]]!r}, which has that number. Where "
                    "they are numbers of classes, give the names: np.array(classes)[y]."
                )
            return torch.from_numpy(named[positions.reshape(-1)]), names
        if low < 0 or high >= len(names):
            raise DataError(
                f"{source} lie in {low}..{high}, but {len(names)} classes are named ({', '.join(names)}), "
                f"so 0..{len(names) - 1} fits."
            )
        other = [number for number in found if ids.get(str(number), number) != number]
        if other:
            missing = next(number for number in found if str(number) not in ids)
            warn(
                f"{source}: {missing} is no name among the classes, so the labels are their numbers: "
                f"{other[0]} is the class {names[other[0]]!r}, and not {str(other[0])!r}. Where they are "
                "names, name every class."
            )
        return torch.from_numpy(numbers), names
    if low == 0 and high < _MOST_CLASSES:
        return torch.from_numpy(numbers), tuple(str(number) for number in range(high + 1))
    if len(found) > _MOST_CLASSES:
        raise ValuesError(f"{source}: {len(found)} different numbers; to predict values use nn('reg').")
    listed = ", ".join(str(number) for number in found[:5]) + (", ..." if len(found) > 5 else "")
    if not quiet:
        warn(f"{source} do not count from 0: {listed} became classes 0 to {len(found) - 1} in this order.")
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
        listed = ", ".join(map(repr, unknown[:5]))
        raise DataError(f"{source}: {listed} not among the classes {', '.join(map(repr, names))}.")
    return torch.tensor([position[text] for text in texts.tolist()], dtype=torch.int64), names


def _warn_of_alike(names: tuple[str, ...], source: str) -> None:
    """Warn of classes that look like one: "Yes" and "yes", "cat" and " cat"."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(folded(name), []).append(name)
    several = [given for given in alike.values() if len(given) > 1]
    if several:
        shown = "; ".join(" and ".join(shortened(name, 20) for name in given[:3]) for given in several[:3])
        warn(
            f"{source}: {shown} are different classes, though they differ only in case, blanks or the form "
            "of accents. Write them alike where they are one."
        )


def _one_hot(
    array: Array, names: tuple[str, ...] | None, source: str
) -> tuple[torch.Tensor, tuple[str, ...]]:
    is_hot = ((array == 0) | (array == 1)).all(axis=1) & ((array != 0).sum(axis=1) == 1)
    if not is_hot.all():
        row = int(np.argmin(is_hot))
        is_values = names is None and array.dtype.kind == "f" and bool((array != np.round(array)).any())
        raise (ValuesError if is_values else DataError)(
            f"{source} of shape {array.shape}: row {row} is {array[row].tolist()}, not one-hot. What fits "
            "is one label per sample (N,), or rows with a single 1."
        )
    count = array.shape[1]
    if names is not None and len(names) != count:
        raise DataError(f"{source} have {count} one-hot columns, but {len(names)} classes are named.")
    return torch.from_numpy(array.argmax(axis=1)), names or tuple(str(number) for number in range(count))
