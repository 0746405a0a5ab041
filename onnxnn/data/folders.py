"""Class folders: which images they hold, and which class each belongs to."""

from __future__ import annotations

import contextlib
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from onnxnn_runtime.errors import DataError
from onnxnn_runtime.files.access import as_path, cannot_read
from onnxnn_runtime.inputs.folders import Entry, Skipped, describe_skipped, entries, no_image
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.warn import warn

from .class_names import class_names
from .folder_names import natural, ordered

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
            raise DataError.coded(
                "E-DATA-02",
                "{folder}: none of the images of {names} can be read. Replace them, or remove the folder.",
                folder=self.root,
                names=", ".join(map(shortened, empty)),
            )
        return replace(self, files=tuple(self.files[number] for number in kept), labels=labels)


def find_images(path: str | os.PathLike[str], classes: object = None) -> ClassFolders:
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
        raise DataError.coded(
            "E-DATA-08",
            "{path}: expected a folder that holds one folder for each class, got a file."
            " Give the folder above those of the classes.",
            path=root,
        )
    around = _around(root)
    listed = [_outside(each, around) for each in entries(root, DataError)]
    folders = _class_folders(root, listed)
    names, in_order = ordered(root, folders, class_names(classes))
    files: list[Path] = []
    labels: list[int] = []
    skipped = [Skipped(each.path, each.reason) for each in listed if each.kind == "other" and _is_odd(each)]
    beside = [each.path for each in listed if each.kind == "image"]
    if beside:
        reason = gettext("lies beside the class folders")
        skipped += [Skipped(path, reason) for path in beside]
    for number, folder in enumerate(in_order):
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
    for path in sorted((Path(each.path) for each in listed if each.kind == "folder"), key=natural):
        name = unicodedata.normalize("NFC", _checked_name(path))
        if name in found:
            raise DataError.coded(
                "E-DATA-08",
                "{folder}: two folders have the name {name} in different Unicode forms. Merge them, or "
                "rename one.",
                folder=root,
                name=shortened(name),
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
        raise DataError.coded(
            "E-DATA-08",
            "{folder}: expected names of class folders in UTF-8, got {name}. Rename the folder, e.g. "
            "with: convmv -f gbk -t utf-8 --notest",
            folder=folder.parent,
            name=shown,
        ) from error
    return folder.name


def _no_folders(root: Path, listed: Sequence[Entry]) -> DataError:
    images = [each for each in listed if each.kind == "image"]
    if images:
        return DataError.coded(
            "E-DATA-08",
            "{folder}: expected one folder of images for each class, got images without one. Put those "
            "of each class into a folder (one folder is enough for nn('gen')), e.g. {example}.",
            folder=root,
            example=root / "cat" / Path(images[0].path).name,
        )
    return DataError.coded(
        "E-DATA-08",
        "{folder}: expected class folders, got none; {found}. {advice}",
        folder=root,
        found=describe_skipped([Skipped(each.path, each.reason) for each in listed]),
        advice=_advice(),
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
        raise DataError.coded(
            "E-DATA-08",
            "{folder}: expected images, got folders. Is {folder} the folder to load, rather than {around}?",
            folder=folder,
            around=folder.parent,
        )
    raise DataError.coded(
        "E-DATA-08",
        "{folder}: expected images (.jpg, .png, ...) in the class folder, got none; {found}. Add some, "
        "or remove the folder.",
        folder=folder,
        found=describe_skipped(others),
    )


def _is_odd(entry: Entry) -> bool:
    """Return whether something beside the class folders could have been one, or an image."""
    return entry.reason != no_image()


def _by_reason(skipped: Sequence[Skipped], root: Path) -> str:
    reasons: dict[str, list[str]] = {}
    for path, reason in skipped:
        reasons.setdefault(reason, []).append(str(Path(path).relative_to(root)))
    return gettext("; ").join(
        gettext("{name} ({reason})", name=_listed(names), reason=reason) for reason, names in reasons.items()
    )


def _listed(names: Sequence[str]) -> str:
    listed, more = ", ".join(map(printable, names[:_LISTED])), len(names) - _LISTED
    if more <= 0:
        return listed
    return ngettext("{names} and {count} more", "{names} and {count} more", more, names=listed)
