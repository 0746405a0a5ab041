"""What is wrong with the folder of a gallery, as errors."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from onnxnn_runtime.errors import InputError, MissingInputError, OnnxnnError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable


def missing(path: Path) -> MissingInputError:
    """Return the error for a folder that is not there."""
    return MissingInputError.coded(
        "E-GALLERY-01",
        "{path}: no such gallery. Build one with Gallery.build(model, inputs, path), or `onnxnn gallery "
        "build`.",
        path=printable(str(path)),
    )


def damaged(path: Path, file: str, reason: str = "") -> OnnxnnError:
    """Return the error for a gallery that was cut off, or changed by something else.

    Args:
        path: Its folder.
        file: The file in it that is wrong.
        reason: What is wrong with the file; "" where it ends too early.
    """
    return InputError.coded(
        "E-GALLERY-01",
        "{path}: expected a complete gallery, got one whose file {file} {reason}. Copy the whole folder "
        "again, or build the gallery again.",
        path=printable(str(path)),
        file=file,
        reason=reason or gettext("is cut off"),
    )


def content_of(folder: Path, name: str) -> bytes:
    """Return the content of a file of a gallery.

    Raises:
        OSError: It cannot be read, or is not there.
        OnnxnnError: It is no regular file, which might never end.
    """
    check_regular(folder, name)
    return (folder / name).read_bytes()


def check_regular(folder: Path, name: str) -> None:
    """Refuse what is no regular file, which might never end.

    Raises:
        OSError: It is not there.
        OnnxnnError: It is none.
    """
    if not stat.S_ISREG(os.stat(str(folder / name)).st_mode):
        raise damaged(folder, name, gettext("is not a regular file"))
