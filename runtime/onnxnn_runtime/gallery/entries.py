"""The entries of a gallery in memory: names, labels and files of the rows of its vectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, NamedTuple, Sequence, Tuple

import numpy as np

__all__ = ["Entries", "FileState", "Record", "View"]

FileState = Tuple[int, int, str]
"""Size in bytes, time of the last change in nanoseconds, and SHA-256 of a file."""


@dataclass(frozen=True)
class Record:
    """One change of a gallery, which happens whole or not at all.

    Args:
        removed: Rows that are no entries any more.
        updated: Row -> its label and file now.
        names: New entries, whose vectors follow those that are there.
        labels: The label of each, or None.
        files: The file of each, or None where it came from none.
    """

    removed: Sequence[int] = ()
    updated: dict[int, tuple[str | None, FileState | None]] = field(default_factory=dict)
    names: Sequence[str] = ()
    labels: Sequence[str | None] = ()
    files: Sequence[FileState | None] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.removed or self.updated or self.names)


class View(NamedTuple):
    """What a gallery holds at one moment; it stays as it is while the gallery is changed.

    Args:
        vectors: float32 or float16 (R, D) of unit length, a row for each entry and for each that was removed.
        names: The name of each row; there may be more of them than rows.
        labels: The label of each row, likewise.
        removed: int64, the rows that are no entries any more.
    """

    vectors: np.ndarray
    names: Sequence[str]
    labels: Sequence[str | None]
    removed: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """int64, the rows that are entries, in the order in which they were added."""
        kept = np.ones(len(self.vectors), bool)
        kept[self.removed] = False
        return np.flatnonzero(kept)


class Entries:
    """Names, labels and files by row.

    Args:
        names: The name of each row; None where it was removed.
        labels: The label of each row.
        read_files: Returns the file of each row; called when one is first asked for.
    """

    def __init__(
        self,
        names: Sequence[str | None] = (),
        labels: Sequence[str | None] = (),
        read_files: Callable[[], Sequence[FileState | None]] = list,
    ) -> None:
        is_sparse = None in names
        self.removed = {row for row, name in enumerate(names) if name is None} if is_sparse else set()
        self.names: list[str] = ["" if name is None else name for name in names]
        self.labels: list[str | None] = list(labels)
        self._read_files: Callable[[], Sequence[FileState | None]] | None = read_files
        self._files: dict[int, FileState | None] = {}
        self._row_of: dict[str, int] | None = None

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.names) - len(self.removed)

    def row_of(self, name: str) -> int | None:
        """Return the row of a name; None where it is no entry."""
        if self._row_of is None:
            self._row_of = {name: row for row, name in enumerate(self.names) if row not in self.removed}
        return self._row_of.get(name)

    def file_of(self, row: int) -> FileState | None:
        """Return the file of a row."""
        read_files = self._read_files  # another thread may have read them meanwhile
        if read_files is not None:
            self._files = {**dict(enumerate(read_files())), **self._files}
            self._read_files = None
        return self._files.get(row)

    def apply(self, record: Record) -> None:
        """Change the entries; what views hold stays as it is."""
        index = self._row_of
        for row in record.removed:
            self.removed.add(row)
            if index is not None and index.get(self.names[row]) == row:
                del index[self.names[row]]
        if record.updated:
            self.labels = list(self.labels)
            for row, (label, file) in record.updated.items():
                self.labels[row], self._files[row] = label, file
        for name, label, file in zip(record.names, record.labels, record.files):
            row = len(self.names)
            self.labels.append(label)
            self._files[row] = file
            self.names.append(name)
            if index is not None:
                index[name] = row

    def view(self, vectors: np.ndarray) -> View:
        """Return what the gallery holds now, with the vectors of all rows."""
        return View(vectors, self.names, self.labels, np.array(sorted(self.removed), np.int64))
