"""What happened since this process began: how often it was forked."""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any

_generation = 0
_threaded: weakref.WeakSet[Any] = weakref.WeakSet()


def generation() -> int:
    """Return a number that differs in a child process which was forked, as `multiprocessing` does on Linux.

    A fork copies memory but no threads, so whatever has threads of its own, as ONNX Runtime's sessions do,
    never answers in the child and has to be made again there.
    """
    return _generation


def outlive(thing: object) -> None:
    """Never take this down in a child that is forked, not even when the child ends.

    Taking down what has threads waits for them, and in a child they are not there.
    """
    _threaded.add(thing)


def _after_fork() -> None:
    global _generation
    _generation += 1
    for each in list(_threaded):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))  # a reference that nothing ever gives back


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
