"""Waiting until the disk has what was written."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import BinaryIO

from onnxnn_runtime.files.atomic import flush_to_disk


def flush(file: BinaryIO) -> None:
    """Write an open file's content to the disk.

    Raises:
        OSError: The disk is full, or failed.
    """
    file.flush()
    flush_to_disk(file.fileno())


def flush_folder(folder: Path) -> None:
    """Write the names in a folder to the disk; Windows does so itself."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):  # some file systems know no folders that are open
        descriptor = os.open(str(folder), os.O_RDONLY)
        try:
            flush_to_disk(descriptor)
        finally:
            os.close(descriptor)
