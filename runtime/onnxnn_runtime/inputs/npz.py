"""Reading .npz files: arrays by name, and the vocabulary beside them. Nothing is unpickled."""

from __future__ import annotations

import json
import os
import zipfile
from typing import IO, Any, Container, Mapping, Union

import numpy as np

from onnxnn_runtime.card.vocabulary import check_characters, checked_vocabulary, texts_of
from onnxnn_runtime.errors import DataError, OnnxnnError, located
from onnxnn_runtime.files.access import regular_file
from onnxnn_runtime.files.filekind import BROKEN_ZIP, OTHER_ZIP, UNKNOWN, ZIP, kind_of_file
from onnxnn_runtime.files.saved_dict import LARGEST, read_saved_dict
from onnxnn_runtime.messages.catalogue import Message, gettext, ngettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.system import system_reason

_Path = Union[str, "os.PathLike[str]"]

VOCABULARY = ("words", "word2idx")
"""The arrays that hold a vocabulary."""


def read_arrays(path: _Path, names: Container[str] | None, error: type[OnnxnnError]) -> dict[str, Any]:
    """Return the arrays of a .npz file by name, or raise `error` where one cannot be read.

    Args:
        path: The file.
        names: Which to read; those of other names stay closed and are None. None reads all of them.
        error: What to raise.

    Returns:
        Arrays; for `word2idx` also a dict, where NumPy pickled one.
    """
    regular_file(path, ".npz file", error, gettext("Save one with np.savez(path, data=x, label=y)."))
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(path, archive, names, os.path.getsize(path), error)
            members = {name[:-4] if name.endswith(".npy") else name: name for name in archive.namelist()}
            if "word2ix" in members:  # as older files of the lessons call it
                members.setdefault("word2idx", members["word2ix"])
            return {
                name: _read(path, archive, name, member, error) if names is None or name in names else None
                for name, member in members.items()
            }
    except (OSError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile) as found:
        if isinstance(found, OnnxnnError):
            raise
        raise _unreadable(
            error,
            gettext(
                "{path}: is no .npz file, or is cut off ({reason}){kind}. Save it with np.savez(path, "
                "data=x, label=y).",
                path=path,
                reason=_reason(found),
                kind=_instead(path),
            ),
        ) from found


def _unreadable(error: type[OnnxnnError], text: str) -> OnnxnnError:
    """Return the error that a file cannot be read, with the code of its class."""
    return error(Message(text, "E-DATA-02" if issubclass(error, DataError) else "E-INPUT-02"))


MOST_NAMES = 1000
"""Arrays in a file."""

UNPACKED = 1 << 26
"""Bytes that the arrays may unpack to beyond twenty times the size of the file."""


def check_numpy_file(source: str | os.PathLike[str] | IO[bytes], name: str, error: type[OnnxnnError]) -> None:
    """Refuse a .npy or .npz file that announces or unpacks to far more than it holds, before it is read.

    Args:
        source: A path, or an open file, which stands at its beginning again afterwards.
        name: What messages call it.
        error: What to raise.

    Raises:
        OnnxnnError: It does, or it is no regular file; of class `error`.
        ValueError: It is cut off or no such file.
    """
    if isinstance(source, (str, os.PathLike)):
        with open(str(regular_file(source, "file", error)), "rb") as opened:
            return check_numpy_file(opened, name, error)
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    if source.read(2) == b"PK":
        with zipfile.ZipFile(source) as archive:
            _check_sizes(name, archive, None, size, error)
            for entry in archive.infolist():
                with archive.open(entry) as member:
                    _checked_header(member, entry.file_size)
    else:
        source.seek(0)
        _checked_header(source, size)
    source.seek(0)
    return None


def _check_sizes(
    path: object,
    archive: zipfile.ZipFile,
    names: Container[str] | None,
    size: int,
    error: type[OnnxnnError],
) -> None:
    """Refuse a file of too many arrays, or of arrays that unpack to far more than the file holds."""
    entries = archive.infolist()
    if len(entries) > MOST_NAMES:
        raise error.coded(
            "E-INPUT-10",
            "{path}: expected at most {most:,} arrays in a file, got {count:,}."
            " Save them in several files, or as one array.",
            path=path,
            most=MOST_NAMES,
            count=len(entries),
        )
    unpacked, most = 0, 20 * size + UNPACKED
    for entry in entries:
        name = entry.filename[:-4] if entry.filename.endswith(".npy") else entry.filename
        unpacked += entry.file_size if names is None or name in names or name == "word2ix" else 0
    if unpacked > most:
        raise error.coded(
            "E-INPUT-10",
            "{path}: expected {size:,} bytes that unpack to at most {most:,}, got {unpacked:,}. Save "
            "fewer samples, or all of them without compression, with np.savez.",
            path=path,
            size=size,
            most=most,
            unpacked=unpacked,
        )


def _checked_header(file: IO[bytes], size: int) -> Any:
    """Read an array's header and return its type of numbers.

    Raises:
        ValueError: It announces more numbers than its file holds.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    count = 1
    for axis in shape:
        count *= axis
    if not dtype.hasobject and (count * dtype.itemsize > size or (dtype.itemsize == 0 and count > size)):
        raise ValueError(
            gettext(
                "its header announces {numbers}, got {bytes}",
                numbers=ngettext("{count:,} number", "{count:,} numbers", count),
                bytes=ngettext("{count:,} byte", "{count:,} bytes", size),
            )
        )
    return dtype


def read_vocabulary(
    path: _Path, arrays: Mapping[str, np.ndarray | dict[str, int]], error: type[OnnxnnError]
) -> dict[str, int] | None:
    """Return the vocabulary among a .npz file's arrays; None where there is none.

    Args:
        path: The file, for messages.
        arrays: `words`, texts (V,) in the order of their ids, or `word2idx`, a JSON text or a dict.
        error: What to raise where they are something else, or differ.
    """
    words = _words(path, np.asarray(arrays["words"]), error) if "words" in arrays else None
    numbers = _numbers(path, arrays["word2idx"], error) if "word2idx" in arrays else None
    if words is None or numbers is None or words == numbers:
        return words or numbers
    word = next(word for word in (*words, *numbers) if words.get(word) != numbers.get(word))
    raise error.coded(
        "E-DATA-11",
        "{path}: expected the same ids in 'words' and 'word2idx', got {first} and {second} for {word}. "
        "Save one of them.",
        path=path,
        first=words.get(word),
        second=numbers.get(word),
        word=shortened(word),
    )


def _read(path: _Path, archive: zipfile.ZipFile, name: str, member: str, error: type[OnnxnnError]) -> Any:
    try:
        with archive.open(member) as file:
            size = archive.getinfo(member).file_size
            pickled = file.read(LARGEST + 1) if _checked_header(file, size).hasobject else None
        if pickled is None:
            with archive.open(member) as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
            check_characters(array)
            return array
    except Exception as found:  # NumPy and zipfile raise many kinds for broken files
        raise _unreadable(
            error,
            gettext(
                "{path}: {name} cannot be read ({reason}).",
                path=path,
                name=shortened(name),
                reason=_reason(found),
            ),
        ) from found
    words = read_saved_dict(pickled) if name == "word2idx" else None
    if words is None:
        raise _unreadable(
            error,
            gettext(
                "{path}: {name} is a pickled object, and reading one can run any program. {advice}",
                path=path,
                name=shortened(name),
                advice=_how_to_save(name),
            ),
        )
    return words


def _how_to_save(name: str) -> str:
    if name == "words":
        return gettext("Save it as texts: np.savez(path, data=x, words=np.array(words, dtype=str)).")
    if name == "word2idx":
        return gettext("Save it as text: np.savez(path, data=x, word2idx=json.dumps(word2idx)).")
    return gettext("Save {name} as an array of numbers or texts.", name=shortened(name))


def _instead(path: _Path) -> str:
    """Say what a file is instead, where that is known."""
    try:
        kind = kind_of_file(path)
    except OSError:  # as the reason says already
        return ""
    is_known = kind not in (UNKNOWN, ZIP, BROKEN_ZIP, OTHER_ZIP)
    return gettext("; it is {kind}", kind=kind.name) if is_known else ""


def _reason(error: BaseException) -> str:
    lines = system_reason(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _words(path: _Path, words: np.ndarray, error: type[OnnxnnError]) -> dict[str, int]:
    if not isinstance(words, np.ndarray) or words.ndim != 1 or words.dtype.kind != "U":
        raise error.coded(
            "E-DATA-11",
            "{path}: 'words': expected texts (V,), got {type} {shape}."
            " Save them as np.array(words), a list of texts.",
            path=path,
            type=words.dtype,
            shape=shape_text(words.shape),
        )
    numbers: dict[str, int] = {}
    for number, word in enumerate(_texts(path, words, error)):
        if word in numbers:
            raise error.coded(
                "E-DATA-11",
                "{path}: 'words': expected every word once, got {word} at {first} and {second}."
                " Leave one of them out, and number the words again.",
                path=path,
                word=shortened(word),
                first=numbers[word],
                second=number,
            )
        numbers[word] = number
    return _checked(path, numbers, error)


def _texts(path: _Path, array: np.ndarray, error: type[OnnxnnError]) -> list[str]:
    try:
        return texts_of(array, error)
    except error as found:
        raise error(located(path, found)) from found


def _numbers(path: _Path, text: np.ndarray | dict[str, int], error: type[OnnxnnError]) -> dict[str, int]:
    if isinstance(text, dict):
        return _checked(path, text, error)
    try:
        is_text = text.ndim == 0 and text.dtype.kind == "U"
        read = json.loads(_texts(path, text.reshape(1), error)[0]) if is_text else None
    except (ValueError, RecursionError) as found:
        if isinstance(found, OnnxnnError):
            raise
        raise error.coded(
            "E-DATA-11",
            "{path}: 'word2idx': expected a JSON text {{\"word\": id}}, got what is none ({reason})."
            " Save it with json.dumps(word2idx).",
            path=path,
            reason=_reason(found),
        ) from found
    if not isinstance(read, dict):
        raise error.coded(
            "E-DATA-11",
            "{path}: 'word2idx': expected a JSON text {{\"word\": id}}. Save it with json.dumps(word2idx).",
            path=path,
        )
    return _checked(path, read, error)


def _checked(path: _Path, numbers: dict[str, int], error: type[OnnxnnError]) -> dict[str, int]:
    try:
        return checked_vocabulary(numbers, error)
    except error as found:
        raise error(located(path, found)) from found
