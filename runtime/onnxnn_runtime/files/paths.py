"""What a user types as a path: the home folder, and addresses that are none."""

from __future__ import annotations

import os

from onnxnn_runtime.errors import InputError, OnnxnnError
from onnxnn_runtime.messages.shorten import printable

__all__ = ["expanded", "refuse_address"]


def expanded(path: str) -> str:
    """Return a path with "~" replaced by the home folder, where nothing has that name."""
    return path if not path.startswith("~") or os.path.lexists(path) else os.path.expanduser(path)


def refuse_address(path: str, error: type[OnnxnnError] = InputError) -> None:
    """Refuse an address (URL) where a path is expected.

    Raises:
        OnnxnnError: It is one; of class `error`.
    """
    if ":" not in path:
        return
    import re  # here, because hardly any path comes this far

    if re.match(r"^(?:[A-Za-z][A-Za-z0-9+.-]+:/?/|data:\w+/)", path) and not os.path.lexists(path):
        raise error(
            f"{printable(path, 100)}: expected the path of a file or folder, got an address (URL); nothing "
            "is downloaded. Save it to a file first, and give the path of that."
        )
