"""Printing that never fails and never ends what prints: a training, a loop, a window without a console."""

from __future__ import annotations

import contextlib
import re
import sys
from typing import Any

from .notebook import in_notebook
from .processes import is_main_process
from .shorten import escaped

__all__ = ["SafeStream", "for_progress", "is_terminal", "say", "visible"]


class SafeStream:
    """`sys.stdout` or `sys.stderr` as it is at each call, for what only people read.

    There may be none (`pythonw`, windowed programs), it may be closed, have nothing but `write`, hold another
    alphabet than the text, or raise whatever a window that is gone raises: then the text, or the part of it
    that cannot be shown, is lost, and nothing is raised.

    Args:
        name: "stdout" or "stderr".
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def encoding(self) -> Any:
        """The name of the stream's encoding, None where it has none."""
        return getattr(getattr(sys, self._name, None), "encoding", None)

    def write(self, text: str) -> int:
        """Write a text; characters that the stream cannot hold become question marks."""
        stream = getattr(sys, self._name, None)
        with contextlib.suppress(Exception):  # whatever somebody's own stream raises; see above
            try:
                stream.write(text)  # type: ignore[union-attr]  # None raises
            except UnicodeError:
                stream.write(encodable(text, self.encoding))  # type: ignore[union-attr]
        return len(text)

    def flush(self) -> None:
        """Flush, where the stream can."""
        with contextlib.suppress(Exception):  # as in `write`
            getattr(sys, self._name).flush()

    def isatty(self) -> bool:
        """Return whether a progress bar can be drawn: on a terminal, which IDLE only says it is."""
        stream = getattr(sys, self._name, None)
        if type(stream).__module__.split(".")[0] == "idlelib":
            return False
        try:
            return bool(stream.isatty())  # type: ignore[union-attr]  # None and others raise
        except Exception:  # closed, or without the method
            return False

    def fileno(self) -> int:
        """Return the descriptor, for the width of the terminal."""
        descriptor: int = getattr(sys, self._name).fileno()
        return descriptor


def encodable(text: str, encoding: str | None = None) -> str:
    """Return a text as a stream of that encoding can hold it, with ? for what it cannot."""
    try:
        return text.encode(encoding or "ascii", "replace").decode(encoding or "ascii")
    except (LookupError, TypeError, UnicodeError):  # no such encoding
        return text.encode("ascii", "replace").decode("ascii")


def visible(text: str) -> str:
    """Return a text in which nothing acts on a terminal.

    Control characters show as escapes such as \\x1b, but for line breaks and tabs, and so do marks that turn
    the direction of writing (CVE-2021-42574).
    """
    return _ACTING.sub(lambda found: escaped(found.group()), text)


_ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\udc80-\udcff]")


def say(*values: object, end: str = "\n", to: str = "stdout") -> None:
    """Print like `print`, on "stdout" or "stderr", and never raise; see `SafeStream` and `visible`.

    Of several processes of one training the main one alone prints. A notebook shows what goes to stderr in
    red, like an error; it is printed on stdout there.

    `end` alone may steer the terminal, as a line that is drawn again and again does.
    """
    if not is_main_process():
        return
    stream = for_progress() if to == "stderr" else SafeStream(to)
    stream.write(visible(" ".join(map(str, values))) + end)
    if to == "stderr":
        stream.flush()


def for_progress() -> SafeStream:
    """Return where progress and notes go: stderr, but stdout in a notebook, which shows stderr in red."""
    return SafeStream("stdout" if in_notebook() else "stderr")


def is_terminal(name: str = "stderr") -> bool:
    """Return whether someone watches a stream on which a progress bar can be drawn."""
    return SafeStream(name).isatty()
