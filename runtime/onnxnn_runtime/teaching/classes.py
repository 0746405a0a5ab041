"""What is to be learned: the inputs of each class, as users give them."""

from __future__ import annotations

import os
import unicodedata
from typing import Mapping, Union

import numpy as np

from onnxnn_runtime.errors import InputError, MissingInputError
from onnxnn_runtime.inputs.folders import entries
from onnxnn_runtime.messages.shorten import printable, shortened

Classes = Union[str, "os.PathLike[str]", Mapping[str, object]]
"""A folder with a folder for each class, or the inputs of each class by its name."""

_LONGEST = 200
"""Characters of the longest name of a class."""


def classes_of(data: Classes) -> list[tuple[str, object]]:
    """Return the name and the inputs of each class.

    Args:
        data: See `Classes`.

    Raises:
        InputError: It is neither, holds no class, or a name is empty, too long or given twice.
        MissingInputError: There is no such folder.
    """
    if isinstance(data, (str, os.PathLike)):
        found = _class_folders(os.path.expanduser(os.fspath(data)))
    elif isinstance(data, Mapping):
        found = [(_label(label), inputs) for label, inputs in data.items()]
    else:
        raise InputError.coded(
            "E-CALL-03",
            "teach(): expected a folder of class folders, or a dict such as {example}, got {value}.",
            example='{"apple": "photos/apple", "pear": [...]}',
            value=shortened(data),
        )
    names = [name for name, _ in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError.coded(
                "E-INPUT-06",
                "teach(): expected each class once, got {label} twice. Give all of its inputs in one list.",
                label=repr(name),
            )
    if not found:
        raise InputError.coded(
            "E-INPUT-06", "teach(): expected the inputs of at least one class, got none. Give a dict of them."
        )
    return found


def _class_folders(folder: str) -> list[tuple[str, object]]:
    if not os.path.isdir(folder):
        raise MissingInputError.coded(
            "E-INPUT-01", "{path}: no such folder. Check the path.", path=printable(folder)
        )
    found = [each.path for each in entries(folder) if each.kind == "folder"]
    if not found:
        raise InputError.coded(
            "E-INPUT-01",
            "{folder}: expected a folder for each class in this folder, got none. Put the images of each "
            "class into a folder with its name.",
            folder=printable(folder),
        )
    return [(_label(os.path.basename(path)), path) for path in found]


def _label(label: object) -> str:
    """Return the name of a class: spaces around it do not count.

    Raises:
        InputError: It is no text and no integer, empty, too long, or holds control characters.
    """
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool):
        return str(int(label))
    if isinstance(label, str):
        name = unicodedata.normalize("NFC", label).strip()
        if 0 < len(name) <= _LONGEST and name.isprintable():
            return name
    raise InputError.coded(
        "E-INPUT-06",
        "teach(): expected the name of each class, a text of 1 to {most} characters, got {label}. Give it a "
        "name.",
        most=_LONGEST,
        label=shortened(label),
    )
