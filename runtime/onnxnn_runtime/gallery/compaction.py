"""Writing the files of a gallery whole: when it is created, and when its log has grown long."""

from __future__ import annotations

import contextlib
import os
import zlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Sequence

import numpy as np

from onnxnn_runtime.files.access import write_atomically

from .entries import Entries
from .log import packed
from .manifest import MANIFEST, About, Manifest, is_file_of_gallery

_ROWS = 4096
"""Vectors that are copied at once."""


def started(about: About) -> Manifest:
    """Return the manifest before the first file is there."""
    return Manifest(about, 0, 0, 0, 0, 0, 0, 0, 0)


def created(folder: Path, before: Manifest, entries: Entries, vectors: np.ndarray, again: bool) -> Manifest:
    """Write new files that hold all entries, with an empty log; return the manifest that names them.

    Args:
        folder: The gallery.
        before: The manifest that counts now, and counts until another one is in its place.
        entries: What to write.
        vectors: The vectors of all rows.
        again: Whether to write the vectors, too, without those of removed rows; else their file stays. An
            index is one of a file of vectors, and gone with it.
    """
    number = before.next_number
    made = replace(before, number=number, log_bytes=0)
    if again:
        made = replace(made, vectors=number, index=None)
    rows: Sequence[int] = range(len(entries.names))
    if again:
        kept = [row for row in rows if row not in entries.removed]
        _write_vectors(folder / made.name_of("vectors"), vectors, kept)
        rows = kept
    names = [None if row in entries.removed else entries.names[row] for row in rows]
    content = packed([names, [entries.labels[row] for row in rows]])
    files = packed([[entries.file_of(row) for row in rows]])
    _write(folder / made.name_of("names"), content)
    _write(folder / made.name_of("files"), files)
    _write(folder / made.name_of("log"), b"")
    return replace(
        made,
        rows=len(names),
        names_bytes=len(content),
        names_crc=zlib.crc32(content),
        files_bytes=len(files),
        files_crc=zlib.crc32(files),
    )


def remove_others(folder: Path, manifest: Manifest) -> None:
    """Remove the files of earlier manifests; those that are open on Windows stay until the next time."""
    wanted = {manifest.name_of(part) for part in ("vectors", "names", "files", "log")}
    wanted |= set() if manifest.index is None else {manifest.index.file}
    for name in os.listdir(str(folder)):
        if is_file_of_gallery(name) and "-" in name and name not in wanted and name != MANIFEST:
            with contextlib.suppress(OSError):
                os.unlink(str(folder / name))


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda file: file.write(content))


def _write_vectors(path: Path, vectors: np.ndarray, rows: list[int]) -> None:
    def write(file: BinaryIO) -> None:
        for start in range(0, len(rows), _ROWS):
            block = vectors[rows[start : start + _ROWS]]
            file.write(block.astype("<f4" if block.dtype.itemsize == 4 else "<f2", copy=False).tobytes())

    write_atomically(path, write)
