"""From what a user gives to single samples: files, folders, bytes, images, arrays, rows.

`find_samples` lists the samples without reading them; `reading` turns one into the array that the
graph takes. Both work on one sample at a time, so that many can be streamed.
"""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import replace
from typing import Iterable, Iterator, Sequence

import numpy as np
from PIL import Image

from onnxnn_runtime.arrays.conversion import check_tokens
from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.card.tokens import is_file, is_words
from onnxnn_runtime.card.vocabulary import renumbering
from onnxnn_runtime.errors import InputError, MissingInputError
from onnxnn_runtime.files.access import regular_file
from onnxnn_runtime.images.decode import is_file_object, read_content
from onnxnn_runtime.messages.catalogue import Message
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.system import system_reason

from .folders import Skipped, images_of, skipped_for
from .given import MAX_DEPTH, file_name, is_numeric, is_things, matching, plain
from .numpy_file import is_numpy, load_numpy
from .reading import Sample


def find_samples(
    source: object, spec: InputSpec, skipped: list[Skipped], errors: str = "raise", name: str = "input[0]"
) -> Sequence[Sample] | Iterator[Sample]:
    """List the samples of whatever was given, in order, without reading images.

    Args:
        source: For images: a path, a folder, bytes, a PIL image, an array as for `Preprocess`, an
            array (N, H, W, C) or (N, H, W) of images, a float array (N, C, H, W) in 0..1 that is taken
            as it is, nested lists of numbers, a `.npy` or `.npz` file of those, or a list or generator of all
            these. For tables: a CSV file, a row, rows, or an array; for a single feature also its values
            (N,).
            For sequences, tokens and arrays: an array of one sample or of many, a `.npy` or `.npz`
            file, or a list of those; for tokens with a vocabulary also text.
            A generator may yield samples that were found before, which are taken as they are.
        spec: What the model takes.
        skipped: Files of folders that are no images are added to it, and what `errors` leaves out.
        errors: "raise" stops at a file or folder that cannot be read; "skip" leaves it out.
        name: What messages call a single thing that is given.

    Returns:
        A sequence, or an iterator where `source` is one.

    Raises:
        InputError: Nothing of it matches the model; the message says what does.
    """
    finder = _Finder(spec, skipped, errors)
    if isinstance(source, Iterator) and not is_file_object(source):
        return finder.each(source)
    return list(finder.find(source, name))


class _Finder:
    """Lists samples; `find` for one thing given, `each` for many."""

    def __init__(self, spec: InputSpec, skipped: list[Skipped], errors: str) -> None:
        self._spec = spec
        self._skipped = skipped
        self._errors = errors
        self._single = len(spec.shape) - 1

    def each(self, things: Iterable[object], depth: int = 0, of: str = "input") -> Iterator[Sample]:
        """List the samples of many things, each of which is one image or holds several of them."""
        for number, thing in enumerate(things):
            name = f"{of if depth else 'input'}[{number}]"
            if _is_empty(thing):
                yield Sample(name, np.asarray(thing))  # it counts, so that reading it refuses it
            else:
                yield from self.find(thing, name, depth + 1)

    def find(self, thing: object, name: str, depth: int = 0) -> Iterator[Sample]:
        """List the samples of one thing; what cannot be one is left out where `errors` says so.

        Args:
            thing: What was given.
            name: What messages call it.
            depth: How many lists it lies in.
        """
        if isinstance(thing, Sample):
            return iter([thing])
        try:
            if depth > MAX_DEPTH:
                raise InputError.coded(
                    "E-INPUT-03",
                    "{name}: expected lists at most {most} deep in each other, got deeper ones.",
                    name=name,
                    most=MAX_DEPTH,
                )
            try:
                thing = plain(thing, self._spec.kind == "image")
            except InputError:
                if self._errors == "raise" or depth or not isinstance(thing, (list, tuple)):
                    raise
                return self.each(thing)  # so that only those of its items are left out that are wrong
            if isinstance(thing, str) and not self._is_text(thing):
                return self._paths(thing, name)
            if self._spec.kind == "image":
                return self._images(thing, name, depth)
            return self._file(thing, name) if is_file_object(thing) else self._values(thing, name, depth)
        except InputError as error:
            if self._errors == "raise":
                raise
            self._skipped.append(skipped_for(thing if isinstance(thing, str) else name, error))
            return iter([])

    def _paths(self, path: str, name: str) -> Iterator[Sample]:
        found = matching(path)
        if len(found) == 1:
            return self._path(found[0], name)
        return (sample for each in found for sample in self.find(each, name))

    def _path(self, path: str, name: str) -> Iterator[Sample]:
        is_image = self._spec.kind == "image"
        if is_image and os.path.isdir(path):
            return self._folder(path)
        if is_image and not is_file(path):
            return iter([Sample(path, path)])
        if not os.path.lexists(path):
            raise _missing(path, name)
        regular_file(path)
        if is_file(path):
            return self._numpy(path, path)
        return self._table(path)

    def _numpy(self, source: str | io.BytesIO, name: str) -> Iterator[Sample]:
        """List the samples of a NumPy file: its path, or its content."""
        array = _in_own_numbers(load_numpy(source, name), name, self._spec)
        return self._image_array(array, name) if self._spec.kind == "image" else self._values(array, name)

    def _file(self, file: object, name: str) -> Iterator[Sample]:
        """List the samples of an open file that holds no image: a NumPy file or a table."""
        name, content = file_name(file, name), read_content(file, text=True)
        if is_numpy(content):
            return self._numpy(io.BytesIO(content), name)
        return self._open_table(content, name)

    def _open_table(self, content: bytes, name: str) -> Iterator[Sample]:
        import tempfile  # here, because it brings OpenSSL

        with contextlib.ExitStack() as stack:
            try:
                path = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "table.csv")
                with open(path, "wb") as copy:
                    copy.write(content)
            except OSError as error:
                raise InputError.coded(
                    "E-INPUT-02",
                    "{name}: an open table is copied to the folder of temporary files, which cannot be "
                    "written ({reason}). Give the path of the file.",
                    name=name,
                    reason=system_reason(error),
                ) from error
            try:
                for sample in self._table(path, name):
                    yield replace(sample, name=sample.name.replace(path, name))
            except InputError as error:
                raise type(error)(Message(error.text.replace(path, name), error.code)) from error

    def _images(self, thing: object, name: str, depth: int) -> Iterator[Sample]:
        if isinstance(thing, (bytes, bytearray, memoryview)) and is_numpy(thing):
            return self._numpy(io.BytesIO(thing), name)
        if isinstance(thing, (bytes, bytearray, memoryview, Image.Image)):
            return iter([Sample(name, thing)])
        if is_file_object(thing):
            name = file_name(thing, name)
            return self._file(thing, name) if is_file(name) else iter([Sample(name, thing)])
        if isinstance(thing, (list, tuple)) and is_numeric(thing) and not _holds_text(thing):
            return self._image_array(np.asarray(thing), name)
        if is_things(thing):
            return self.each(thing, depth, name)
        if not hasattr(thing, "__array__"):
            raise InputError.coded(
                "E-INPUT-05",
                "{name}: expected an image as a path, a folder, bytes, an open file, a PIL image or a "
                "NumPy array, got {type}.",
                name=name,
                type=type(thing).__name__,
            )
        array = np.asarray(thing)
        if depth:
            self._check_item(array, name)
        return self._image_array(array, name)

    def _check_item(self, array: np.ndarray, name: str) -> None:
        """Refuse an array of a list that is not one image, nor several whose axes leave no doubt.

        Raises:
            InputError: It is not: (5, 5, 7) could be five images, or one of seven channels.
        """
        channels = self._spec.shape[1] if not self._spec.in_graph else self._spec.shape[-1]
        is_one = array.ndim == 2 or (
            array.ndim == 3 and (array.shape[2] in (1, 3, 4) or array.shape[0] == channels)
        )
        if not is_one and array.ndim != 4:
            raise InputError.coded(
                "E-INPUT-03",
                "{name}: expected an image of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) in each "
                "array of a list, got {shape}. Give several images as one array (N, H, W, channels).",
                name=name,
                shape=shape_text(array.shape),
            )

    def _folder(self, folder: str) -> Iterator[Sample]:
        images, skipped = images_of(folder)
        self._skipped.extend(skipped)
        return (Sample(path, path) for path in images)

    def _image_array(self, array: np.ndarray, name: str) -> Iterator[Sample]:
        channels = self._spec.shape[1] if not self._spec.in_graph else None
        is_float = np.issubdtype(array.dtype, np.floating)
        if is_float and array.ndim == 4 and array.shape[1] == channels:
            return (Sample(each, array[i], True) for i, each in _names(name, len(array)))
        if is_float and array.ndim == 3 and array.shape[0] == channels and array.shape[2] not in (1, 3, 4):
            return iter([Sample(name, array, True)])
        if array.ndim in (3, 4) and array.shape[-3] == channels and array.shape[-1] not in (1, 3, 4):
            array = np.moveaxis(array, -3, -1)  # uint8 images with the channels first
        if array.ndim == 4 or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
            return (Sample(each, array[i]) for i, each in _names(name, len(array)))
        return iter([Sample(name, array)])

    def _table(self, path: str, shown: str = "") -> Iterator[Sample]:
        from . import rows as tabular

        if self._spec.kind == "table" or (self._spec.kind == "tokens" and tabular.width(self._spec)):
            names, rows = tabular.file_rows(path, self._spec, shown=shown)
            return (Sample(each, row) for each, row in zip(names, rows))
        if self._spec.kind == "tokens" and path.lower().endswith(".csv"):
            raise InputError.coded(
                "E-INPUT-05",
                "{path}: expected a .npy or .npz file, or an array: how many columns of a table are "
                "tokens is not known, since the training data named none.",
                path=path,
            )
        raise InputError.coded("E-INPUT-05", "{path}: expected a .npy or .npz file, or an array.", path=path)

    def _values(self, thing: object, name: str, depth: int = 0) -> Iterator[Sample]:
        from . import rows as tabular
        from .mixed_rows import mixed_rows

        if self._is_text(thing):
            return iter([Sample(name, thing)])
        if self._spec.kind == "tokens" and is_words(thing, self._spec.vocabulary):
            return iter([Sample(name, thing)])
        if self._spec.columns:
            found = None if _are_files(thing) else mixed_rows(thing, self._spec, name)
            if found is not None and found.ndim == 1:
                return iter([Sample(name, found)])
            if found is None and isinstance(thing, (list, tuple, Iterator)):
                return self.each(thing, depth, name)
            thing = thing if found is None else found
        thing = tabular.in_order(thing, self._spec, name)
        if tabular.is_row(thing, self._spec.features):
            return iter([Sample(name, thing)])
        if isinstance(thing, Iterator) or (isinstance(thing, (list, tuple)) and not is_numeric(thing)):
            return self.each(thing, depth, name)
        array = np.asarray(thing)
        if array.ndim == 1 and self._spec.shape[1:] == (1,):
            array = array[:, np.newaxis]  # one number is a sample, so these are many
        if array.ndim == self._single + 1:
            return (Sample(each, array[i]) for i, each in _names(name, len(array)))
        return iter([Sample(name, array)])

    def _is_text(self, thing: object) -> bool:
        if self._spec.kind != "tokens" or self._spec.vocabulary is None or not isinstance(thing, str):
            return False
        return not is_file(thing)


def _missing(path: str, name: str) -> InputError:
    try:
        float(path)
    except ValueError:
        return MissingInputError.coded("E-INPUT-01", "{path}: no such file. Check the path.", path=path)
    return InputError.coded(
        "E-INPUT-04",
        "{name}: expected a number, got the text {text}. Convert it, as float does.",
        name=name,
        text=shortened(path),
    )


def _in_own_numbers(array: np.ndarray, path: str, spec: InputSpec) -> np.ndarray:
    """Return a file's tokens with the network's ids, where the file has a vocabulary of its own.

    Raises:
        InputError: That holds a word which the network does not know, or cannot be read.
    """
    if spec.kind != "tokens" or spec.vocabulary is None or not path.lower().endswith(".npz"):
        return array
    from .npz import VOCABULARY, read_arrays, read_vocabulary

    words = read_vocabulary(path, read_arrays(path, VOCABULARY, InputError), InputError)
    if words is None or words == spec.vocabulary:
        return array
    numbers = renumbering(words, spec.vocabulary, InputError)
    found: np.ndarray = numbers[check_tokens(array, replace(spec, vocabulary=words))]
    return found


def _are_files(thing: object) -> bool:
    """Return whether something is a list of paths of files, rather than a row of texts."""
    if not isinstance(thing, (list, tuple)) or not thing:
        return False
    return all(isinstance(each, str) and os.path.isfile(each) for each in thing)


def _is_empty(thing: object) -> bool:
    if isinstance(thing, (list, tuple)):
        return not thing
    return 0 in getattr(thing, "shape", ())


def _holds_text(values: Sequence[object]) -> bool:
    return any(isinstance(each, (str, bytes, os.PathLike)) for each in values)


def _names(name: str, count: int) -> Iterator[tuple[int, str]]:
    """Yield (i, name) for the samples of one array; the only array given has them numbered plainly."""
    for i in range(count):
        yield i, f"input[{i}]" if name == "input[0]" else f"{name}[{i}]"
