"""Which class folder each name of a class means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from onnxnn_runtime.arrays.columns import folded
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn

Key = TypeVar("Key")

_MOST_COMPARED = 1000


def ordered(
    root: Path, folders: dict[str, Path], names: tuple[str, ...] | None
) -> tuple[tuple[str, ...], list[Path]]:
    """Return the names of the classes, and the folder of each."""
    if names is None:
        return tuple(folders), list(folders.values())
    matched = _matched(root, tuple(folders), names)
    if len(matched) == len(names) == len(folders):
        return names, [folders[matched[name]] for name in names]
    found = set(matched.values())
    known, missing = ", ".join(map(repr, folders)), [name for name in names if name not in matched]
    if not matched and len(names) == len(folders):
        return names, _by_order(root, folders, names)
    if missing:
        raise DataError.coded(
            "E-DATA-05",
            "classes: expected names of folders of {folder}, got {names}. Its folders: {known}.",
            folder=root,
            names=", ".join(map(repr, missing)),
            known=known,
        )
    raise DataError.coded(
        "E-DATA-05",
        "classes: expected {expected} for the folders of {folder}, got {count}; {missing} is "
        "missing among them. Name every folder, or leave classes out.",
        expected=ngettext("{count} name", "{count} names", len(folders)),
        folder=root,
        count=len(names),
        missing=", ".join(repr(folder) for folder in folders if folder not in found),
    )


def _matched(root: Path, folders: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return the folder of each name that has one: the same, else the same but for case and accents' form.

    Raises:
        DataError: Several folders could be meant by a name, or several names by a folder.
    """
    found = {name: form for name in names if (form := unicodedata.normalize("NFC", name)) in folders}
    taken, by_fold = set(found.values()), _grouped(folders, folded)
    for name in names:
        if name in found:
            continue
        alike = by_fold.get(folded(name), [])
        left = [folder for folder in alike if folder not in taken]
        if len(left) == 1:
            found[name] = left[0]
            taken.add(left[0])
        elif alike:
            others = [other for other in names if other != name and folded(other) == folded(name)]
            if others:
                raise DataError.coded(
                    "E-DATA-05",
                    "classes: {name} is ambiguous: in {folder} it could be {alike}, and {others} is "
                    "among the classes, too. Write the names as the folders have them.",
                    name=shortened(name),
                    folder=root,
                    alike=", ".join(map(repr, alike)),
                    others=", ".join(map(repr, others)),
                )
            raise DataError.coded(
                "E-DATA-05",
                "classes: {name} is ambiguous: in {folder} it could be {alike}. Write the names as the "
                "folders have them.",
                name=shortened(name),
                folder=root,
                alike=", ".join(map(repr, alike)),
            )
    return found


def _by_order(root: Path, folders: dict[str, Path], names: Sequence[str]) -> list[Path]:
    """Return the folders in natural order, for titles that none of them has."""
    keys = [natural(folder)[0] for folder in folders.values()]
    if len(set(keys)) < len(keys):
        raise DataError.coded(
            "E-DATA-05",
            "classes: none is a folder of {folder}, and the order of its folders {names} is ambiguous. "
            "Name the classes as the folders, or rename them.",
            folder=root,
            names=", ".join(map(repr, folders)),
        )
    known = Known(_grouped(folders, _letters), _grouped(folders, _number), _grouped(folders, _both))
    for name, own in zip(names, folders, strict=True):
        alike = _meant(known, name)
        if alike and own not in alike:
            raise DataError.coded(
                "E-DATA-05",
                "classes: {name} looks like the folder {alike} of {folder}, and the folder at its place "
                "is {own}. Name the classes as the folders.",
                name=shortened(name),
                alike=shortened(alike[0]),
                folder=root,
                own=shortened(own),
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


def _grouped(folders: Iterable[str], key: Callable[[str], Key]) -> dict[Key, list[str]]:
    groups: dict[Key, list[str]] = {}
    for folder in folders:
        groups.setdefault(key(folder), []).append(folder)
    return groups


class Known(NamedTuple):
    """Folders by their letters, by their number, and by both."""

    by_letters: Mapping[str, list[str]]
    by_number: Mapping[int | None, list[str]]
    by_both: Mapping[tuple[str, int | None], list[str]]


def _meant(folders: Known, title: str) -> list[str]:
    """Return the folders that a title may mean: those of its letters, of these those of its number.

    A title without letters means those of its number, whatever their letters. Where no folder has its
    letters, it may mean those whose letters it holds ("小猫" and "cats" that of "猫" and "cat"), or that hold
    its own.

    Args:
        folders: All of them.
        title: What a class is to be called.
    """
    letters, number = _both(title)
    if not letters:
        return folders.by_number.get(number, []) if number is not None else []
    alike = [letters] if letters in folders.by_letters else []
    if not alike and len(folders.by_letters) <= _MOST_COMPARED:
        alike = [own for own in folders.by_letters if _holds(own, letters) or _holds(letters, own)]
    same = [each for own in alike for each in folders.by_both.get((own, number), ()) if number is not None]
    return same or [each for own in alike for each in folders.by_letters[own]]


def _holds(text: str, part: str) -> bool:
    """Return whether a text holds another one that is a word: three letters, or one of Chinese."""
    return part in text and (len(part) >= 3 or (len(part) > 0 and not part.isascii()))


def _letters(name: str) -> str:
    """Return the letters of a name, in one case; the marks of scripts such as Hindi's belong to them."""
    return "".join(each for each in folded(name) if unicodedata.category(each)[0] in "LM")


def _number(name: str) -> int | None:
    digits = "".join(filter(str.isdecimal, name))[:100]
    return int(digits) if digits else None


def _both(name: str) -> tuple[str, int | None]:
    return _letters(name), _number(name)


def natural(folder: Path) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Return a key that sorts "2" before "10"; of equal ones the name itself decides."""
    parts = re.split(r"(\d+)", folder.name)
    key = ((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)
    return tuple(key), folder.name
