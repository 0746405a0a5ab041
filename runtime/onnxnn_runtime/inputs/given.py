"""The forms in which users give files: paths of every kind, patterns, open files, arrays of texts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterable, Sequence

import numpy as np

from onnxnn_runtime.arrays.conversion import from_objects, without_gradient
from onnxnn_runtime.errors import InputError, MissingInputError
from onnxnn_runtime.files.paths import expanded, path_text, refuse_address
from onnxnn_runtime.images.decode import is_file_object

if TYPE_CHECKING:
    from typing_extensions import TypeGuard  # of Python 3.10

MAX_DEPTH = 12
"""How deep lists may lie in lists; arrays have fewer axes than that."""

_LONGEST_PATH = 4096


def plain(value: object, is_image: bool = True) -> Any:
    """Return what was given in one of a few forms.

    Args:
        value: Anything.
        is_image: Whether images are expected: then arrays and Series of texts and objects are lists of them;
            else only those of paths of files that exist, since others are rows and words.

    Returns:
        A path as text, a list for arrays, Series and the like that hold texts or objects; everything else as
        it is.
    """
    value = without_gradient(value)
    if isinstance(value, os.PathLike):
        return path_text(value)
    if isinstance(value, bytes) and _is_path(value):
        return os.fsdecode(value)
    is_series = hasattr(value, "__array__") and hasattr(value, "tolist") and hasattr(value, "ndim")
    if not is_series or isinstance(value, np.generic):
        return value
    array = from_objects(np.asarray(value))
    if array.dtype.kind not in "USO" or not array.ndim:
        return array.item() if array.dtype.kind in "US" else value
    found = array.reshape(-1).tolist() if array.ndim == 2 and array.shape[1] == 1 else array.tolist()
    found = [
        os.fsdecode(each) if isinstance(each, bytes) and array.dtype.kind == "S" else each for each in found
    ]
    return found if is_image or all(_is_file(each) for each in found) else value


def matching(path: str) -> list[str]:
    """Return the paths that a path stands for: "~" is the home folder, and "*.png" a pattern.

    What exists under the name as it stands is taken as it is.

    Args:
        path: A path or a pattern.

    Raises:
        InputError: It is an address (URL).
        MissingInputError: Nothing matches the pattern.
    """
    refuse_address(path)
    found = expanded(path)
    if not any(mark in found for mark in "*?[") or os.path.lexists(found):
        return [found]
    import glob  # here, because only patterns need it

    try:
        paths = sorted(glob.glob(found, recursive=True))
    except RecursionError as error:
        raise InputError.coded(
            "E-INPUT-02",
            "{path}: folders lie too deep in each other for this pattern. Give a folder instead.",
            path=path,
        ) from error
    if not paths:
        raise MissingInputError.coded(
            "E-INPUT-01", "{path}: no file matches this pattern. Check the path and the pattern.", path=path
        )
    return paths


def is_numeric(values: Sequence[object], depth: int = MAX_DEPTH) -> bool:
    """Return whether a list is one array: a row with a number in it, or equally long lists of such.

    Named tuples are rows whose values have names, which are looked at one by one.
    """
    if any(hasattr(each, "_fields") for each in values):
        return False
    if any(isinstance(each, (int, float, np.number)) for each in values):
        return not any(isinstance(each, (list, tuple, dict, np.ndarray)) for each in values)
    inside = [each for each in values if isinstance(each, (list, tuple))]
    lengths = {len(each) for each in inside} if depth > 0 and len(inside) == len(values) else set()
    return len(lengths) == 1 and all(is_numeric(each, depth - 1) for each in inside)


def file_name(file: object, otherwise: str) -> str:
    """Return the path of an open file, where it knows one."""
    name = getattr(file, "name", None)
    return name if isinstance(name, str) and name else otherwise


def is_things(value: object) -> TypeGuard[Iterable[object]]:
    """Return whether a value holds several things to look at, rather than being one."""
    is_one = isinstance(value, (str, bytes, bytearray, memoryview, dict)) or is_file_object(value)
    return isinstance(value, Iterable) and not is_one and not hasattr(value, "__array__")


def _is_path(value: bytes) -> bool:
    """Return whether bytes are the path of something that exists, rather than a file's content."""
    if not value or len(value) > _LONGEST_PATH or b"\0" in value:
        return False
    try:
        return os.path.lexists(value)
    except (OSError, ValueError):
        return False


def _is_file(value: object) -> bool:
    return isinstance(value, (str, os.PathLike)) and os.path.isfile(value)
