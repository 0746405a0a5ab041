"""A line on stderr that counts inputs while a command works; silent where nobody watches."""

from __future__ import annotations

import sys
from typing import Any, Optional, Sequence, Tuple

from .output import note


class Counter:
    """Counts inputs on one line: "embedded 320 of 10000".

    Args:
        verb: What is being done to them.
    """

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._watched = sys.stderr.isatty()

    def __call__(self, done: int, total: Optional[int]) -> None:
        if self._watched:
            of = "" if total is None else f" of {total}"
            print(f"\r{self._verb} {done}{of}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._watched:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def tell_skipped(skipped: Sequence[Tuple[str, str]]) -> None:
    """Name every input that was left out, on stderr."""
    for name, reason in skipped:
        note(f"left out: {name} ({reason})")
