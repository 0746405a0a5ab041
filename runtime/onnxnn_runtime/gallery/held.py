"""The entries that a gallery had before its log, in files that stay readable when others take their place."""

from __future__ import annotations

import os
import threading
import zlib
from pathlib import Path
from typing import Callable

from onnxnn_runtime.files.access import cannot_read

from .entries import Entries, FileState
from .log import file_state, unpacked
from .manifest import Manifest
from .problems import check_regular, content_of, damaged

_BLOCK = 1 << 24

_SMALL = 1 << 16
"""Bytes that are rather kept than the file left open, which nobody can remove on Windows then."""


def entries_before_log(path: Path, manifest: Manifest) -> Entries:
    """Return the entries before the first line of the log; what is known of their files is read when needed.

    The file of that stays open until then, since a writer may put another one in its place.
    """
    name = manifest.name_of("names")
    content = content_of(path, name)
    if len(content) != manifest.names_bytes or zlib.crc32(content) != manifest.names_crc:
        raise damaged(path, name)
    try:
        names, labels = unpacked(content, 2, manifest.rows)
        if not set(map(type, names)) | set(map(type, labels)) <= {str, type(None)}:
            raise ValueError
    except (ValueError, RecursionError) as error:
        raise damaged(path, name) from error
    held = HeldFile(path, manifest.name_of("files"))
    if held.size != manifest.files_bytes:
        raise damaged(path, held.name)

    def read_files() -> list[FileState | None]:
        try:
            content = held.content()
        except OSError as error:
            raise cannot_read(path / held.name, error) from error
        if len(content) != manifest.files_bytes or zlib.crc32(content) != manifest.files_crc:
            raise damaged(path, held.name)
        try:
            (files,) = unpacked(content, 1, manifest.rows)
            return [file_state(each) for each in files]
        except (ValueError, RecursionError) as error:
            raise damaged(path, held.name) from error

    return Entries(names, labels, read_files)


class HeldFile:
    """A file whose content is kept where it is small, and which else is open until it is forgotten.

    Several threads may read it.

    Args:
        folder: The gallery.
        name: The file in it.

    Attributes:
        size: Its bytes.

    Raises:
        OSError: It cannot be opened or read, or is not there.
        OnnxnnError: It is no regular file.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._small: bytes | None = None
        self._lock = threading.Lock()
        check_regular(folder, name)
        self._descriptor = os.open(str(folder / name), os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self.size = os.fstat(self._descriptor).st_size
        self._small = self.content() if self.size <= _SMALL else None
        if self._small is not None:
            self._close()

    def content(self) -> bytes:
        """Return what it holds.

        Raises:
            OSError: It cannot be read.
        """
        if self._small is not None:
            return self._small
        blocks: list[bytes] = []
        start = 0
        with self._lock:
            while not blocks or blocks[-1]:
                blocks.append(self._block(start))
                start += len(blocks[-1])
        return b"".join(blocks)

    def _block(self, start: int) -> bytes:
        if hasattr(os, "pread"):  # which moves nothing that a process shares that was forked
            return os.pread(self._descriptor, _BLOCK, start)
        os.lseek(self._descriptor, start, os.SEEK_SET)
        return os.read(self._descriptor, _BLOCK)

    def _close(self, close: Callable[[int], None] = os.close) -> None:
        if hasattr(self, "_descriptor"):
            close(self._descriptor)
            del self._descriptor

    def __del__(self) -> None:
        self._close()
