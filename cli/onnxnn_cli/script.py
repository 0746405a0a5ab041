"""Running a user's Python script, whose errors show its own lines."""

from __future__ import annotations

import os
import runpy
import sys
import warnings
from types import TracebackType
from typing import Optional

__all__ = ["run_script"]


def run_script(path: str) -> None:
    """Run a script as `python script.py` does, and end with exit code 1 where it raises.

    Raises:
        InputError: The script does not exist.
        SystemExit: The script ended with an error, which is printed on stderr, or on its own.
    """
    from onnxnn_runtime.errors import MissingInputError
    from onnxnn_runtime.messages.shorten import shortened
    from onnxnn_runtime.messages.shown_once import is_left_to_others
    from onnxnn_runtime.messages.user_lines import show_with_lines

    if not os.path.isfile(path):
        raise MissingInputError.coded(
            "E-INPUT-01",
            "train: expected a Python script, got {path}: no such file. Check the path.",
            path=shortened(path),
        )
    sys.argv, sys.path[0] = [path], os.path.dirname(os.path.abspath(path))
    warnings.showwarning = _SHOWWARNING  # as in any script, at the line that it points at
    try:
        runpy.run_path(path, run_name="__main__")
    except Exception as error:
        if is_left_to_others(error):
            sys.exit(1)
        of_the_script = _from(error.__traceback__, path)
        show_with_lines(type(error), error.with_traceback(of_the_script), of_the_script)
        sys.exit(1)


_SHOWWARNING = warnings.showwarning


def _from(trace: Optional[TracebackType], path: str) -> Optional[TracebackType]:
    """Return a traceback without the lines that ran the script; None where it could not begin."""
    while trace is not None and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    return trace
