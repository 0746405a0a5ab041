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
from onnxnn_runtime.messages.catalogue import coded, gettext, ngettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.warn import warn

from .label_mapping import folded
from .labels import class_names

__all__ = ["ClassFolders", "find_pictures"]

_LISTED = 5


@dataclass(frozen=True)
class ClassFolders:
    """The images of a data set.

    Args:
        root: The folder that holds the class folders.
        classes: The names of the classes, by number.
        files: Every image, class by class, each class sorted by name.
        labels: The class index of each.
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
                coded(
                    "E-DATA-02",
                    "{folder}: none of the images of {names} can be read. Replace them, or remove the "
                    "folder.",
                    folder=self.root,
                    names=", ".join(map(shortened, empty)),
                )
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
        raise cannot_read(root, found, gettext("folder"), DataError, _advice()) from found
    if not os.path.isdir(root):
        raise DataError(
            coded(
                "E-DATA-08",
                "{path}: expected a folder that holds one folder for each class, got a file.",
                path=root,
            )
        )
    around = _around(root)
    listed = [_outside(each, around) for each in entries(root, DataError)]
    folders = _class_folders(root, listed)
    names, ordered = _ordered(root, folders, class_names(classes))
    files: list[Path] = []
    labels: list[int] = []
    skipped = [Skipped(each.path, each.reason) for each in listed if each.kind == "other" and _is_odd(each)]
    beside = [each.path for each in listed if each.kind == "image"]
    if beside:
        reason = gettext("lies beside the class folders")
        skipped += [Skipped(path, reason) for path in beside]
    for number, folder in enumerate(ordered):
        images, others = _images(folder)
        files += images
        labels += [number] * len(images)
        skipped += others
    if skipped:
        warn(gettext("skipped: {files}.", files=_by_reason(skipped, root)))
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
        return Entry(entry.path, "other", gettext("this link leads back to a folder around it"))
    return entry


def _class_folders(root: Path, listed: Sequence[Entry]) -> dict[str, Path]:
    """Return the class folders by their names, in natural order."""
    found: dict[str, Path] = {}
    for path in sorted((Path(each.path) for each in listed if each.kind == "folder"), key=_natural):
        name = unicodedata.normalize("NFC", _checked_name(path))
        if name in found:
            raise DataError(
                coded(
                    "E-DATA-08",
                    "{folder}: two folders have the name {name} in different Unicode forms. Merge them, or "
                    "rename one.",
                    folder=root,
                    name=shortened(name),
                )
            )
        found[name] = path
    if not found:
        raise _no_folders(root, listed)
    return found


def _checked_name(folder: Path) -> str:
    """Return the name of a class folder, which has to be text that a file can hold."""
    try:
        folder.name.encode()
    except UnicodeEncodeError as error:
        name = os.fsencode(folder.name)
        shown = shortened(name)
        with contextlib.suppress(UnicodeDecodeError):
            text = shortened(name.decode("gb18030"))
            shown = gettext("{name} (perhaps {text} in GBK)", name=shown, text=text)
        raise DataError(
            coded(
                "E-DATA-08",
                "{folder}: expected names of class folders in UTF-8, got {name}. Rename the folder, e.g. "
                "with: convmv -f gbk -t utf-8 --notest",
                folder=folder.parent,
                name=shown,
            )
        ) from error
    return folder.name


def _no_folders(root: Path, listed: Sequence[Entry]) -> DataError:
    images = [each for each in listed if each.kind == "image"]
    if images:
        return DataError(
            coded(
                "E-DATA-08",
                "{folder}: expected one folder of images for each class, got images without one. Put those "
                "of each class into a folder (one folder is enough for nn('gen')), e.g. {example}.",
                folder=root,
                example=root / "cat" / Path(images[0].path).name,
            )
        )
    return DataError(
        coded(
            "E-DATA-08",
            "{folder}: expected class folders, got none; {found}. {advice}",
            folder=root,
            found=describe_skipped([Skipped(each.path, each.reason) for each in listed]),
            advice=_advice(),
        )
    )


def _advice() -> str:
    return gettext("Give the folder that holds one folder of images for each class.")


def _images(folder: Path) -> tuple[list[Path], list[Skipped]]:
    listed = entries(folder, DataError)
    images = [Path(each.path) for each in listed if each.kind == "image"]
    others = [
        Skipped(each.path, each.reason or gettext("is a folder"))
        for each in listed
        if each.kind in ("other", "folder")
    ]
    if images:
        return images, others
    if any(each.kind == "folder" for each in listed):
        raise DataError(
            coded(
                "E-DATA-08",
                "{folder}: expected images, got folders. Is {folder} the folder to load, rather than "
                "{around}?",
                folder=folder,
                around=folder.parent,
            )
        )
    raise DataError(
        coded(
            "E-DATA-08",
            "{folder}: expected images (.jpg, .png, ...) in the class folder, got none; {found}. Add some, "
            "or remove the folder.",
            folder=folder,
            found=describe_skipped(others),
        )
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
            coded(
                "E-DATA-05",
                "classes: expected names of folders of {folder}, got {names}. Its folders: {known}.",
                folder=root,
                names=", ".join(map(repr, missing)),
                known=known,
            )
        )
    raise DataError(
        coded(
            "E-DATA-05",
            "classes: expected {expected} names for the folders of {folder}, got {count}; {missing} is "
            "missing among them. Name every folder, or leave classes out.",
            expected=len(folders),
            folder=root,
            count=len(names),
            missing=", ".join(repr(folder) for folder in folders if folder not in matched.values()),
        )
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
            if others:
                raise DataError(
                    coded(
                        "E-DATA-05",
                        "classes: {name} is ambiguous: in {folder} it could be {alike}, and {others} is "
                        "among the classes, too. Write the names as the folders have them.",
                        name=shortened(name),
                        folder=root,
                        alike=", ".join(map(repr, alike)),
                        others=", ".join(map(repr, others)),
                    )
                )
            raise DataError(
                coded(
                    "E-DATA-05",
                    "classes: {name} is ambiguous: in {folder} it could be {alike}. Write the names as the "
                    "folders have them.",
                    name=shortened(name),
                    folder=root,
                    alike=", ".join(map(repr, alike)),
                )
            )
    return found


def _by_order(root: Path, folders: dict[str, Path], names: Sequence[str]) -> list[Path]:
    """Return the folders in natural order, for titles that none of them has."""
    keys = [_natural(folder)[0] for folder in folders.values()]
    if len(set(keys)) < len(keys):
        raise DataError(
            coded(
                "E-DATA-05",
                "classes: none is a folder of {folder}, and the order of its folders {names} is ambiguous. "
                "Name the classes as the folders, or rename them.",
                folder=root,
                names=", ".join(map(repr, folders)),
            )
        )
    known = {folder: (_letters(folder), _number(folder)) for folder in folders}
    for name, own in zip(names, folders, strict=True):
        alike = _meant(known, name)
        if alike and own not in alike:
            raise DataError(
                coded(
                    "E-DATA-05",
                    "classes: {name} looks like the folder {alike} of {folder}, and the folder at its place "
                    "is {own}. Name the classes as the folders.",
                    name=shortened(name),
                    alike=shortened(alike[0]),
                    folder=root,
                    own=shortened(own),
                )
            )
    pairs = ", ".join(
        gettext("{folder} is {name}", folder=shortened(folder), name=shortened(name))
        for folder, name in zip(folders, names, strict=True)
    )
    warn(
        gettext(
            "classes: none is a folder of {folder}, so they are titles: {pairs}.", folder=root, pairs=pairs
        )
    )
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
    listed, more = ", ".join(map(printable, names[:_LISTED])), len(names) - _LISTED
    if more <= 0:
        return listed
    return ngettext("{names} and {count} more", "{names} and {count} more", more, names=listed)
