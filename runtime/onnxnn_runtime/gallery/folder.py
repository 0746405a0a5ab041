"""A gallery in a folder: vectors that are mapped into memory, and files that survive a killed process.

    gallery.json          the manifest: which of the other files hold the gallery; renamed into place last
    vectors-000001.bin    vectors, one after another, little-endian; only ever longer
    names-000002.json     the names and labels of the first rows
    files-000002.json     size, time and SHA-256 of their files
    log-000002.jsonl      what has changed since
    index-000003.usearch  the graph of the vectors, where `build_index` made one
    writer.lock           who is writing

A change is vectors at the end of their file, and then a line of the log; both are flushed to the disk
before a call returns. A log that has grown long becomes new files of names, and where most vectors were
removed, a new file of vectors; readers keep the files that they have open.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import numpy as np

from onnxnn_runtime.errors import InputError, OnnxnnError
from onnxnn_runtime.files.access import cannot_read, cannot_write
from onnxnn_runtime.messages.shorten import printable

from .asked import Asked, Searcher, has_labels, matches_in
from .compaction import created, remove_others
from .entries import Entries, Record, View
from .exact import best
from .held import entries_before_log
from .hnsw import IndexOptions, open_index
from .index_facts import IndexFacts
from .indexing import indexed
from .lock import writer_lock
from .log import line_of, read_log
from .manifest import MANIFEST, About, Manifest, read_manifest, write_manifest
from .problems import damaged
from .results import Matches
from .synced import flush, flush_folder

__all__ = ["FolderStore"]

_MOST_RECORDS = 2000
"""Lines of a log that are read when a gallery is opened: some milliseconds."""

_MOST_BYTES = 4 << 20

_FEW = 1000
"""Removed rows that are not worth writing all vectors again."""

_ATTEMPTS = 50


class _Loaded(NamedTuple):
    manifest: Manifest
    entries: Entries
    vectors: np.ndarray
    records: int
    log_bytes: int


class _Open(NamedTuple):
    vectors: FileIO
    log: FileIO


class FolderStore:
    """The entries and vectors of a folder.

    Args:
        path: The folder.

    Raises:
        MissingInputError: There is no such folder.
        InputError: It holds no complete gallery.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._take(_load(path))
        self._open: _Open | None = None
        self._index: tuple[IndexFacts, Searcher] | None = None

    @property
    def where(self) -> str:
        """What messages call it."""
        return printable(str(self.path))

    @property
    def index(self) -> IndexFacts | None:
        """The index, where there is one."""
        return self._loaded.manifest.index

    def __reduce__(self) -> tuple[type[FolderStore], tuple[Path]]:
        """Another process opens the folder again."""
        return FolderStore, (self.path,)

    @property
    def about(self) -> About:
        """What the vectors are."""
        return self._loaded.manifest.about

    @property
    def entries(self) -> Entries:
        """Names, labels and files."""
        return self._loaded.entries

    def view(self) -> View:
        """Return what there was when this store last looked."""
        return self._view

    def count(self) -> int:
        """Return the number of entries."""
        return len(self._view.vectors) - len(self._view.removed)

    def has_labels(self) -> bool:
        """Return whether an entry has a label."""
        return has_labels(self._view)

    def matches(self, asked: Asked) -> list[Matches]:
        """Return the matches of each query, by the index where there is one."""
        view, facts = self._view, self.index
        if facts is None or asked.exact:
            return matches_in(view, asked)
        if self._index is None or self._index[0] != facts:
            self._index = facts, self._searcher(facts)
        return matches_in(view, asked, self._index[1])

    def _searcher(self, facts: IndexFacts) -> Searcher:
        """Return the search by the index; exact search where a writer has put another one in its place since.

        Raises:
            InputError: The index is damaged.
            ImportError: usearch is not installed.
        """
        try:
            return open_index(self.path, facts, self._view.vectors, self._loaded.manifest.vectors).best
        except InputError:
            if self._has(facts):
                raise
            return best

    def _has(self, facts: IndexFacts) -> bool:
        """Return whether the folder still has this index."""
        with contextlib.suppress(OSError, InputError):
            return read_manifest(self.path).index == facts
        return False

    def build_index(self, options: IndexOptions, report: Callable[[int, int], object]) -> IndexFacts:
        """Build the index of all vectors that are there; call it within `writing`.

        Raises:
            ImportError: usearch is not installed.
            OutputError: The index cannot be written.
        """
        before = self._loaded.manifest
        try:
            facts = indexed(self.path, before, self._view, options, report)
            manifest = replace(before, index=facts)
            write_manifest(self.path, manifest)
            flush_folder(self.path)
        except OSError as error:
            if isinstance(error, OnnxnnError):
                raise
            raise cannot_write(self.path, error) from error
        self._take(self._loaded._replace(manifest=manifest))
        remove_others(self.path, manifest)
        return facts

    def refresh(self) -> bool:
        """Look at the folder again; return whether something has changed there."""
        loaded = self._loaded
        with contextlib.suppress(OSError):
            manifest = read_manifest(self.path)
            log = os.stat(str(self.path / manifest.name_of("log")))
            if manifest == loaded.manifest and log.st_size == loaded.log_bytes:
                return False
        self._take(_load(self.path))
        return True

    def _take(self, loaded: _Loaded) -> None:
        self._loaded = loaded
        self._view = loaded.entries.view(loaded.vectors)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Changes happen within this block, by one writer at a time; what it has written when it ends stays.

        Raises:
            InputError: Another process is writing.
            OutputError: The folder cannot be written.
        """
        with writer_lock(self.path):
            self.refresh()
            try:
                yield
            finally:
                try:
                    self._commit()
                except OSError as error:
                    with contextlib.suppress(OSError, InputError):
                        self._take(_load(self.path))  # what was written before stays
                    if isinstance(error, OnnxnnError):
                        raise
                    raise cannot_write(self.path, error) from error
                finally:
                    self._close()

    def append(self, record: Record, vectors: np.ndarray | None = None) -> None:
        """Write a change, with the vectors (N, D) of unit length of new entries; no kill takes it back.

        Raises:
            OutputError: It cannot be written; the gallery is as it was.
        """
        rows = np.zeros((0, 0), np.float32) if vectors is None else vectors
        if len(rows) and not self.about.dimension:
            self._loaded = self._loaded._replace(manifest=self._loaded.manifest.with_dimension(rows.shape[1]))
            write_manifest(self.path, self._loaded.manifest)
        content = rows.astype("<f4" if self.about.dtype == "float32" else "<f2").tobytes()
        line = line_of(record, zlib.crc32(content))
        try:
            files = self._opened()
            _write(files.vectors, len(self.entries.names) * self.about.bytes_of_row, content)
            _write(files.log, self._loaded.log_bytes, line)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        self.entries.apply(record)
        self._loaded = self._loaded._replace(
            records=self._loaded.records + 1, log_bytes=self._loaded.log_bytes + len(line)
        )

    def _opened(self) -> _Open:
        """Return the files that are written, without what a killed process left at the log's end.

        They are not buffered: what could not be written must not be written later, when it was reported.
        """
        if self._open is None:
            vectors = open(str(self._file("vectors")), "r+b", 0)  # noqa: SIM115  # `_close` closes both
            try:
                log = open(str(self._file("log")), "r+b", 0)  # noqa: SIM115
            except OSError:
                vectors.close()
                raise
            log.truncate(self._loaded.log_bytes)
            self._open = _Open(vectors, log)
        return self._open

    def _file(self, part: str) -> Path:
        return self.path / self._loaded.manifest.name_of(part)

    def _close(self) -> None:
        if self._open is not None:
            for file in self._open:
                with contextlib.suppress(OSError):  # what could not be flushed was never reported done
                    file.close()
            self._open = None

    def _commit(self) -> None:
        """Flush to the disk what was written, and say so in the manifest, where there is room for another."""
        if self._open is None:
            return
        for file in self._open:
            flush(file)
        self._close()
        manifest = self._loaded.manifest
        # Without room for another manifest the old one stays: the log has the change, beyond what it says.
        with contextlib.suppress(OSError):
            longer = replace(manifest, log_bytes=self._loaded.log_bytes)
            write_manifest(self.path, longer)
            manifest = longer
        flush_folder(self.path)
        vectors = _mapped(self.path, manifest, len(self.entries.names))
        self._take(self._loaded._replace(manifest=manifest, vectors=vectors))
        sparse = len(self.entries.removed) > max(_FEW, len(self.entries))
        if sparse or self._loaded.records > _MOST_RECORDS or self._loaded.log_bytes > _MOST_BYTES:
            self._compact(sparse)

    def _compact(self, sparse: bool) -> None:
        """Write the names again without the log, and the vectors where most of them were removed.

        Where there is no room for that, the log is longer until the next change.
        """
        with contextlib.suppress(OSError):
            made = created(self.path, self._loaded.manifest, self.entries, self._loaded.vectors, sparse)
            write_manifest(self.path, made)
        flush_folder(self.path)
        self._take(_load(self.path))
        remove_others(self.path, self._loaded.manifest)


def _write(file: FileIO, start: int, content: bytes) -> None:
    """Write at a place of a file that is not buffered, which may take several calls.

    Raises:
        OSError: The disk is full, or failed.
    """
    file.seek(start)
    left = memoryview(content)
    while left:
        left = left[file.write(left) or 0 :]


def _load(path: Path) -> _Loaded:
    """Read a folder, again where a writer puts other files in place meanwhile."""
    before = None
    for _ in range(_ATTEMPTS):
        manifest = read_manifest(path)
        try:
            return _read(path, manifest)
        except FileNotFoundError as error:
            if isinstance(error, OnnxnnError):
                raise
            if before == manifest:
                raise damaged(path, os.path.basename(str(error.filename)), _is_missing()) from error
            before = manifest
        except OSError as error:
            if isinstance(error, OnnxnnError):
                raise
            raise cannot_read(path, error) from error
    raise damaged(path, MANIFEST)


def _is_missing() -> str:
    from onnxnn_runtime.messages.catalogue import gettext  # here, because only a damaged gallery needs it

    return gettext("is missing")


def _read(path: Path, manifest: Manifest) -> _Loaded:
    entries = entries_before_log(path, manifest)
    log = manifest.name_of("log")
    logged = read_log(path, log, manifest.log_bytes)
    held = os.stat(str(path / manifest.name_of("vectors"))).st_size
    end, records = 0, 0
    for each in logged:
        rows = len(entries.names) + len(each.record.names)
        if end >= manifest.log_bytes and not _is_whole(
            path, manifest, len(entries.names), each.record, each.crc
        ):
            break  # the system went down before its vectors reached the disk
        if any(not 0 <= row < len(entries.names) for row in (*each.record.removed, *each.record.updated)):
            raise damaged(path, log)
        if rows * manifest.about.bytes_of_row > held:
            raise damaged(path, manifest.name_of("vectors"))
        entries.apply(each.record)
        end, records = each.end, records + 1
    if len(entries.names) * manifest.about.bytes_of_row > held:
        raise damaged(path, manifest.name_of("vectors"))
    if entries.names and not manifest.about.dimension:
        raise damaged(path, MANIFEST)
    return _Loaded(manifest, entries, _mapped(path, manifest, len(entries.names)), records, end)


def _is_whole(path: Path, manifest: Manifest, start: int, record: Record, crc: int) -> bool:
    """Return whether the vectors of a change are in their file as they were written."""
    size = len(record.names) * manifest.about.bytes_of_row
    with open(str(path / manifest.name_of("vectors")), "rb") as file:
        file.seek(start * manifest.about.bytes_of_row)
        return zlib.crc32(file.read(size)) == crc


def _mapped(path: Path, manifest: Manifest, rows: int) -> np.ndarray:
    """Return the vectors (R, D) of a file, mapped into memory and not to be written."""
    dtype = np.dtype("<f4" if manifest.about.dtype == "float32" else "<f2")
    if not rows or not manifest.about.dimension:
        return np.zeros((rows, manifest.about.dimension), dtype)
    file = str(path / manifest.name_of("vectors"))
    return np.asarray(np.memmap(file, dtype, "r", shape=(rows, manifest.about.dimension)))
