"""What happened since this process began: how often it was forked."""

from __future__ import annotations

import os

__all__ = ["abandon", "generation"]

_generation = 0
_abandoned: list[object] = []


def generation() -> int:
    """Return a number that differs in a child process which was forked, as `multiprocessing` does on Linux.

    A fork copies memory but no threads, so whatever has threads of its own, as ONNX Runtime's sessions do,
    never answers in the child and has to be made again there.
    """
    return _generation


def abandon(thing: object) -> None:
    """Keep what was made before a fork: taking it down would wait for its threads, which are not there."""
    _abandoned.append(thing)


def _count() -> None:
    global _generation
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count)
