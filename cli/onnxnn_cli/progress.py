"""A line on stderr that counts inputs while a command works; silent where nobody watches."""

from __future__ import annotations

import contextlib
import os
import warnings
from typing import Any, Iterator, Optional, Sequence, Tuple

from .output import note, visible


class Counter:
    """Counts inputs on one line: "embedded 320 of 10000".

    Args:
        verb: What is being done to them.
    """

    def __init__(self, verb: str) -> None:
        from onnxnn_runtime.messages.streams import is_terminal

        self._verb = verb
        self._watched = is_terminal()

    def __call__(self, done: int, total: Optional[int]) -> None:
        if self._watched:
            of = "" if total is None else f" of {total}"
            self._say(f"\r{self._verb} {done}{of}")

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._watched:
            self._say("\r\033[K")

    def _say(self, text: str) -> None:
        from onnxnn_runtime.messages.streams import say

        say(text, end="", to="stderr")


@contextlib.contextmanager
def advising_to_skip(skip_errors: bool, inputs: Sequence[str]) -> Iterator[None]:
    """Name the option that leaves broken inputs out, where one of several ends a command without it.

    What the library warns of as left out is not printed: `check_left` names every one.
    """
    from onnxnn_runtime.errors import InputError

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"\d+ inputs? (was|were) left out")
            yield
    except InputError as error:
        text = str(error)
        name = text.partition(": ")[0]
        text = name + _without(name, text[len(name) :])
        if not skip_errors and _others_remain(name, inputs):
            text += " --skip-errors leaves out inputs that cannot be read."
        raise type(error)(text) from error


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
        note("left out: {} ({})".format(name, _without(name, reason).rstrip(".")))
    if not num:
        from onnxnn_runtime.errors import InputError

        why = (
            "none was given"
            if not skipped
            else "all of them were left out"
            if len(skipped) > 1
            else "it was left out"
        )
        raise InputError(f"no input is left: {why}. Give at least one that can be read.")
