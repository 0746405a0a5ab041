"""Errors that several processes of one training meet, and one of them shows."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType

from .processes import is_main_process, num_processes
from .user_lines import show_with_lines
from .warn import is_ours

__all__ = ["is_left_to_others", "leave_to_others", "show_once"]

_WAIT = 3.0
"""Seconds in which a process that fails like the main one is ended by what started both."""

_MAIN_WAITS = 1.0
"""Seconds in which another process has shown the error that ends the main one."""


def leave_to_others(error: BaseException) -> None:
    """Mark an error that another process shows."""
    error.__dict__["_is_shown"] = True


def is_left_to_others(error: BaseException) -> bool:
    """Return whether another process shows an error of ours that ends this one.

    It waits a little, since what started the processes ends all of them when one has ended.
    """
    is_shown = "_is_shown" in error.__dict__
    if not is_shown and is_main_process():
        return False
    parent, end = os.getppid(), time.monotonic() + (_MAIN_WAITS if is_main_process() else _WAIT)
    while time.monotonic() < end and os.getppid() == parent:
        time.sleep(0.05)
    return is_shown or os.getppid() != parent


def show_once(processes: int) -> None:
    """Let one process show errors of ours, unless the program has a way of its own.

    Args:
        processes: How many there are, or will be.
    """
    if max(processes, num_processes()) > 1 and sys.excepthook is sys.__excepthook__:
        sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    is_shown = "_is_shown" in error.__dict__
    if (is_shown or is_ours(kind.__module__)) and is_left_to_others(error):
        return
    show_with_lines(kind, error, traceback)
