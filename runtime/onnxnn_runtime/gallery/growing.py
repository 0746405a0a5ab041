"""What lets a gallery grow: an index for millions of vectors, and engines to move it to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, TypeVar

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.model import Model

from .engine_store import EngineStore
from .facts import GalleryFacts
from .folder import FolderStore
from .hnsw import IndexOptions
from .index_facts import IndexFacts
from .origin import check_model
from .pushing import push
from .results import Changes

if TYPE_CHECKING:
    from .store import Store

G = TypeVar("G", bound="GrowingGallery")


class GrowingGallery(GalleryFacts):
    """A gallery with a model, an index, and a way to engines.

    Args:
        store: Where the entries are.
        model: The model that embeds queries and new inputs, or None.
    """

    def __init__(self, store: Store, model: Model | None = None) -> None:
        super().__init__(store)
        self.model = model
        self.changes = Changes(0, 0, 0, 0, [])

    @property
    def index(self) -> IndexFacts | None:
        """What is known of the index: its recall, how it was built; None where there is none."""
        return self._store.index

    def build_index(
        self,
        *,
        recall: float = 0.98,
        connectivity: int = 16,
        expansion_add: int = 128,
        progress: Callable[[int, int], object] | None = None,
    ) -> IndexFacts:
        """Build an index, with which `search` and `classify` are fast among millions of vectors.

        It is a graph of neighbours (HNSW) in the gallery's folder, made by usearch. Its matches have the
        scores, threshold and order of exact search, but some may be missing: the share that is found is
        measured on entries of the gallery, which are searched for without themselves. Entries that are added
        later are searched exactly, and removed ones are left out, so that it stays right; build it again when
        many were added. It is gone when most entries were removed and their vectors are written again.

        Args:
            recall: The share of the 10 nearest neighbours that is wanted, above 0, up to 1; a search looks at
                more candidates for a higher one, up to 1024.
            connectivity: Neighbours of each node of the graph, 2..512; more take more space and find more.
            expansion_add: Candidates looked at when a node is added; more take more time and find more.
            progress: Called as progress(done, total) after each 10,000 vectors.

        Returns:
            What was built, with the recall that was measured.

        Raises:
            InputError: The gallery is in no folder or empty, an option is out of range, or another process
                writes to it.
            ImportError: usearch is not installed; the message says what to type.
            OutputError: The folder cannot be written.
        """
        options = IndexOptions(recall, connectivity, expansion_add)
        if not isinstance(self._store, FolderStore) or not len(self):
            raise InputError.coded(
                "E-GALLERY-06",
                "{path}: build_index() expected a gallery in a folder, with entries. Save it first with "
                "save(path), and open(path).",
                path=self._where,
            )
        with self._store.writing():
            return self._store.build_index(options, progress or _ignored)

    def push(self, to: str) -> Changes:
        """Make a gallery in an engine hold just these entries: vectors, names, labels and the model's hash.

        A later call writes what was added or changed since, and removes what is gone. `Gallery.open(to)`
        searches there.

        Args:
            to: lancedb://PATH or lancedb://s3://BUCKET/PATH (LanceDB); qdrant://HOST[:PORT] (a Qdrant server,
                by https but on this machine), qdrant+http://HOST or qdrant+file://PATH; each with #NAME for
                another table or collection than "gallery". The key of a server is read from the environment,
                QDRANT_API_KEY.

        Returns:
            What has changed there.

        Raises:
            InputError: The address is wrong, the engine cannot be reached, or holds vectors of another model
                or something else under this name.
            ImportError: The engine's package is not installed; the message says what to type.
        """
        return push(self._store.view(), self._store.about, to, self._where)

    def with_model(self: G, model: Model) -> G:
        """Return the same gallery with the model of its vectors, to search for images and to add them.

        Args:
            model: The one that made the vectors.

        Raises:
            CardError, InputError: It is another model.
        """
        check_model(self._store.about, model, self._where)
        return type(self)(self._store, model)

    def close(self) -> None:
        """End the connection to an engine; a gallery in a folder or in memory has none."""
        if isinstance(self._store, EngineStore):
            self._store.close()


def _ignored(done: int, total: int) -> None:
    """Do nothing."""
