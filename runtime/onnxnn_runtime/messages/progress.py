"""A line on stderr that says how far a call is, where that is a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Callable

from .streams import is_terminal, say


class ProgressLine:
    """One line that is drawn again and again, and cleared at the end.

    Args:
        words: (done, total; None where it is not known) -> what the line says.
        wanted: Whether to show anything.
    """

    def __init__(self, words: Callable[[int, int | None], str], wanted: bool = True) -> None:
        self._words = words
        self._watched = wanted and is_terminal()

    def __call__(self, done: int, total: int | None) -> None:
        if self._watched:
            say(end=f"\r{self._words(done, total)}", to="stderr")

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watched:
            say(end="\r\033[K", to="stderr")
