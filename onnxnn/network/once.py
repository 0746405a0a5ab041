"""Files of a network that several processes train: the main process writes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from onnxnn_runtime.files.atomic import discarding
from onnxnn_runtime.messages.processes import num_processes

__all__ = ["written_once"]

P = ParamSpec("P")
R = TypeVar("R")


def written_once(method: Callable[P, R]) -> Callable[P, R]:
    """Let the main process alone write what a method of `Network` writes.

    After it the others, which wait for that, do the same without files, so that the method returns the same
    in all. A script may call it in the main process alone. Where no training has connected the processes yet,
    each writes the same file, whole.
    """

    @wraps(method)
    def call(*args: P.args, **options: P.kwargs) -> R:
        if num_processes() == 1:
            return method(*args, **options)
        from onnxnn.training.process_group import current_group  # here, because one process needs it not

        group = current_group()
        if group is None:
            return method(*args, **options)

        def quietly() -> R:
            with discarding():
                return method(*args, **options)

        return group.in_turn(
            method.__name__, _named((args, options)), lambda: method(*args, **options), quietly
        )

    call.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]  # arguments are checked first
    return call


def _named(given: object) -> str:
    """Return the names and numbers among arguments, which are the same in each process."""
    if isinstance(given, dict):
        return _named(sorted(given.items()))
    if isinstance(given, tuple | list):
        return f"({','.join(_named(each) for each in given)})"
    return repr(str(given)) if isinstance(given, str | Path | int | float | None) else ""
