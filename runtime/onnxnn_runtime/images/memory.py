"""How much memory images may take: one of them, and all that several threads decode at the same time."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Iterator

from PIL import Image

_SMALL = 32 * 2**20
"""Bytes that a step may take beside what was reserved for its image."""


# Freed blocks below 32 MB, as Pillow's own of 16 MB are, may be kept by glibc's malloc, for each thread.
_BLOCK = 64 * 2**20
if "PILLOW_BLOCK_SIZE" not in os.environ:
    Image.core.set_block_size(_BLOCK)  # type: ignore[attr-defined]


class Budget:
    """Bytes that threads reserve for images before they take them; those for which there is no room wait.

    A single image is let through whatever it takes: `check_memory` has refused the too large ones.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = 0
        self._own = threading.local()

    @contextlib.contextmanager
    def one_image(self) -> Iterator[None]:
        """Give back at the end what was reserved inside; one inside another counts as the same image."""
        if hasattr(self._own, "size"):
            yield
            return
        self._own.size = 0
        try:
            yield
        finally:
            self._give(self._own.size)
            del self._own.size

    def reserve(self, size: int, most: int) -> None:
        """Wait until there is room for an image; without effect outside of `one_image`.

        Args:
            size: The bytes that it takes.
            most: The bytes that all may take together.
        """
        own = getattr(self._own, "size", None)
        if own is None or size <= 2 * own or (own and size <= own + _SMALL):
            return
        self._give(own)  # whoever waits holds no reservation, so that no two wait for each other
        self._own.size = 0
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + size <= most)
            self._taken += size
        self._own.size = size

    def _give(self, size: int) -> None:
        if size:
            with self._changed:
                self._taken -= size
                self._changed.notify_all()


_shared = [Budget()]


def shared() -> Budget:
    """Return the budget of this process."""
    return _shared[0]


def _renew() -> None:
    _shared[0] = Budget()  # the old one may be locked by a thread that a forked process does not have


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
