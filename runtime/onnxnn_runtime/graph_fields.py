"""Nodes, attributes and tensors of an ONNX graph, read without the package `onnx`.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

import struct
from typing import Any, Sequence

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


class Node:
    """One node; `graphs` are those inside its attributes, such as a loop's body."""

    def __init__(self) -> None:
        self.domain = ""
        self.kind = ""
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.attributes: list[memoryview] = []
        self.graphs: list[memoryview] = []


class Attribute:
    """An attribute that is a number, numbers or a tensor."""

    def __init__(self) -> None:
        self.name = ""
        self.numbers: list[Any] = []
        self.tensor: Any = None
        self.sparse: Any = None


class Tensor:
    """A constant; its numbers where it is small, else None; `outside` where they may lie in another file."""

    def __init__(
        self, name: str, dims: list[int], dtype: int, values: Any = None, outside: bool = False
    ) -> None:
        self.name = name
        self.dims = dims
        self.dtype = dtype
        self.values = values
        self.outside = outside


def read_node(data: memoryview) -> Node:
    """Read a NodeProto."""
    node = Node()
    for number, value in fields_of(data):
        if number == 1:
            node.inputs.append(text_of(value))
        elif number == 2:
            node.outputs.append(text_of(value))
        elif number == 5:
            attribute = message_of(value)
            node.attributes.append(attribute)
            if not _GRAPH_KEYS.isdisjoint(attribute):
                node.graphs += [message_of(inside) for key, inside in fields_of(attribute) if key in (6, 11)]
        elif number == 4:
            node.kind = text_of(value)
        elif number == 7:
            domain = text_of(value)
            node.domain = "" if domain == "ai.onnx" else domain
    return node


_GRAPH_KEYS = frozenset([0x32, 0xB2, 0x5A, 0xDA])
"""The bytes with which a field 6 or 11 begins, with and without more bytes of its key: most attributes hold
none of them, and are not looked at closer."""


def read_attribute(data: memoryview) -> Attribute:
    """Read an AttributeProto."""
    found = Attribute()
    for number, value in fields_of(data):
        if number == 1:
            found.name = text_of(value)
        elif number == 3 and isinstance(value, int):
            found.numbers.append(signed(value))
        elif number == 8:
            found.numbers.extend(numbers_of(value))
        elif number in (2, 7):
            found.numbers.extend(_unpacked("f", message_of(value)))
        elif number == 5:
            found.tensor = message_of(value)
        elif number == 22:
            found.sparse = message_of(value)
    return found


def read_tensor(data: memoryview) -> Tensor:
    """Read a TensorProto."""
    name, dtype = "", 0
    dims: list[int] = []
    values: list[Any] = []
    raw = None
    outside = False
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
        elif number == 13:
            outside = True
        elif is_small and number in (5, 7):
            values.extend(numbers_of(value))
        elif is_small and number == 4:
            values.extend(_unpacked("f", message_of(value)))
    if is_small and raw is not None:
        values = list(_unpacked(_CODES[dtype], raw)) if dtype in _CODES else []
    return Tensor(name, dims, dtype, values if is_small else None, outside)


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
