"""Whether a notebook runs the program, and images below its cell.

IPython is never imported: where a notebook runs, it is there.
"""

from __future__ import annotations

import importlib
import sys


def in_notebook() -> bool:
    """Return whether a notebook's kernel runs this program, and not IPython in a terminal."""
    ipython = sys.modules.get("IPython")
    shell = getattr(ipython, "get_ipython", lambda: None)()
    return shell is not None and type(shell).__name__ != "TerminalInteractiveShell"


def show_inline(image: object) -> None:
    """Show a PIL image, or another object that notebooks can show, below the cell."""
    importlib.import_module("IPython.display").display(image)
