"""Paths as users type them: the home folder, and addresses that are no paths."""

from __future__ import annotations

import os

from onnxnn_runtime.errors import InputError, OnnxnnError
from onnxnn_runtime.messages.shorten import printable, shortened


def path_text(path: object, error: type[OnnxnnError] = InputError) -> str:
    """Return a path of any kind as text.

    Args:
        path: A text, bytes, or an object with `__fspath__`.
        error: What to raise.

    Raises:
        OnnxnnError: Its `__fspath__` fails, or returns no text; of class `error`.
    """
    try:
        return os.fsdecode(path)  # type: ignore[arg-type]  # which it checks
    except Exception as found:  # whatever a custom object raises
        raise error.coded(
            "E-CALL-03",
            "{path}: expected a path from its __fspath__(), got {kind}: {reason}. Give the path as a text.",
            path=shortened(path, 80),
            kind=type(found).__name__,
            reason=printable(str(found), 100),
        ) from found


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
        raise error.coded(
            "E-INPUT-05",
            "{path}: expected the path of a file or folder, got an address (URL). Nothing is downloaded; "
            "save it to a file first, and give the path of that.",
            path=printable(path, 100),
        )
