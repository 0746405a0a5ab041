"""A line on stderr that counts inputs while a command works; silent where nobody watches."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, Optional, Sequence, Tuple

from .output import note


class Counter:
    """Counts inputs on one line: "embedded 320 of 10000".

    Args:
        verb: What is being done to them.
    """

    def __init__(self, verb: str) -> None:
        from onnxnn_runtime.streams import is_terminal

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
        from onnxnn_runtime.streams import say

        say(text, end="", to="stderr")


@contextlib.contextmanager
def saying_how_to_skip(skip_errors: bool) -> Iterator[None]:
    """Name the option that leaves broken inputs out, where one of them ends a command without it."""
    from onnxnn_runtime.errors import InputError

    try:
        yield
    except InputError as error:
        if skip_errors:
            raise
        text = str(error)
        name = text.partition(": ")[0]
        text = name + _without(name, text[len(name) :])
        raise type(error)(f"{text} --skip-errors leaves out inputs that cannot be read.") from error


def _without(name: str, text: str) -> str:
    """Return what follows a name without mentioning it again."""
    return text if name == "-" else text.replace(f" {name!r}", "").replace(f" {name}", "")


def tell_skipped(skipped: Sequence[Tuple[str, str]]) -> None:
    """Name every input that was left out, on stderr."""
    for name, reason in skipped:
        reason = reason[len(name) :].lstrip(": ") if reason.startswith(name) else reason
        note("left out: {} ({})".format(name, _without(name, reason).rstrip(".")))
