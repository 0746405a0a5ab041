"""What the commands share: printing results, notes and tables, and asking for a package."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from typing import Any, ContextManager, Iterable, Sequence


def print_json(data: Any) -> None:
    """Print a result for a program: one JSON document on stdout."""
    print(json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False))


def note(text: str) -> None:
    """Tell the person at the terminal something that is no result: on stderr."""
    print(text, file=sys.stderr, flush=True)


def progress_on_stderr() -> ContextManager[Any]:
    """Send what a library call prints to stderr, so that stdout holds the result alone."""
    return contextlib.redirect_stdout(sys.stderr)


def print_table(rows: Iterable[Sequence[object]]) -> None:
    """Print rows with their columns aligned; the first row is the heading."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    for row in texts:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


_INSTALL = {
    "torch": "pip install torch",
    "onnxnn": 'pip install torch and then pip install "./runtime[cpu]" "./cli[cpu]" ".[cpu]"',
}
"""What to type, as the README says it, for a package that is missing."""


def need_onnxnn(command: str, module: str = "onnxnn") -> Any:
    """Import `onnxnn`, which brings torch, for a command that cannot do without.

    Args:
        command: The command's name, for the message.
        module: Which module of `onnxnn` to return.

    Raises:
        ImportError: It is not installed; the message says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name not in _INSTALL:
            raise
        raise ImportError(
            f"`onnxnn {command}` needs the training package, and {error.name} is not installed here. On a "
            f"PC, in the repository's folder: {_INSTALL[error.name]}  (a small board does not need it)."
        ) from error
