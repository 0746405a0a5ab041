"""What a gallery says of itself: the part of `Gallery` that changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from onnxnn_runtime.messages.catalogue import gettext, ngettext

from .entries import FileState
from .store import Store


class GalleryFacts:
    """Names, labels and vectors of a gallery, and what they are."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def names(self) -> list[str]:
        """The name of each entry, in the order in which they were added."""
        view = self._store.view()
        return [view.names[row] for row in view.rows]

    @property
    def labels(self) -> list[str | None]:
        """The label of each entry, or None."""
        view = self._store.view()
        return [view.labels[row] for row in view.rows]

    @property
    def vectors(self) -> np.ndarray:
        """float32 or float16 (N, D) of unit length; not a copy where no entry was removed."""
        view = self._store.view()
        return view.vectors[view.rows] if len(view.removed) else view.vectors

    @property
    def dimension(self) -> int:
        """Numbers of a vector; 0 where there is none yet, and the model leaves it open."""
        return self._store.about.dimension

    @property
    def dtype(self) -> str:
        """How the vectors are stored: "float32" or "float16"."""
        return self._store.about.dtype

    @property
    def path(self) -> Path | None:
        """The folder; None in memory."""
        return self._store.path

    @property
    def model_name(self) -> str:
        """The file name of the model whose vectors these are; "" where they are of none."""
        return self._store.about.model

    @property
    def model_path(self) -> str:
        """Where that file was when the gallery was built; "" where that is not known."""
        return self._store.about.path

    @property
    def model_sha256(self) -> str:
        """SHA-256 of that model's graph and weights; "" where the vectors are of none."""
        return self._store.about.sha256

    def file_of(self, name: str) -> FileState | None:
        """Return size in bytes, time in nanoseconds and SHA-256 of the file that an entry was embedded from.

        Args:
            name: That of the entry.

        Returns:
            None where there is no such entry, or it came from no file, or from an engine, which keeps none.
        """
        entries = self._store.entries
        row = entries.row_of(name)
        return None if row is None else entries.file_of(row)

    def __len__(self) -> int:
        """Return the number of entries."""
        return self._store.count()

    def __contains__(self, name: object) -> bool:
        """Return whether there is an entry of this name."""
        return isinstance(name, str) and self._store.entries.row_of(name) is not None

    def __repr__(self) -> str:
        return gettext(
            "<Gallery {where}: {entries}, dimension {dimension}, {model}>",
            where=self._where,
            entries=ngettext("{count} entry", "{count} entries", len(self)),
            dimension=self.dimension,
            model=self.model_name or gettext("no model"),
        )

    @property
    def _where(self) -> str:
        """What messages call it."""
        return self._store.where
