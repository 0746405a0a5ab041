"""What an ONNX file says about itself, read without ONNX Runtime and without the package `onnx`.

An ONNX file is one protobuf message, `ModelProto`. Only the few fields that must be known before a
session is created are read here: the versions it asks for, its metadata, and whether it points to
other files. Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3,
the encoding is https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Mapping

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import cannot_read, regular_file
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import printable, shortened

from .protobuf import fields_of, message_of, text_of

if TYPE_CHECKING:
    from onnxnn_runtime.files.filekind import FileKind

# Where a tensor can hide, as message -> {field number: message}.
_TENSORS_IN: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}

_DEEPEST = 100
"""Messages inside messages, as protobuf itself reads them."""


@dataclass(frozen=True)
class FileFacts:
    """What stands at the top of an ONNX file.

    Args:
        ir_version: Version of the file format.
        opset: Version of the operators, per domain ("" is the standard one).
        producer: The program that wrote the file.
        metadata: The author's own keys and texts.
        external: Paths of other files that hold weights, as the file names them.
        endless: Whether a loop in its graph may run forever.
        divisors: The inputs by which its graph divides integers.
    """

    ir_version: int
    opset: Mapping[str, int]
    producer: str
    metadata: Mapping[str, str]
    external: tuple[str, ...]
    endless: bool = False
    divisors: tuple[str, ...] = ()


_SMALL = 2**20
"""Bytes of a file that is read before anything is known about it."""

_LARGEST = 2**31
"""Bytes that an ONNX file has at most, as every message of protobuf."""


class ModelFile:
    """A model's file, in memory only until a session has been made from it.

    Args:
        path: The file, or its bytes.

    Raises:
        MissingInputError: There is no such file.
        InputError: It cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str] | bytes) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            raise InputError.coded(
                "E-CALL-03",
                "load({path}): expected the path of an .onnx file, or its bytes.",
                path=shortened(path),
            )
        self._path = None if isinstance(path, bytes) else os.fspath(path)
        if isinstance(path, bytes):
            self.name = ngettext("the model of {count} byte", "the model of {count} bytes", len(path))
            self.content = path
            return
        self.name = printable(os.fspath(path))
        file = regular_file(path)
        try:
            self.content, self._state = self._read(str(file))
        except OSError as error:
            raise cannot_read(path, error) from error

    def take(self) -> bytes | None:
        """Return the content and let go of it; read it again when it is gone.

        None when the file is no longer the one that was checked.
        """
        content = self.content
        if self._path is None:
            return content
        self.content = b""
        if content:
            return content
        try:
            content, state = self._read(self._path)
        except OSError:
            return None
        return content if state == self._state else None

    def _read(self, path: str) -> tuple[bytes, tuple[int, int, int]]:
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            if state.st_size > _SMALL:
                _check_large(path, self.name, state.st_size)
            return file.read(), (state.st_ino, state.st_size, state.st_mtime_ns)


def inspect(data: bytes, name: str = "") -> FileFacts:
    """Read the facts of an ONNX file.

    Args:
        data: The whole file.
        name: What the error calls it; "" calls it the model.

    Raises:
        InputError: It is no ONNX file, or it is cut short.
    """
    name = name or gettext("the model")
    if data.startswith(b"PK"):
        raise _another_file(_kind_of(data), name)
    from .graph_check import RefusedGraphError  # here, because importing the package does without

    try:
        facts = _inspect(data)
    except RefusedGraphError as error:
        raise InputError.coded(
            "E-MODEL-02",
            "{name}: is not run: {error}. SECURITY.md says what is checked.",
            name=name,
            error=error,
        ) from error
    except (IndexError, ValueError, TypeError) as error:
        other = _other(_kind_of(data), name)
        if other is not None:
            raise other from error
        raise InputError.coded(
            "E-MODEL-01",
            "{name}: expected a complete ONNX file, got {size} that are none ({error}). Copy, "
            "download or export it again.",
            name=name,
            size=ngettext("{count} byte", "{count} bytes", len(data)),
            error=error,
        ) from error
    if not facts.ir_version or not facts.opset:
        raise _other(_kind_of(data), name) or InputError.coded(
            "E-MODEL-01",
            "{name}: expected an ONNX file (.onnx), as `export` writes it, got another kind of file."
            " Check the path, or export the network first.",
            name=name,
        )
    return facts


def _check_large(path: str, name: str, size: int) -> None:
    """Refuse a large file that is no ONNX file, before it is read.

    Raises:
        InputError: It is none.
    """
    from onnxnn_runtime.files.filekind import kind_of_file  # here, because few files are large

    other = _other(kind_of_file(path), name)
    if other is None and size >= _LARGEST:
        other = InputError.coded(
            "E-INPUT-10",
            "{name}: expected less than 2 GiB, as ONNX files in one piece have, got {size:.1f} GiB."
            " Give the path of a model with external data instead.",
            name=name,
            size=size / 2**30,
        )
    if other is not None:
        raise other


def _another_file(kind: FileKind, name: str) -> InputError:
    """Return the error that names what else a file is."""
    from onnxnn_runtime.files.filekind import TORCH, instead  # here, because only a mistake needs it

    advice = None
    if kind == TORCH:
        advice = gettext(
            "A checkpoint becomes an ONNX file with `onnxnn export CKPT -o FILE.onnx`, which needs the "
            "training package."
        )
    return InputError(instead(name, gettext("an ONNX file"), kind, "E-MODEL-01", advice))


def _kind_of(data: bytes) -> FileKind:
    from onnxnn_runtime.files.filekind import kind_of_content  # here, because only a mistake needs it

    return kind_of_content(data)


def _other(kind: FileKind, name: str) -> InputError | None:
    """Return the error that names what else a file is; None where that is not known."""
    from onnxnn_runtime.files.filekind import ONNX, UNKNOWN  # here, because only a mistake needs it

    return None if kind in (UNKNOWN, ONNX) else _another_file(kind, name)


def _inspect(data: bytes) -> FileFacts:
    from .graph_check import Checked, check_graph

    ir_version, producer, has_graph = 0, "", False
    opset: dict[str, int] = {}
    metadata: dict[str, str] = {}
    view = memoryview(data)
    for number, value in fields_of(view):
        if number == 1 and isinstance(value, int):
            ir_version = value
        elif number == 2:
            producer = text_of(value)
        elif number == 7:
            has_graph = True
        elif number == 8:
            entry = dict(fields_of(message_of(value)))
            version = entry.get(2, 0)
            opset[text_of(entry.get(1, memoryview(b"")))] = version if isinstance(version, int) else 0
        elif number == 14:
            entry = dict(fields_of(message_of(value)))
            metadata[text_of(entry.get(1, memoryview(b"")))] = text_of(entry.get(2, memoryview(b"")))
    if ir_version and not has_graph:
        raise ValueError(gettext("it ends before the network"))
    found = check_graph(view) if has_graph else Checked(False, False, ())
    external = tuple(sorted(set(_external(view, "model", 0)))) if found.outside else ()
    return FileFacts(ir_version, opset, producer, metadata, external, found.endless, found.divisors)


def _external(view: memoryview, message: str, depth: int) -> Iterator[str]:
    """Yield the paths of all tensors inside a message that lie in other files."""
    if depth > _DEEPEST:
        raise ValueError(gettext("its messages are nested more than {deepest} deep", deepest=_DEEPEST))
    if message == "tensor":
        for number, value in fields_of(view):
            if number == 13:  # external_data
                entry = dict(fields_of(message_of(value)))
                if text_of(entry.get(1, memoryview(b""))) == "location":
                    yield text_of(entry.get(2, memoryview(b"")))
        return
    inside = _TENSORS_IN[message]
    for number, value in fields_of(view):
        if number in inside:
            yield from _external(message_of(value), inside[number], depth + 1)
