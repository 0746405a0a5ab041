"""What notebooks show: images below the cell, and what a call has printed already only once."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.notebook import in_notebook
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.outputs.notebook import show_inline
from typing_extensions import Self

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


Key = TypeVar("Key", int, str)


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


def say_or_show(text: str, html: str) -> None:
    """Print a text; a notebook shows HTML in its place.

    Args:
        text: The text, of some lines.
        html: The same as HTML.
    """
    if in_notebook():
        display = importlib.import_module("IPython.display")
        display.display(display.HTML(html))
    else:
        say(text)


class PrintedText(str):
    """A text that was printed already, which a notebook's cell does not show a second time.

    Args:
        text: The text.
        html: The same as HTML; "" where there is none.
    """

    _html: str

    def __new__(cls, text: str, html: str = "") -> Self:
        found = super().__new__(cls, text)
        found._html = html
        return found

    def _ipython_display_(self) -> None:
        pass

    def _repr_html_(self) -> str | None:
        return self._html or None

    def __repr__(self) -> str:
        return ngettext(
            "<{count} line, printed above>", "<{count} lines, printed above>", len(self.splitlines())
        )


class PrintedResult(dict[Any, Any]):
    """A dict that was printed already, which a notebook's cell does not show a second time.

    Args:
        content: The dict.
        html: The same as HTML; "" where there is none.
    """

    def __init__(self, content: Mapping[Key, object], html: str = "") -> None:
        super().__init__(content)
        self._html = html

    def _ipython_display_(self) -> None:
        pass

    def _repr_html_(self) -> str | None:
        return self._html or None
