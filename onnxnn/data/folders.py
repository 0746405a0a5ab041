"""Class folders: which pictures they hold, and which class each belongs to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnxnn_runtime.errors import DataError, MissingDataError
from onnxnn_runtime.files import as_path
from onnxnn_runtime.inputs import IMAGE_SUFFIXES, is_stray
from onnxnn_runtime.warn import warn

from .labels import class_names

__all__ = ["ClassFolders", "find_pictures"]

_LISTED = 5


@dataclass(frozen=True)
class ClassFolders:
    """The pictures of a data set.

    Args:
        classes: The names of the classes, by number.
        files: Every picture, class by class, each class sorted by name.
        labels: The class number of each.
    """

    classes: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[int, ...]


def find_pictures(path: str | os.PathLike[str], classes: Any = None) -> ClassFolders:
    """Return the pictures of a folder that holds one folder for each class.

    Hidden files and folders, `Thumbs.db`, `desktop.ini` and the like are passed over; other things
    in a class folder that are no pictures are passed over with a warning that lists them.

    Args:
        path: The folder.
        classes: None numbers the folders in the order of their names. A list, {"cat": 0} or
            {0: "cat"} of the folders' names numbers them in its order. As many other names are
            titles for the sorted folders, with a warning that says which is which.

    Raises:
        MissingDataError: There is no such folder.
        DataError: It holds no class folders, one of them is empty, or the classes do not fit.
    """
    root = as_path(path, "data_path", DataError)
    if not root.exists():
        raise MissingDataError(
            f"{root}: no such folder. Give the folder that holds one folder of pictures for each class."
        )
    if not root.is_dir():
        raise DataError(f"{root}: is a file; what fits is a folder that holds one folder for each class.")
    folders = {entry.name: entry for entry in _visible(root) if entry.is_dir()}
    if not folders:
        raise DataError(_no_folders(root))
    names, ordered = _ordered(root, folders, class_names(classes))
    files: list[Path] = []
    labels: list[int] = []
    skipped: list[Path] = []
    for number, folder in enumerate(ordered):
        pictures, others = _pictures(folder)
        files += pictures
        labels += [number] * len(pictures)
        skipped += others
    if skipped:
        warn(f"skipped, no pictures: {_listed(skipped, root)}.")
    return ClassFolders(names, tuple(files), tuple(labels))


def _visible(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not is_stray(entry.name))


def _no_folders(root: Path) -> str:
    entries = _visible(root)
    if any(_is_picture(entry) for entry in entries):
        return (
            f"{root}: the pictures lie in it directly. Put those of each class into a folder of their own "
            f"(one folder is enough for nn('gen')), e.g. {root / 'cat' / entries[0].name}."
        )
    return f"{root}: the folder is empty; what fits is one folder of pictures for each class."


def _pictures(folder: Path) -> tuple[list[Path], list[Path]]:
    entries = _visible(folder)
    pictures = [entry for entry in entries if _is_picture(entry)]
    others = [entry for entry in entries if not _is_picture(entry)]
    if pictures:
        return pictures, others
    if any(entry.is_dir() for entry in others):
        raise DataError(
            f"{folder}: holds folders instead of pictures. Is {folder} the folder to load, rather than "
            f"{folder.parent}?"
        )
    raise DataError(
        f"{folder}: the class folder holds no pictures (.jpg, .png, ...). Add some, or remove the folder."
    )


def _is_picture(entry: Path) -> bool:
    return entry.suffix.lower() in IMAGE_SUFFIXES and not entry.is_dir()


def _ordered(
    root: Path, folders: dict[str, Path], names: tuple[str, ...] | None
) -> tuple[tuple[str, ...], list[Path]]:
    if names is None:
        return tuple(folders), list(folders.values())
    if set(names) == set(folders):
        return names, [folders[name] for name in names]
    known, missing = ", ".join(map(repr, folders)), [name for name in names if name not in folders]
    if len(missing) == len(names) == len(folders):
        pairs = ", ".join(f"{folder!r} is {name!r}" for folder, name in zip(folders, names, strict=True))
        warn(f"classes: none is a folder of {root}, so they are titles: {pairs}.")
        return names, list(folders.values())
    if missing:
        raise DataError(
            f"classes: {', '.join(map(repr, missing))} names no folder of {root}; its folders are {known}."
        )
    left = ", ".join(repr(folder) for folder in folders if folder not in names)
    raise DataError(
        f"classes: {len(names)} named, but {root} has {len(folders)} folders; {left} is missing among them. "
        "Name every folder, or leave classes out."
    )


def _listed(paths: list[Path], root: Path) -> str:
    names = [str(path.relative_to(root)) for path in paths[:_LISTED]]
    more = len(paths) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
