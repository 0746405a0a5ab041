"""Progress bars: of training, and on stderr while many or large images are loaded."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TextIO, TypeVar

from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.notebook import in_notebook
from onnxnn_runtime.messages.streams import SafeStream, for_progress, is_terminal

T = TypeVar("T")


class Bar(Protocol):
    """What is asked of a bar of tqdm."""

    def update(self, n: int = 1) -> object:
        """Advance by some steps."""

    def set_description(self, text: str) -> object:
        """Say what is done."""

    def close(self) -> object:
        """Take the bar away."""


DELAY = 1.0
"""Seconds of silence: what is loaded by then needs no bar."""


def progress_bar(total: int, unit: str, stream: SafeStream | TextIO | None = None) -> Any:
    """Return a bar of tqdm: of widgets in a notebook that has them, else of text on a stream.

    Args:
        total: How many steps there are.
        unit: What a step is, such as "batch".
        stream: Where the text goes; None is stderr, whatever it is, and stdout in a notebook.
    """
    if in_notebook() and importlib.util.find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm as widgets

        return widgets(total=total, unit=unit, leave=False)
    from tqdm import tqdm

    return tqdm(total=total, unit=unit, leave=False, file=for_progress() if stream is None else stream)


def counted(items: Iterable[T], total: int, wanted: bool) -> Iterator[T]:
    """Yield items, with a bar where it takes longer than a moment, on a terminal or in a notebook.

    Args:
        items: What is loaded, one by one.
        total: How many there are.
        wanted: Whether to show anything.
    """
    if not wanted or not (is_terminal() or in_notebook()):
        yield from items
        return
    start, bar = time.monotonic(), None
    try:
        for number, item in enumerate(items):
            bar = _advance(bar, number, total, start)
            yield item
    finally:
        if bar is not None:
            bar.close()


def _advance(bar: Bar | None, number: int, total: int, start: float) -> Bar | None:
    if bar is not None:
        bar.update()
    elif time.monotonic() - start > DELAY:
        bar = progress_bar(total, gettext("image"))
        bar.set_description(gettext("loading"))
        bar.update(number + 1)
    return bar
