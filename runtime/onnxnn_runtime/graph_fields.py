"""Nodes, attributes and tensors of an ONNX graph, read without the package `onnx`.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple, Sequence

from .protobuf import fields_of, message_of, numbers_of, signed, text_of

__all__ = [
    "FLOATS",
    "INTEGERS",
    "Attribute",
    "Node",
    "Tensor",
    "read_attribute",
    "read_node",
    "read_tensor",
    "read_type",
]

INTEGERS = (2, 3, 4, 5, 6, 7, 12, 13)
FLOATS = (1, 10, 11, 16)
"""Numbers of types in TensorProto.DataType."""

_CODES = {1: "f", 2: "B", 3: "b", 4: "H", 5: "h", 6: "i", 7: "q", 11: "d", 12: "I", 13: "Q"}
_SMALL = 1024
"""Bytes of the largest tensor whose numbers are read."""


class Node(NamedTuple):
    """One node; `graphs` are those inside its attributes, such as a loop's body."""

    domain: str
    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: list[memoryview]
    graphs: list[memoryview]


class Attribute(NamedTuple):
    """An attribute that is a number, numbers or a tensor."""

    name: str
    numbers: list[Any]
    tensor: Any
    sparse: Any


class Tensor(NamedTuple):
    """A constant; its numbers where it is small, else None."""

    name: str
    dims: list[int]
    dtype: int
    values: Any


def read_node(data: memoryview) -> Node:
    """Read a NodeProto."""
    texts: dict[int, list[str]] = {1: [], 2: [], 4: [], 7: []}
    attributes: list[memoryview] = []
    graphs: list[memoryview] = []
    for number, value in fields_of(data):
        if number in texts:
            texts[number].append(text_of(value))
        elif number == 5:
            attribute = message_of(value)
            attributes.append(attribute)
            graphs += [message_of(inside) for key, inside in fields_of(attribute) if key in (6, 11)]
    kind, domain = (texts[number][-1] if texts[number] else "" for number in (4, 7))
    return Node("" if domain == "ai.onnx" else domain, kind, texts[1], texts[2], attributes, graphs)


def read_attribute(data: memoryview) -> Attribute:
    """Read an AttributeProto."""
    name, tensor, sparse = "", None, None
    numbers: list[Any] = []
    for number, value in fields_of(data):
        if number == 1:
            name = text_of(value)
        elif number == 3 and isinstance(value, int):
            numbers.append(signed(value))
        elif number == 8:
            numbers.extend(numbers_of(value))
        elif number in (2, 7):
            numbers.extend(_unpacked("f", message_of(value)))
        elif number == 5:
            tensor = message_of(value)
        elif number == 22:
            sparse = message_of(value)
    return Attribute(name, numbers, tensor, sparse)


def read_tensor(data: memoryview) -> Tensor:
    """Read a TensorProto."""
    name, dtype = "", 0
    dims: list[int] = []
    values: list[Any] = []
    raw = None
    is_small = len(data) <= _SMALL
    for number, value in fields_of(data):
        if number == 1:
            dims.extend(numbers_of(value))
        elif number == 2 and isinstance(value, int):
            dtype = value
        elif number == 8:
            name = text_of(value)
        elif number == 9:
            raw = message_of(value)
        elif is_small and number in (5, 7):
            values.extend(numbers_of(value))
        elif is_small and number == 4:
            values.extend(_unpacked("f", message_of(value)))
    if is_small and raw is not None:
        values = list(_unpacked(_CODES[dtype], raw)) if dtype in _CODES else []
    return Tensor(name, dims, dtype, values if is_small else None)


def read_type(data: memoryview) -> tuple[str, int]:
    """Return the name and the type's number of a ValueInfoProto; 0 where it is no tensor."""
    name, dtype = "", 0
    for number, value in fields_of(data):
        if number == 1:
            name = text_of(value)
        elif number == 2:
            for kind, inside in fields_of(message_of(value)):
                if kind == 1:
                    found = dict(fields_of(message_of(inside))).get(1, 0)
                    dtype = found if isinstance(found, int) else 0
    return name, dtype


def _unpacked(code: str, data: memoryview) -> Sequence[Any]:
    count = len(data) // struct.calcsize(code)
    return struct.unpack_from(f"<{count}{code}", data)
