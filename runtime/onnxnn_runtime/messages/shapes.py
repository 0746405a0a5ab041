"""The one way in which messages print shapes."""

from __future__ import annotations

from typing import Sequence

from .catalogue import gettext
from .shorten import printable


def shape_text(sizes: Sequence[object]) -> str:
    """Return a shape as NumPy prints it: "(3, 8, 8)", "(4,)", "(batch, 2)"; None is an axis that is free."""
    texts = [gettext("free") if size is None else printable(str(size), 40) for size in sizes]
    return "({}{})".format(", ".join(texts), "," if len(texts) == 1 else "")
