"""What an ONNX file says about itself, read without ONNX Runtime and without the package `onnx`.

An ONNX file is one protobuf message, `ModelProto`. Only the few fields that must be known before a
session is created are read here: the versions it asks for, its metadata, and whether it points to
other files. Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3,
the encoding is https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Iterator, Mapping, Tuple, Union

from .errors import InputError, MissingInputError

Field = Tuple[int, Union[int, memoryview]]

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


@dataclass(frozen=True)
class FileFacts:
    """What stands at the top of an ONNX file.

    Args:
        ir_version: Version of the file format.
        opset: Version of the operators, per domain ("" is the standard one).
        producer: The program that wrote the file.
        metadata: The author's own keys and texts.
        external: Paths of other files that hold weights, as the file names them.
    """

    ir_version: int
    opset: Mapping[str, int]
    producer: str
    metadata: Mapping[str, str]
    external: tuple[str, ...]


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
            raise InputError(f"load({path!r}): what fits is the path of a .onnx file, or its bytes.")
        self._path = None if isinstance(path, bytes) else os.fspath(path)
        if isinstance(path, bytes):
            self.name = f"the model of {len(path)} bytes"
            self.content = path
            return
        self.name = os.fspath(path)
        if not os.path.exists(path):
            raise MissingInputError(f"{self.name}: no such file.")
        if os.path.isdir(path):
            raise InputError(f"{self.name}: is a folder; what fits is a .onnx file.")
        try:
            self.content, self._state = self._read(self.name)
        except OSError as error:
            raise InputError(f"{self.name}: cannot be read ({error.strerror or error}).") from error

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

    @staticmethod
    def _read(path: str) -> tuple[bytes, tuple[int, int, int]]:
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            return file.read(), (state.st_ino, state.st_size, state.st_mtime_ns)


def inspect(data: bytes, name: str = "the model") -> FileFacts:
    """Read the facts of an ONNX file.

    Args:
        data: The whole file.
        name: What the error calls it.

    Raises:
        InputError: It is no ONNX file, or it is cut short.
    """
    if data.startswith(b"PK\x03\x04"):
        raise InputError(
            f"{name}: is a checkpoint or another zip file, no ONNX file. A checkpoint becomes one by "
            f"`onnxnn export {name} -o FILE.onnx`, which needs the training package."
        )
    try:
        facts = _inspect(data)
    except (IndexError, ValueError, TypeError) as error:
        raise InputError(
            f"{name}: {len(data)} bytes arrive that are no complete ONNX file ({error}). "
            "Copy or download it again, or export it anew."
        ) from error
    if not facts.ir_version or not facts.opset:
        raise InputError(f"{name}: no ONNX file. What fits is a .onnx file, as `export` writes it.")
    return facts


def _inspect(data: bytes) -> FileFacts:
    ir_version, producer, has_graph = 0, "", False
    opset: dict[str, int] = {}
    metadata: dict[str, str] = {}
    view = memoryview(data)
    for number, value in _fields(view):
        if number == 1 and isinstance(value, int):
            ir_version = value
        elif number == 2:
            producer = _text(value)
        elif number == 7:
            has_graph = True
        elif number == 8:
            entry = dict(_fields(_message(value)))
            version = entry.get(2, 0)
            opset[_text(entry.get(1, memoryview(b"")))] = version if isinstance(version, int) else 0
        elif number == 14:
            entry = dict(_fields(_message(value)))
            metadata[_text(entry.get(1, memoryview(b"")))] = _text(entry.get(2, memoryview(b"")))
    if ir_version and not has_graph:
        raise ValueError("it ends before the network")
    # A tensor in another file names it under the key "location", so most files need no closer look.
    external = tuple(sorted(set(_external(view, "model")))) if b"location" in data else ()
    return FileFacts(ir_version, opset, producer, metadata, external)


def _external(view: memoryview, message: str) -> Iterator[str]:
    """Yield the paths of all tensors inside a message that lie in other files."""
    if message == "tensor":
        for number, value in _fields(view):
            if number == 13:  # external_data
                entry = dict(_fields(_message(value)))
                if _text(entry.get(1, memoryview(b""))) == "location":
                    yield _text(entry.get(2, memoryview(b"")))
        return
    inside = _TENSORS_IN[message]
    for number, value in _fields(view):
        if number in inside:
            yield from _external(_message(value), inside[number])


def _fields(view: memoryview) -> Iterator[Field]:
    """Yield (field number, whole number or bytes) of one protobuf message."""
    position, end = 0, len(view)
    while position < end:
        key, position = _varint(view, position)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ValueError("a field has the number 0")
        if wire == 0:
            value, position = _varint(view, position)
            yield number, value
            continue
        if wire == 2:
            size, position = _varint(view, position)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"unknown wire type {wire}")
        if position + size > end:
            raise ValueError(f"{position + size - end} bytes are missing at the end")
        yield number, view[position : position + size]
        position += size


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if shift > 63:
            raise ValueError("a number is too long")
        byte = view[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number stands where a message should")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode("utf-8")
