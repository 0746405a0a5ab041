"""Ctrl-C where it has to wait."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interruptions", "uninterrupted"]

_ONE = 1.0
"""Seconds in which signals are one Ctrl-C: a terminal and `torchrun` send one each."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait for what is inside, such as modules that would stay half imported in this process."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held:
            handler(*held[0])


class Interruptions:
    """Ctrl-C in a training of several processes, which end together.

    Attributes:
        count: How often there was one.
    """

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def counted(self, wanted: bool = True) -> Iterator[None]:
        """Let the first Ctrl-C inside count; another one, over a second later, ends this process alone."""
        handler = signal.getsignal(signal.SIGINT)
        is_possible = threading.current_thread() is threading.main_thread() and callable(handler)
        if not wanted or not is_possible:
            yield
            return
        first = 0.0

        def count(number: int, frame: FrameType | None) -> None:
            nonlocal first
            if self.count and time.monotonic() - first > _ONE and callable(handler):
                handler(number, frame)
            first = first or time.monotonic()
            self.count += 1

        signal.signal(signal.SIGINT, count)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, handler)
