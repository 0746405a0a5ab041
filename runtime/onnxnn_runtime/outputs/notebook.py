"""Images below the cell of a notebook.

IPython is never imported: where a notebook runs, it is there.
"""

from __future__ import annotations

import importlib

from onnxnn_runtime.messages.notebook import in_notebook

__all__ = ["in_notebook", "show_inline"]


def show_inline(image: object) -> None:
    """Show a PIL image, or another object that notebooks can show, below the cell."""
    importlib.import_module("IPython.display").display(image)
