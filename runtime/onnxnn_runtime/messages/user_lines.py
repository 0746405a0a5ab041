"""Errors as people see them: the message first, then the lines of their own program.

Scripts that `onnxnn train` runs, interactive consoles (Python's, IDLE's) and notebooks show errors of ours
in this way. ONNXNN_TRACEBACK=1 shows whole tracebacks; all other errors show as Python shows them.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

from .catalogue import gettext
from .streams import SafeStream
from .warn import is_ours

VARIABLE = "ONNXNN_TRACEBACK"
"""The environment variable that asks for whole tracebacks with "1"."""


def show_in_consoles() -> None:
    """Let a console show errors of ours with the user's lines, unless a program has its own way."""
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = show_with_lines


def show_with_lines(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print an error on stderr; `sys.excepthook` has these arguments."""
    lines = lines_of(error, traceback)
    if lines is None:
        sys.__excepthook__(kind, error, traceback)
    else:
        SafeStream("stderr").write("\n".join(lines) + "\n")


def lines_of(error: BaseException, traceback: TracebackType | None) -> list[str] | None:
    """Return what is shown for an error of ours, None where Python's own way is right.

    Args:
        error: The error.
        traceback: Where it was raised.

    Returns:
        The message, and file, number and text of each line of the user's program that led to it, the last
        call last; None for errors of others, where whole tracebacks are asked for, and without such lines.
    """
    if os.environ.get(VARIABLE) == "1" or not is_ours(type(error).__module__):
        return None
    from linecache import getline  # here, because only an error needs it

    found = []
    while traceback is not None:
        frame, number = traceback.tb_frame, traceback.tb_lineno
        path = frame.f_code.co_filename
        if not is_ours(frame.f_globals.get("__name__")) and not _is_of_a_library(path):
            of_a_cell = gettext("  the cell, line {number}", number=number)
            found.append(of_a_cell if _is_of_a_notebook(path) else f'  File "{path}", line {number}')
            text = getline(path, number, frame.f_globals).strip()
            found += [f"    {text}"] if text else []
        traceback = traceback.tb_next
    return [f"{type(error).__name__}: {error}", *found] if found else None


def _is_of_a_library(path: str) -> bool:
    """Return whether a file belongs to Python or to an installed package, whose lines explain nothing."""
    import sysconfig

    if not {"site-packages", "dist-packages"}.isdisjoint(path.replace("\\", "/").split("/")):
        return True
    folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    inside = os.path.normcase(os.path.abspath(path))
    return path.startswith("<frozen ") or any(
        inside.startswith(os.path.normcase(os.path.abspath(folder)) + os.sep) for folder in folders if folder
    )


def _is_of_a_notebook(path: str) -> bool:
    return path.startswith("<ipython-input") or "ipykernel_" in os.path.dirname(path)


def rendered(error: BaseException) -> list[str]:
    """Return the lines that IPython shows for an error of ours."""
    lines = lines_of(error, error.__traceback__)
    if lines is not None:
        return lines
    from traceback import format_exception  # here, because only an error needs it

    whole = "".join(format_exception(type(error), error, error.__traceback__))
    return whole.rstrip("\n").split("\n")
