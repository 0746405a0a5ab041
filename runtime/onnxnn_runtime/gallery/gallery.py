"""`Gallery`: feature vectors with names and labels that are searched for what is most similar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Iterable, Sequence, overload

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.api.options import takes_by_name
from onnxnn_runtime.arrays.numbers import check_integer
from onnxnn_runtime.errors import InputError, OutputError
from onnxnn_runtime.files.access import PathLike
from onnxnn_runtime.inputs.folders import warn_of
from onnxnn_runtime.inputs.options import ReadOptions
from onnxnn_runtime.model import Model

from .address import as_folder
from .asked import Asked
from .checks import (
    check_dtype,
    check_same_dtype,
    check_threshold,
    name_is_known,
    names_of,
    record_of,
    rows_of,
)
from .entries import Entries, Record
from .exact import unit
from .growing import GrowingGallery
from .labels import Labels
from .manifest import About
from .matching import classified, groups
from .memory import MemoryStore
from .origin import about_model
from .queries import OneImage, Several, as_array, checked_vectors, query_vectors
from .results import Changes, Classification, Matches
from .saving import create_folder, remove_folder, save_to
from .store import store_at
from .update import AddOptions, update

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from onnxnn_runtime.inputs.options import Reading


@checked_class()
class Gallery(GrowingGallery):
    """Feature vectors of images or other inputs, searched for what is most similar.

        model = onnxnn_runtime.load("pets.onnx")
        gallery = onnxnn_runtime.Gallery.build(model, "photos/", "photos.gallery")
        for match in gallery.search("query.jpg", k=5):
            print(match.name, match.score, match.label)

    Vectors are stored with length 1, so that the score of a match is the cosine similarity, -1..1: 1 is the
    same direction, and 0 nothing in common. A vector of length zero has the score 0 with every other. Each
    entry has
    a name of its own: a path, or the name that it was added with.

    A gallery in a folder survives a killed process with all that was reported done. One process at a time
    writes to it, and any number read, each with what there was when it opened or called `refresh`.
    A gallery may be used from several threads for reading.

    `build`, `open`, `load` and `from_vectors` make one.

    Args:
        store: Where its entries are, `onnxnn_runtime.gallery.store.Store`.
        model: As the attribute.

    Attributes:
        model: The model that embeds queries and new inputs, or None: then vectors alone are searched for.
        changes: What the last `build`, `add`, `add_vectors` or `remove` changed, a `Changes`.
    """

    @classmethod
    @takes_by_name(ReadOptions)
    def build(
        cls,
        model: Model,
        inputs: object,
        path: PathLike | None = None,
        labels: Labels = None,
        *,
        names: Sequence[str] | None = None,
        dtype: str | None = None,
        **options: Unpack[Reading],
    ) -> Gallery:
        """Make a gallery that holds exactly these inputs.

        Where `path` is a gallery already, only new and changed files are embedded (one is unchanged when size
        and time are the same, or else its SHA-256), and entries that are not among the inputs are
        removed. A call that was interrupted is continued by the next one.

        Args:
            model: The model that embeds them.
            inputs: As for `Model.predict`: images as path, folder, bytes, PIL image or array, rows, ..., or a
                list of those.
            path: The folder to keep it in; None keeps it in memory, until it is saved.
            labels: One label for all, a list with one for each input, a mapping or a function from the name
                to the label, or None. Where None, entries that are there keep theirs.
            names: The name of each input; None takes paths, and "input[3]" for what is no file.
            dtype: "float32" or "float16", which takes half the space and is searched more slowly; None takes
                that of the gallery that is there, else "float32".
            errors: "raise" stops at a broken input; "skip" leaves it out, with a warning that names it, and
                lists it in `changes.skipped`.
            batch_size, progress, channel_order: See `onnxnn_runtime.inputs.options.ReadOptions`.

        Raises:
            CardError: The model has no card, or no output that is a vector.
            InputError: An input is broken or does not match, or `path` holds a gallery of another model or
                something else, or another process writes to it.
            OutputError: The folder cannot be written.
        """
        asked = AddOptions(labels, names, True, ReadOptions(**options))
        check_dtype(dtype)
        about = about_model(model, dtype or "float32")
        is_new = False
        if path is None:
            gallery = cls(MemoryStore(about), model)
        else:
            folder = as_folder(path, InputError)
            is_new = create_folder(folder, about)
            gallery = cls.open(folder, model)
            check_same_dtype(dtype, gallery.dtype, gallery._where)
        try:
            gallery._update(inputs, asked)
        except BaseException:
            if is_new and not len(gallery):
                remove_folder(folder)
            raise
        return gallery

    @classmethod
    def from_vectors(
        cls,
        vectors: object,
        names: Sequence[str],
        labels: Labels = None,
        *,
        model: Model | None = None,
        dtype: str = "float32",
    ) -> Gallery:
        """Make a gallery in memory of vectors that were computed before.

        Args:
            vectors: Numbers (N, D), of any length.
            names: N texts that differ.
            labels: As for `build`.
            model: The model that computed them, where there is one.
            dtype: "float32" or "float16".

        Raises:
            InputError: The shapes do not match, a number is not finite, or a name stands twice.
        """
        check_dtype(dtype)
        array = as_array(vectors, "vectors")
        if array.ndim != 2:
            checked_vectors(array, 0, "vectors")
        about = About(array.shape[1], dtype) if model is None else about_model(model, dtype)
        gallery = cls(MemoryStore(about), model)
        gallery.add_vectors(array, names, labels)
        return gallery

    @classmethod
    def open(cls, path: PathLike, model: Model | None = None) -> Gallery:
        """Open a gallery in a folder: its vectors are mapped into memory, and changes are written at once.

        Args:
            path: The folder; or an engine that `push` wrote to, such as lancedb://PATH, which is searched
                and not changed.
            model: The model whose vectors it holds; None: it can be searched for vectors alone, and nothing
                be added but vectors.

        Raises:
            MissingInputError: There is no such folder.
            InputError: It holds no gallery, a damaged one, or one of another model.
        """
        gallery = cls(store_at(path))
        return gallery if model is None else gallery.with_model(model)

    @classmethod
    def load(cls, path: PathLike, model: Model | None = None) -> Gallery:
        """Read a gallery into memory: changes stay there, until it is saved.

        Args:
            path, model: As for `open`.

        Raises:
            MissingInputError, InputError: As for `open`.
        """
        opened = cls.open(path, model)
        view = opened._store.view()
        rows = view.rows
        files = [opened._store.entries.file_of(row) for row in rows]
        names, labels = [view.names[row] for row in rows], [view.labels[row] for row in rows]
        entries = Entries(names, labels, lambda: files)
        return cls(MemoryStore(opened._store.about, entries, view.vectors[rows]), model)

    def save(self, path: PathLike) -> Path:
        """Write the gallery into a folder, in place of the gallery that is there, whole or not at all.

        Args:
            path: The folder; it is created.

        Returns:
            The folder.

        Raises:
            InputError: The folder holds something else than a gallery, or another process writes to it.
            OutputError: It cannot be written.
        """
        folder = as_folder(path, OutputError)
        save_to(folder, self._store.about, self._store.entries, self._store.view())
        return folder

    @takes_by_name(ReadOptions)
    def add(
        self,
        inputs: object,
        labels: Labels = None,
        *,
        names: Sequence[str] | None = None,
        **options: Unpack[Reading],
    ) -> Changes:
        """Add inputs; files that are there already are embedded again only where they have changed.

        In a folder each few inputs are written as soon as they are embedded; when `progress` is called, they
        survive a killed process, and when the call returns, a power cut.

        Args:
            inputs, labels, names, errors, batch_size, progress, channel_order: As for `build`.

        Returns:
            What has changed.

        Raises:
            InputError: An input is broken or does not match; an input that is no file has a name that is
                there already; the gallery has no model, or another process writes to it. What was written
                before stays.
            OutputError: The folder cannot be written.
        """
        return self._update(inputs, AddOptions(labels, names, False, ReadOptions(**options)))

    def add_vectors(self, vectors: object, names: Sequence[str], labels: Labels = None) -> Changes:
        """Add vectors that were computed before, all of them or none.

        Args:
            vectors: Numbers (N, D), of any length.
            names: N texts that differ, none of which is there already.
            labels: As for `build`.

        Raises:
            InputError: The shapes do not match, a number is not finite, or a name is there already.
        """
        array = checked_vectors(as_array(vectors, "vectors"), self.dimension, "vectors")
        record = record_of(names, labels, len(array))
        with self._store.writing():
            for name in record.names:
                if self._store.entries.row_of(name) is not None:
                    raise name_is_known(name)
            if record.names:
                self._store.append(record, unit(array))
        self.changes = Changes(len(record.names), 0, 0, 0, [])
        return self.changes

    def remove(self, names: str | Iterable[str]) -> Changes:
        """Remove entries, all of them or none.

        Args:
            names: One name, or several.

        Raises:
            InputError: There is no entry of a name, or it is no name.
        """
        wanted = names_of(names)
        with self._store.writing():
            rows = rows_of(self._store.entries, wanted)
            if rows:
                self._store.append(Record(removed=rows))
        self.changes = Changes(0, 0, 0, len(rows), [])
        return self.changes

    @overload
    def search(
        self, query: Several, k: int = 5, threshold: float | None = None, exact: bool = False
    ) -> list[Matches]: ...

    @overload
    def search(
        self, query: OneImage, k: int = 5, threshold: float | None = None, exact: bool = False
    ) -> Matches: ...

    @overload
    def search(
        self, query: object, k: int = 5, threshold: float | None = None, exact: bool = False
    ) -> Matches | list[Matches]: ...

    def search(
        self, query: object, k: int = 5, threshold: float | None = None, exact: bool = False
    ) -> Matches | list[Matches]:
        """Find the entries that are most similar to a query.

        Args:
            query: An input of the model (for images path, bytes, PIL image or uint8 array), or a vector
                (D,) of any length; or several: a list of inputs or folders, or vectors (M, D).
            k: How many at most; fewer where there are fewer.
            threshold: The lowest cosine similarity, -1..1; matches with just this score count.
            exact: Whether to compare with every entry, also where `build_index` has made an index.

        Returns:
            The matches, the most similar first, equal scores in the order in which they were added; of
            several queries a list with the matches of each.

        Raises:
            InputError: The query does not match the gallery or its model, or an option is out of range.
        """
        check_integer("k", k)
        check_threshold(threshold)
        vectors, names, several = query_vectors(query, self.model, self.dimension, self._where)
        found = self._store.matches(Asked(vectors, names, k, threshold, exact))
        return found if several else found[0]

    def duplicates(self, threshold: float = 0.95) -> list[Matches]:
        """Find groups of entries that are nearly the same.

        Entries are looked at in the order in which they were added; the first one of a group is its `query`,
        and the others are those that are as similar to it as `threshold` says and in no group yet.

        Args:
            threshold: The lowest cosine similarity, -1..1; 1 finds vectors that are equal. What counts as a
                duplicate depends on the model.

        Returns:
            The groups, each the matches of its first entry, the most similar first.

        Raises:
            InputError: `threshold` is no number in -1..1.
        """
        check_threshold(threshold)
        return groups(self._store.view(), threshold)

    @overload
    def classify(self, query: Several, k: int = 5) -> list[Classification]: ...

    @overload
    def classify(self, query: OneImage, k: int = 5) -> Classification: ...

    @overload
    def classify(self, query: object, k: int = 5) -> Classification | list[Classification]: ...

    def classify(self, query: object, k: int = 5) -> Classification | list[Classification]:
        """Classify queries by the labels of their nearest neighbours; entries without a label do not count.

        Args:
            query: As for `search`.
            k: How many neighbours.

        Returns:
            One `Classification`; of several queries a list.

        Raises:
            InputError: No entry has a label, or as for `search`.
        """
        check_integer("k", k)
        if not self._store.has_labels():
            raise InputError.coded(
                "E-GALLERY-05",
                "{path}: classify() expected entries with labels, got none. Give them with labels= when they "
                "are added.",
                path=self._where,
            )
        vectors, names, several = query_vectors(query, self.model, self.dimension, self._where)
        found = [classified(each) for each in self._store.matches(Asked(vectors, names, k, labelled=True))]
        return found if several else found[0]

    def refresh(self) -> bool:
        """Look at the folder again; return whether another process has changed it.

        Raises:
            InputError: The folder is damaged or gone; the gallery is as it was.
        """
        return self._store.refresh()

    def _update(self, inputs: object, options: AddOptions) -> Changes:
        if self.model is None:
            raise InputError.coded(
                "E-GALLERY-05",
                "{path}: add() needs the model, since this gallery was opened without it. Open it with "
                "Gallery.open(path, model), or use add_vectors().",
                path=self._where,
            )
        with self._store.writing():
            self.changes = update(self._store, self.model, inputs, options)
        warn_of(self.changes.skipped)
        return self.changes
