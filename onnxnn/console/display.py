"""What notebooks show: images below the cell, and what a call has printed already only once."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.outputs.notebook import in_notebook, show_inline

_KINDS = {".png": "Image", ".jpg": "Image", ".jpeg": "Image", ".gif": "Image", ".svg": "SVG"}
_MOST = 30
"""Images that one call shows; all of them are files."""


def show_images(*paths: Path) -> None:
    """Show image files below the cell of a notebook; elsewhere do nothing."""
    if not in_notebook():
        return
    display = importlib.import_module("IPython.display")
    for path in [path for path in paths if path.suffix.lower() in _KINDS][:_MOST]:
        show_inline(getattr(display, _KINDS[path.suffix.lower()])(filename=str(path)))


class Display:
    """What a notebook shows below a cell and changes in its place; elsewhere nothing."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, html: Callable[[], str]) -> None:
        """Show HTML in place of what was shown before.

        Args:
            html: Returns it.
        """
        if not in_notebook():
            return
        display = importlib.import_module("IPython.display")
        content = display.HTML(html())
        if self._handle is None:
            self._handle = display.display(content, display_id=True)
        else:
            self._handle.update(content)


class PrintedText(str):
    """A text that was printed already, which a notebook's cell does not show a second time."""

    def _ipython_display_(self) -> None:
        pass

    def __repr__(self) -> str:
        return ngettext(
            "<{count} line, printed above>", "<{count} lines, printed above>", len(self.splitlines())
        )


class PrintedResult(dict[Any, Any]):
    """A dict that was printed already, which a notebook's cell does not show a second time."""

    def _ipython_display_(self) -> None:
        pass
