"""Names of classes, each of which is the name of a folder, on every operating system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from onnxnn_runtime.arrays.columns import folded
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.inputs.folders import is_stray
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shorten import shortened

__all__ = ["LONGEST", "checked_name"]

LONGEST = 60
"""Characters of a name: at most 240 bytes, where file systems allow 255."""

_SPECIAL = '\\/:*?"<>|'
"""What Windows allows in no name, and "/" that no system does."""

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names of devices of Windows, with or without an ending:
https://learn.microsoft.com/windows/win32/fileio/naming-a-file
"""

_JOINER = "\u200d"
"""What joins emoji, the one invisible character that a name may have."""


def checked_name(given: object, taken: Iterable[str] = ()) -> str:
    """Return the name of a class in the form in which its folder has it.

    Args:
        given: What the user typed.
        taken: The names of the other classes.

    Returns:
        The name in Unicode's form NFC, without spaces around it.

    Raises:
        InputError: It is no text, empty, too long, taken, or no system, or not every one, can have a folder
            of this name.
    """
    if not isinstance(given, str):
        raise InputError.coded(
            "E-STUDIO-02", "class={got}: expected a text. Type a name, such as cat.", got=shortened(given)
        )
    name = unicodedata.normalize("NFC", given[: 10 * LONGEST]).strip()
    if not name:
        raise InputError.coded(
            "E-STUDIO-02", "expected a name for the class, got nothing. Type one, such as cat."
        )
    if len(name) > LONGEST:
        raise InputError.coded(
            "E-STUDIO-02",
            "{name}: expected a name of at most {most}, got {count}. Choose a shorter one.",
            name=shortened(name, 40),
            most=ngettext("{count} character", "{count} characters", LONGEST),
            count=len(given.strip()),
        )
    wrong = sorted({each for each in name if each in _SPECIAL or _is_invisible(each)})
    if wrong:
        raise InputError.coded(
            "E-STUDIO-02",
            "{name}: the name of a class is one of a folder, which cannot hold {characters}. Leave them out.",
            name=shortened(name, 40),
            characters=" ".join(each if each in _SPECIAL else ascii(each)[1:-1] for each in wrong),
        )
    _check_folder(name)
    if folded(name) in map(folded, taken):
        raise InputError.coded(
            "E-STUDIO-02",
            "{name}: there is a class of this name already. Choose another one.",
            name=shortened(name, 40),
        )
    return name


def _check_folder(name: str) -> None:
    """Refuse a name that some system cannot give a folder, or that is passed over when images are loaded."""
    if name.startswith(".") or name.endswith("."):
        raise InputError.coded(
            "E-STUDIO-02",
            "{name}: expected a name that neither begins nor ends with a dot. Leave the dot out.",
            name=shortened(name, 40),
        )
    if _RESERVED.fullmatch(name) or is_stray(name):
        raise InputError.coded(
            "E-STUDIO-02",
            "{name}: operating systems keep this name for themselves. Choose another one.",
            name=shortened(name, 40),
        )


def _is_invisible(character: str) -> bool:
    """Return whether a character is a control character, half of one, or one that separates lines."""
    category = unicodedata.category(character)
    return character != _JOINER and (category[0] == "C" or category in ("Zl", "Zp"))
