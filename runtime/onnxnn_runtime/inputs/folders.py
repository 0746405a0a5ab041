"""What folders hold: images, and what is skipped there and why.

Links are followed. Whatever an operating system can put into a folder (loops of links, folders that may not
be opened or lie a thousand deep, named pipes, devices) ends in an entry with a reason, never in an endless
walk and never in a file that is opened to find out.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from pathlib import Path
from typing import NamedTuple, Sequence

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import InputError, MissingInputError, OnnxnnError
from onnxnn_runtime.files.access import cannot_read
from onnxnn_runtime.images.formats import IMAGE_SUFFIXES, unreadable
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import WHOLE, printable
from onnxnn_runtime.messages.system import system_reason
from onnxnn_runtime.messages.warn import warn

_STRAY = frozenset(["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx"])

_MOST_VISITS = 8
"""How often one folder is listed that links lead to from several places: links to links could double
without end."""


@checked_class()
class Skipped(NamedTuple):
    """An input that was left out, and why.

    Args:
        name: The input.
        reason: What was wrong with it.
    """

    name: str
    reason: str


class Entry(NamedTuple):
    """What stands in a folder.

    Args:
        path: Where.
        kind: "folder", "image" (by its name; nothing was opened) or "other".
        reason: Why an entry of kind "other" is no image.
        id: What identifies a folder whatever links lead to it; (0, 0) for other kinds.
    """

    path: str
    kind: str
    reason: str = ""
    id: tuple[int, int] = (0, 0)


class LeftOutWarning(UserWarning):
    """Inputs were left out; the warning names some of them."""


def warn_of(skipped: Sequence[Skipped]) -> None:
    """Warn of what was left out, if anything."""
    if skipped:
        named = gettext("; ").join(
            gettext("{name} ({reason})", name=name, reason=reason.rstrip(".。"))
            for name, reason in skipped[:5]
        )
        if len(skipped) > 5:
            named = gettext("{names}; and {more} more", names=named, more=len(skipped) - 5)
        warn(
            ngettext(
                "{count} input was left out: {names}.",
                "{count} inputs were left out: {names}.",
                len(skipped),
                names=named,
            ),
            LeftOutWarning,
        )


def skipped_for(name: str, error: Exception) -> Skipped:
    """Return what was left out because of an error; the reason has neither its name again nor its code."""
    text = error.text if isinstance(error, OnnxnnError) else str(error)
    for shown in (
        name,
        printable(name, WHOLE),
    ):  # in messages the bytes of a name that is not UTF-8 are escapes
        for mark in (": ", "："):
            text = text.replace(shown + mark, "", 1)
    return Skipped(name, text)


def is_stray(name: str) -> bool:
    """Return whether a file of this name is one that systems leave."""
    return name.startswith(".") or name.lower() in _STRAY


def entries(folder: str | os.PathLike[str], error: type[OnnxnnError] = InputError) -> list[Entry]:
    """List a folder, sorted by name, without what systems leave; links count as what they lead to.

    Raises:
        OnnxnnError: It cannot be listed; of class `error`.
    """
    try:
        names = sorted(name for name in os.listdir(os.fspath(folder)) if not is_stray(name))
    except (OSError, ValueError) as found:
        raise cannot_read(folder, found, "folder", error) from found
    return [_entry(os.path.join(os.fspath(folder), name)) for name in names]


def find_images(folder: str | os.PathLike[str]) -> tuple[list[str], list[Skipped]]:
    """List the image files of a folder and of the folders inside it; links are followed.

    Files that systems leave (`Thumbs.db`, `.DS_Store`, `desktop.ini`, names that begin with a
    dot) are passed over in silence.

    Args:
        folder: The folder.

    Returns:
        The paths of the images, sorted, and what was skipped: other files, links that lead nowhere or in a
        circle, and folders that cannot be listed.

    Raises:
        InputError: The folder cannot be listed.
        MissingInputError: There is no such folder.
    """
    top = os.fspath(folder)
    if not os.path.isdir(top):
        raise MissingInputError.coded("E-INPUT-01", "{path}: no such folder. Check the path.", path=top)
    images: list[str] = []
    skipped: list[Skipped] = []
    visits: Counter[tuple[int, int]] = Counter()
    inside: set[tuple[int, int]] = set()  # the folders that lead to the one at hand
    waiting: list[tuple[Entry, bool]] = [(_entry(top), False)]
    while waiting:  # no recursion: folders may lie deeper than Python's stack
        entry, is_done = waiting.pop()
        if is_done:
            inside.discard(entry.id)
            continue
        if entry.id in inside or visits[entry.id] == _MOST_VISITS:
            why = (
                gettext("this link leads back to a folder around it")
                if entry.id in inside
                else gettext("this link is listed often enough")
            )
            skipped.append(Skipped(entry.path, why))
            continue
        try:
            found = entries(entry.path)
        except InputError as error:
            if entry.path == top:
                raise
            skipped.append(skipped_for(entry.path, error))
            continue
        visits[entry.id] += 1
        inside.add(entry.id)
        waiting.append((entry, True))
        waiting.extend((each, False) for each in reversed(found) if each.kind == "folder")
        images.extend(each.path for each in found if each.kind == "image")
        skipped.extend(Skipped(each.path, each.reason) for each in found if each.kind == "other")
    return sorted(images, key=_path_key), sorted(skipped)


def images_of(folder: str) -> tuple[list[str], list[Skipped]]:
    """Like `find_images`, but refuse a folder without images.

    Raises:
        InputError: It holds none, or cannot be listed.
    """
    images, skipped = find_images(folder)
    if not images:
        raise InputError.coded(
            "E-INPUT-01",
            "{folder}: expected images in this folder, got none; {found}. Give the folder that holds them.",
            folder=folder,
            found=describe_skipped(skipped),
        )
    return images, skipped


def describe_skipped(skipped: Sequence[Skipped]) -> str:
    """Return what a folder without images holds, for a message."""
    if not skipped:
        return gettext("it is empty")
    reasons = Counter(reason for _, reason in skipped if reason != no_image())
    why = (
        gettext("; {number} that {reason}", number=count, reason=reason)
        for reason, count in reasons.most_common(3)
    )
    return ngettext(
        "it holds {count} other file{reasons}",
        "it holds {count} other files{reasons}",
        len(skipped),
        reasons="".join(why),
    )


def no_image() -> str:
    """Return the reason of an entry that is a file, and by its name no image."""
    return gettext("is no image")


def _entry(path: str) -> Entry:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return Entry(path, "other", gettext("is a link to something that is not there"))
    except (OSError, ValueError) as error:
        return Entry(path, "other", gettext("cannot be read ({reason})", reason=system_reason(error)))
    if stat.S_ISDIR(found.st_mode):
        return Entry(path, "folder", id=(found.st_dev, found.st_ino))
    if not stat.S_ISREG(found.st_mode):
        return Entry(path, "other", gettext("is not a regular file"))
    kind = unreadable(path)
    if kind is not None:
        return Entry(path, "other", gettext("is {kind}", kind=kind))
    if os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES or _is_heif(path):
        return Entry(path, "image")
    return Entry(path, "other", no_image())


def _is_heif(path: str) -> bool:
    """Return whether a file needs an additional package, which `unreadable` found to be there."""
    return os.path.splitext(path)[1].lower() in (".heic", ".heif", ".hif")


def _path_key(path: str) -> tuple[str, ...]:
    return Path(path).parts
