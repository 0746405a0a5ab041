"""Labels and targets as one array, and what cannot be one."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Any

import numpy as np
from onnxnn_runtime.arrays.conversion import from_objects, without_gradient
from onnxnn_runtime.errors import DataError, InputError, located
from onnxnn_runtime.inputs.given import MAX_DEPTH
from onnxnn_runtime.messages.catalogue import Message, coded, ngettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened

from .missing_labels import check_entries

Array = np.ndarray[Any, Any]


def as_array(values: object, source: str) -> Array:
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
            raise DataError.coded(
                "E-DATA-06",
                "{source}={got}: expected a list or an array with one entry for each sample, such as "
                "frame['label'].",
                source=source,
                got=shortened(values, 40),
            )
        raise DataError.coded(
            "E-DATA-06",
            "{source}={got}: expected a list or an array with one entry for each sample."
            " Give the values themselves, not a name or a file.",
            source=source,
            got=shortened(values, 40),
        )
    if array.dtype.kind == "U" and isinstance(values, list | tuple):
        check_entries(np.array(values, object), source)  # in the array NaN is a text among texts
    if array.dtype.kind == "T":  # NumPy's StringDType, which may hold missing texts
        array = array.astype(object)
    array = _decoded(from_objects(array), source)
    if array.dtype.kind == "O":
        check_entries(array, source)
        if not all(isinstance(value, str) for value in array.flat):
            raise DataError.coded(
                "E-DATA-05",
                "{source}: expected numbers alone or texts alone, one for each sample, got a mixture of "
                "types."
                " Turn all of them into texts, or all into numbers.",
                source=source,
            )
        array = np.array(_plain_texts(array.ravel().tolist()), str).reshape(array.shape)
    if array.size == 0:
        raise DataError.coded(
            "E-DATA-12",
            "{source}: expected one entry for each sample, got none (shape {shape})."
            " Check what loaded or filtered the array.",
            source=source,
            shape=shape_text(array.shape),
        )
    return array


def _plain_texts(values: object, depth: int = 2) -> Any:
    """Return a list in which texts of another type, such as an Enum's, are plain, since str() may say more.

    So are those in lists inside it, `depth` levels down. NumPy would cut "Animal.CAT" to as many letters as
    "cat" has.
    """
    if not isinstance(values, list | tuple) or {str, int, float, bool}.issuperset(map(type, values)):
        return values
    if depth and isinstance(values[0], list | tuple):
        return [_plain_texts(value, depth - 1) for value in values]
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
        raise DataError.coded(
            "E-DATA-05",
            "{source}: expected text in UTF-8, got {got}. Decode it first, such as label.decode('gbk').",
            source=source,
            got=shortened(error.object),
        ) from error
    all_texts = all(isinstance(value, str) for value in texts)
    return np.array(texts, dtype=str if all_texts else object).reshape(array.shape)


def ragged(given: object, source: str) -> Message:
    """Return the message that rows differ in length, or images in size, and what to do."""
    rows: list[Any] = list(given) if isinstance(given, Iterable) else []
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
    inside: object = rows
    depth = 0
    while isinstance(inside, list | tuple) and inside:
        depth, inside = depth + 1, inside[0]
    if depth > MAX_DEPTH:
        return coded(
            "E-DATA-06",
            "{source}: expected one list of samples, got lists {depth} deep in each other."
            " Give np.array(...) of it, with one row for each sample.",
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
        "{source}: expected rows of one length, got {first} in row 0 and {got} in row {number}. Fill "
        "short sequences up with 0.",
        source=source,
        first=ngettext("{count} value", "{count} values", lengths[0]),
        got=lengths[other],
        number=other,
    )


def _is_image(row: object) -> bool:
    axes = getattr(row, "ndim", 0)
    return axes == 3 or (axes == 2 and str(getattr(row, "dtype", "")) == "uint8")


def finite(array: Array, source: str) -> None:
    """Refuse NaN, infinity and what float32 cannot hold, saying where it stands."""
    if array.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(array.astype(np.float32, copy=False))
    if bad.any():
        where = tuple(int(number) for number in np.argwhere(bad)[0])
        raise DataError.coded(
            "E-DATA-04",
            "{source}[{position}]: expected a finite number, got {value}; not finite: {count} of "
            "{size}. Remove or replace them.",
            source=source,
            position=", ".join(map(str, where)),
            value=array[where],
            count=int(bad.sum()),
            size=bad.size,
        )
