"""Nodes, attributes and tensors of an ONNX graph, read without the package `onnx`.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

import struct
from typing import Any, Mapping, Sequence

from .protobuf import fields_of, message_of, numbers_of, signed, text_of

__all__ = [
    "FLOATS",
    "INTEGERS",
    "Attribute",
    "Node",
    "Tensor",
    "attributes_of",
    "read_name",
    "read_node",
    "read_tensor",
    "read_type",
]

INTEGERS = (2, 3, 4, 5, 6, 7, 12, 13)
FLOATS = (1, 10, 11, 16)
"""Numbers of types in TensorProto.DataType."""

_CODES = {1: "f", 2: "B", 3: "b", 4: "H", 5: "h", 6: "i", 7: "q", 9: "B", 11: "d", 12: "I", 13: "Q"}
_SMALL = 256
"""Numbers in the largest tensor whose numbers are read."""


class Node:
    """One node.

    `graphs` are those inside its attributes, such as a loop's body; `given` are the attributes of the call,
    by name, where it stands in a function.
    """

    def __init__(self) -> None:
        self.domain = ""
        self.kind = ""
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.attributes: list[memoryview] = []
        self.given: Mapping[str, memoryview] = {}
        self.graphs: list[memoryview] = []


class Attribute:
    """An attribute: a number, numbers, a count of texts, a tensor, or the call's attribute named `source`."""

    def __init__(self) -> None:
        self.name = ""
        self.source = ""
        self.number: Any = None
        self.numbers: list[Any] = []
        self.texts = 0
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


def attributes_of(node: Node, *names: str) -> dict[str, Attribute]:
    """Return those attributes of a node that have one of the names.

    Raises:
        ValueError: One stands twice.
    """
    found = {}
    for data in node.attributes:
        each = _read_attribute(data)
        if each.name not in names:
            continue
        if each.name in found:
            raise ValueError(f"an attribute {each.name!r} stands twice")
        if each.source:
            if each.source not in node.given:
                continue
            name, each = each.name, _read_attribute(node.given[each.source])
            each.name = name
        found[each.name] = each
    return found


def read_name(data: memoryview) -> str:
    """Return the name of an AttributeProto."""
    return _read_attribute(data).name


def _read_attribute(data: memoryview) -> Attribute:
    found = Attribute()
    for number, value in fields_of(data):
        if number == 1:
            found.name = text_of(value)
        elif number == 2:
            found.number = next(iter(_unpacked("f", message_of(value))))
        elif number == 3 and isinstance(value, int):
            found.number = signed(value)
        elif number == 8:
            found.numbers.extend(numbers_of(value))
        elif number == 7:
            found.numbers.extend(_unpacked("f", message_of(value)))
        elif number == 9:
            found.texts += 1
        elif number == 5:
            found.tensor = _once(found.tensor, value)
        elif number == 22:
            found.sparse = _once(found.sparse, value)
        elif number == 21:
            found.source = text_of(value)
    return found


def _once(before: memoryview | None, value: int | memoryview) -> memoryview:
    """Return a message that may stand once; protobuf would merge two, which no writer of files asks for."""
    if before is not None:
        raise ValueError("a message stands twice")
    return message_of(value)


def read_tensor(data: memoryview) -> Tensor:
    """Read a TensorProto."""
    name, dtype = "", 0
    dims: list[int] = []
    stored: list[tuple[int, int | memoryview]] = []
    raw = None
    outside = False
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
        elif number in (4, 5, 7, 10, 11) and len(stored) <= _SMALL:
            stored.append((number, value))
    values = _numbers_in(dtype, raw, stored) if _count(dims) <= _SMALL else None
    return Tensor(name, dims, dtype, values, outside)


def _count(dims: Sequence[int]) -> float:
    result = 1.0
    for size in dims:
        result *= max(size, 0)
    return result


def _numbers_in(dtype: int, raw: memoryview | None, stored: Sequence[tuple[int, Any]]) -> list[Any]:
    if raw is not None:
        return list(_unpacked(_CODES[dtype], raw[: 8 * _SMALL])) if dtype in _CODES else []
    values: list[Any] = []
    for number, value in stored:
        if not isinstance(value, int):
            value = value[: 10 * _SMALL]
        if number in (4, 10):
            values.extend(_unpacked("f" if number == 4 else "d", message_of(value)))
        elif number == 11:
            values.extend(each & (2**64 - 1) for each in numbers_of(value))
        else:
            values.extend(numbers_of(value))
    return values


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
