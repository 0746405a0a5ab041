"""Warnings that point at the line of the user's program."""

from __future__ import annotations

import sys
import warnings

from .processes import is_main_process
from .shorten import bounded

__all__ = ["is_ours", "warn"]

_PACKAGES = ("onnxnn", "onnxnn_runtime", "onnxnn_cli")


def warn(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the nearest line outside our packages, however many of our functions lie between.

    Of several processes of one training the main one alone warns.

    Args:
        text: What to say; a long one is shortened, and control characters show as escapes.
        category: The class of the warning.
    """
    if not is_main_process():
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and is_ours(frame.f_globals.get("__name__")):
        frame, level = frame.f_back, level + 1
    warnings.warn(bounded(text), category, stacklevel=level)


def is_ours(module: object) -> bool:
    """Return whether a module, given by its name, belongs to our packages."""
    return str(module).partition(".")[0] in _PACKAGES
