"""What commands of many inputs say about those that cannot be read."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from typing import Iterator, Sequence, Tuple

from .output import note, visible
from .text import Message, coded, gettext

_OF_OTHERS = ("E-INPUT-06", "E-GALLERY-")
"""How codes of errors about an option or a gallery begin, which leaving inputs out does not end."""


@contextlib.contextmanager
def advising_to_skip(skip_errors: bool, inputs: Sequence[str]) -> Iterator[None]:
    """Name the option that leaves broken inputs out, where one of several ends a command without it.

    What the library warns of as left out is not printed: `check_left` names every one.
    """
    from onnxnn_runtime.errors import InputError
    from onnxnn_runtime.inputs.folders import LeftOutWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeftOutWarning)
            yield
    except InputError as error:
        text = error.text
        name = re.split("：|: ", text, maxsplit=1)[0]
        text = name + _without(name, text[len(name) :])
        if not skip_errors and not error.code.startswith(_OF_OTHERS) and _others_remain(name, inputs):
            text += gettext(" --skip-errors leaves out inputs that cannot be read.")
        raise type(error)(Message(text, error.code)) from error


def _others_remain(name: str, inputs: Sequence[str]) -> bool:
    """Return whether there are other inputs than the one that a message names."""
    from onnxnn_runtime.inputs.folders import find_images

    if len(inputs) > 1:
        return True
    only = inputs[0]
    return name != visible(only) and (not os.path.isdir(only) or len(find_images(only)[0]) > 1)


def _without(name: str, text: str) -> str:
    """Return what follows a name without mentioning it again."""
    is_word = "." not in name and "/" not in name and "\\" not in name  # such as "-", or "folder"
    return text if is_word else text.replace(f" {name!r}", "").replace(f" {name}", "")


def check_left(num: int, skipped: Sequence[Tuple[str, str]]) -> None:
    """Name every input that was left out, on stderr.

    Args:
        num: How many inputs are left.
        skipped: The others, and why.

    Raises:
        InputError: None is left.
    """
    for name, reason in skipped:
        note(gettext("left out: {name} ({reason})", name=name, reason=_without(name, reason).rstrip(".。")))
    if not num:
        from onnxnn_runtime.errors import InputError

        raise InputError(_nothing_left(len(skipped)))


def _nothing_left(skipped: int) -> Message:
    if not skipped:
        return coded("E-INPUT-01", "expected at least one input, got none. Give one that can be read.")
    if skipped == 1:
        return coded("E-INPUT-02", "no input is left: it was left out. Give at least one that can be read.")
    return coded(
        "E-INPUT-02", "no input is left: all of them were left out. Give at least one that can be read."
    )
