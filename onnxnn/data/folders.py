"""Class folders: which images they hold, and which class each belongs to."""

from __future__ import annotations

import contextlib
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from onnxnn_runtime.errors import DataError
from onnxnn_runtime.files.access import as_path, cannot_read
from onnxnn_runtime.inputs.folders import Entry, Skipped, describe_skipped, entries, no_image
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.warn import warn

from .label_mapping import folded
from .labels import class_names

__all__ = ["ClassFolders", "find_pictures"]

_LISTED = 5

_ADVICE = "Give the folder that holds one folder of images for each class."


@dataclass(frozen=True)
class ClassFolders:
    """The images of a data set.

    Args:
        root: The folder that holds the class folders.
        classes: The names of the classes, by number.
        files: Every image, class by class, each class sorted by name.
        labels: The class number of each.
    """

    root: Path
    classes: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[int, ...]

    def without(self, broken: Sequence[Path]) -> ClassFolders:
        """Return the same without some images.

        Raises:
            DataError: A class has none left.
        """
        gone = set(broken)
        kept = [number for number, file in enumerate(self.files) if file not in gone]
        labels = tuple(self.labels[number] for number in kept)
        empty = [name for label, name in enumerate(self.classes) if label not in labels]
        if empty:
            raise DataError(
                f"{self.root}: none of the images of {', '.join(map(shortened, empty))} can be read. Replace "
                "them, or remove the folder."
            )
        return replace(self, files=tuple(self.files[number] for number in kept), labels=labels)


def find_pictures(path: str | os.PathLike[str], classes: Any = None) -> ClassFolders:
    """Return the images of a folder that holds one folder for each class.

    Links are followed. Hidden files and folders, `Thumbs.db`, `desktop.ini` and the like are passed over;
    other things in a class folder that are no images are passed over with a warning that lists them, and so
    are links that lead nowhere and images beside the class folders.

    Args:
        path: The folder.
        classes: None numbers the folders in the natural order of their names ("2" before "10"). A list,
            {"cat": 0} or {0: "cat"} numbers them in its order: each name belongs to the folder of that
            name, else to the only one that differs in case or in the form of its accents alone. Where no
            name has a folder and there are as many of both, the names are titles for the folders in natural
            order, with a warning that says which is which.

    Raises:
        MissingDataError: There is no such folder.
        DataError: It holds no class folders, one of them is empty or may not be read, the name of one is not
            valid Unicode, or the classes do not match the folders.
    """
    root = as_path(path, "data_path", DataError)
    try:
        os.stat(root)
    except (OSError, ValueError) as found:
        raise cannot_read(root, found, "folder", DataError, _ADVICE) from found
    if not os.path.isdir(root):
        raise DataError(f"{root}: expected a folder that holds one folder for each class, got a file.")
    around = _around(root)
    listed = [_outside(each, around) for each in entries(root, DataError)]
    folders = _class_folders(root, listed)
    names, ordered = _ordered(root, folders, class_names(classes))
    files: list[Path] = []
    labels: list[int] = []
    skipped = [Skipped(each.path, each.reason) for each in listed if each.kind == "other" and _is_odd(each)]
    skipped += [
        Skipped(each.path, "lies beside the class folders") for each in listed if each.kind == "image"
    ]
    for number, folder in enumerate(ordered):
        images, others = _images(folder)
        files += images
        labels += [number] * len(images)
        skipped += others
    if skipped:
        warn(f"skipped: {_by_reason(skipped, root)}.")
    return ClassFolders(root, names, tuple(files), tuple(labels))


def _around(root: Path) -> set[tuple[int, int]]:
    """Return what identifies a folder and those around it."""
    real = Path(os.path.realpath(root))
    ids: set[tuple[int, int]] = set()
    for folder in (real, *real.parents):
        with contextlib.suppress(OSError):  # of others, and closed to this user
            found = os.stat(folder)
            ids.add((found.st_dev, found.st_ino))
    return ids


def _outside(entry: Entry, around: set[tuple[int, int]]) -> Entry:
    """Return an entry of a folder; a link back to that folder or to one around it is no class."""
    if entry.kind == "folder" and entry.id in around:
        return Entry(entry.path, "other", "this link leads back to a folder around it")
    return entry


def _class_folders(root: Path, listed: Sequence[Entry]) -> dict[str, Path]:
    """Return the class folders by their names, in natural order."""
    found: dict[str, Path] = {}
    for path in sorted((Path(each.path) for each in listed if each.kind == "folder"), key=_natural):
        name = unicodedata.normalize("NFC", _checked_name(path))
        if name in found:
            raise DataError(
                f"{root}: two folders have the name {shortened(name)} in different Unicode forms; "
                "merge them, or rename one."
            )
        found[name] = path
    if not found:
        raise DataError(_no_folders(root, listed))
    return found


def _checked_name(folder: Path) -> str:
    """Return the name of a class folder, which has to be text that a file can hold."""
    try:
        folder.name.encode()
    except UnicodeEncodeError as error:
        raw = os.fsencode(folder.name)
        try:
            hint = f", perhaps {shortened(raw.decode('gb18030'))} in GBK"
        except UnicodeDecodeError:
            hint = ""
        raise DataError(
            f"{folder.parent}: the name of a class folder, {shortened(raw)}, is not valid UTF-8{hint}. "
            "Rename the folder, e.g. with: convmv -f gbk -t utf-8 --notest"
        ) from error
    return folder.name


def _no_folders(root: Path, listed: Sequence[Entry]) -> str:
    images = [each for each in listed if each.kind == "image"]
    if images:
        example = root / "cat" / Path(images[0].path).name
        return (
            f"{root}: the images lie in it directly. Put those of each class into a folder of their own "
            f"(one folder is enough for nn('gen')), e.g. {example}."
        )
    found = describe_skipped([Skipped(each.path, each.reason) for each in listed])
    return f"{root}: no class folder in it; {found}. {_ADVICE}"


def _images(folder: Path) -> tuple[list[Path], list[Skipped]]:
    listed = entries(folder, DataError)
    images = [Path(each.path) for each in listed if each.kind == "image"]
    others = [
        Skipped(each.path, each.reason or "is a folder")
        for each in listed
        if each.kind in ("other", "folder")
    ]
    if images:
        return images, others
    if any(each.kind == "folder" for each in listed):
        raise DataError(
            f"{folder}: holds folders instead of images. Is {folder} the folder to load, rather than "
            f"{folder.parent}?"
        )
    raise DataError(
        f"{folder}: the class folder holds no images (.jpg, .png, ...); {describe_skipped(others)}. Add "
        "some, or remove the folder."
    )


def _is_odd(entry: Entry) -> bool:
    """Return whether something beside the class folders could have been one, or an image."""
    return entry.reason != no_image()


def _ordered(
    root: Path, folders: dict[str, Path], names: tuple[str, ...] | None
) -> tuple[tuple[str, ...], list[Path]]:
    """Return the names of the classes, and the folder of each."""
    if names is None:
        return tuple(folders), list(folders.values())
    matched = _matched(root, tuple(folders), names)
    if len(matched) == len(names) == len(folders):
        return names, [folders[matched[name]] for name in names]
    known, missing = ", ".join(map(repr, folders)), [name for name in names if name not in matched]
    if not matched and len(names) == len(folders):
        return names, _by_order(root, folders, names)
    if missing:
        raise DataError(
            f"classes: {', '.join(map(repr, missing))} names no folder of {root}; its folders are {known}."
        )
    left = ", ".join(repr(folder) for folder in folders if folder not in matched.values())
    raise DataError(
        f"classes: {len(names)} named, but {root} has {len(folders)} folders; {left} is missing among them. "
        "Name every folder, or leave classes out."
    )


def _matched(root: Path, folders: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return the folder of each name that has one: the same, else the same but for case and accents' form.

    Raises:
        DataError: Several folders could be meant by a name, or several names by a folder.
    """
    found = {name: form for name in names if (form := unicodedata.normalize("NFC", name)) in folders}
    for name in names:
        if name in found:
            continue
        alike = [folder for folder in folders if folded(folder) == folded(name)]
        left = [folder for folder in alike if folder not in found.values()]
        if len(left) == 1:
            found[name] = left[0]
        elif alike:
            others = [other for other in names if other != name and folded(other) == folded(name)]
            raise DataError(
                f"classes: {shortened(name)} is ambiguous: in {root} it could be "
                f"{' or '.join(map(repr, alike))}"
                + (f", and {', '.join(map(repr, others))} is among the classes, too" if others else "")
                + ". Write the names as the folders have them."
            )
    return found


def _by_order(root: Path, folders: dict[str, Path], names: Sequence[str]) -> list[Path]:
    """Return the folders in natural order, for titles that none of them has."""
    keys = [_natural(folder)[0] for folder in folders.values()]
    if len(set(keys)) < len(keys):
        raise DataError(
            f"classes: none is a folder of {root}, and the order of its folders "
            f"{', '.join(map(repr, folders))} is ambiguous. Name the classes as the folders, or rename them."
        )
    known = {folder: (_letters(folder), _number(folder)) for folder in folders}
    for name, own in zip(names, folders, strict=True):
        alike = _meant(known, name)
        if alike and own not in alike:
            raise DataError(
                f"classes: {shortened(name)} looks like the folder {shortened(alike[0])} of {root}, and in "
                f"its place among the classes stands {shortened(own)}. Name the classes as the folders."
            )
    pairs = ", ".join(
        f"{shortened(folder)} is {shortened(name)}" for folder, name in zip(folders, names, strict=True)
    )
    warn(f"classes: none is a folder of {root}, so they are titles: {pairs}.")
    return list(folders.values())


def _meant(folders: Mapping[str, tuple[str, int | None]], title: str) -> list[str]:
    """Return the folders that a title may mean: those of its letters, of these those of its number.

    A title without letters means those of its number, whatever their letters. Where no folder has its
    letters, it may mean those whose letters it holds ("小猫" and "cats" that of "猫" and "cat"), or that hold
    its own.

    Args:
        folders: The letters and the number of each.
        title: What a class is to be called.
    """
    letters, number = _letters(title), _number(title)
    alike = [folder for folder, (own, _) in folders.items() if own == letters or not letters]
    if not alike and len(folders) <= _MOST_COMPARED:
        alike = [
            folder for folder, (own, _) in folders.items() if _holds(own, letters) or _holds(letters, own)
        ]
    same = [folder for folder in alike if number is not None and folders[folder][1] == number]
    return same or (alike if letters else [])


_MOST_COMPARED = 1000


def _holds(text: str, part: str) -> bool:
    """Return whether a text holds another one that is a word: three letters, or one of Chinese."""
    return part in text and (len(part) >= 3 or (len(part) > 0 and not part.isascii()))


def _letters(name: str) -> str:
    """Return the letters of a name, in one case; the marks of scripts such as Hindi's belong to them."""
    return "".join(each for each in folded(name) if unicodedata.category(each)[0] in "LM")


def _number(name: str) -> int | None:
    digits = "".join(filter(str.isdecimal, name))[:100]
    return int(digits) if digits else None


def _natural(folder: Path) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Return a key that sorts "2" before "10"; of equal ones the name itself decides."""
    parts = re.split(r"(\d+)", folder.name)
    key = ((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)
    return tuple(key), folder.name


def _by_reason(skipped: Sequence[Skipped], root: Path) -> str:
    reasons: dict[str, list[str]] = {}
    for path, reason in skipped:
        reasons.setdefault(reason, []).append(str(Path(path).relative_to(root)))
    return "; ".join(f"{_listed(names)} ({reason})" for reason, names in reasons.items())


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(map(printable, names[:_LISTED])) + (f" and {more} more" if more > 0 else "")
