"""Nodes, attributes and tensors of an ONNX graph, read without the package `onnx`.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Mapping, NamedTuple, Sequence

from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from .protobuf import Value, fields_of, floats_of, int32_of, message_of, numbers_of, signed, text_of

INTEGERS = (2, 3, 4, 5, 6, 7, 12, 13)
"""Numbers of types in TensorProto.DataType."""

_CODES = {1: "f", 2: "B", 3: "b", 4: "H", 5: "h", 6: "i", 7: "q", 9: "B", 11: "d", 12: "I", 13: "Q"}
SMALL = 256
"""Numbers in the largest tensor whose numbers are read."""


@dataclass
class Node:
    """One node.

    `attributes` are their names and bytes; `graphs` are those inside them, such as a loop's body; `given` are
    the attributes of the call, by name, where it stands in a function.
    """

    domain: str = ""
    kind: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: list[tuple[str, memoryview]] = field(default_factory=list)
    given: Mapping[str, memoryview] = field(default_factory=dict)
    graphs: list[memoryview] = field(default_factory=list)


@dataclass
class Attribute:
    """An attribute: a number, numbers, a count of texts, or a tensor.

    `kind` is its number in AttributeProto.AttributeType.
    """

    kind: int = 0
    number: Any = None
    numbers: list[Any] = field(default_factory=list)
    texts: int = 0
    tensor: Any = None
    sparse: Any = None


class Tensor(NamedTuple):
    """A constant; its numbers where it is small, else None; `outside` where they may lie in another file."""

    name: str
    dims: list[int]
    dtype: int
    values: Sequence[float] | None = None
    outside: bool = False


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
            name, graphs = named(attribute)
            node.attributes.append((name, attribute))
            node.graphs += graphs
        elif number == 4:
            node.kind = text_of(value)
        elif number == 7:
            domain = text_of(value)
            node.domain = "" if domain == "ai.onnx" else domain
    return node


def named(attribute: memoryview) -> tuple[str, list[memoryview]]:
    """Return the name of an AttributeProto, and the graphs in it.

    Raises:
        ValueError: Its one graph stands twice: protobuf would merge them.
    """
    name, graphs, alone = "", [], 0
    for number, value in fields_of(attribute):
        if number == 1:
            name = text_of(value)
        elif number in (6, 11):
            graphs.append(message_of(value))
            alone += number == 6
    if alone > 1:
        raise ValueError(gettext("a graph stands twice"))
    return name, graphs


def attributes_of(node: Node, *names: str) -> dict[str, Attribute]:
    """Return those attributes of a node that have one of the names.

    Raises:
        ValueError: One stands twice, or holds another value than its type says.
    """
    found: dict[str, Attribute] = {}
    for name, data in node.attributes:
        if name not in names:
            continue
        if name in found:
            raise ValueError(gettext("the attribute {name} stands twice", name=shortened(name)))
        value = resolved(data, node.given)
        if value is not None:
            found[name] = _read_attribute(value)
    return found


def resolved(attribute: memoryview, given: Mapping[str, memoryview]) -> memoryview | None:
    """Return an attribute, or that of the call to which it refers; None where the call has none.

    Args:
        attribute: An AttributeProto.
        given: The call's attributes by name, resolved.
    """
    source = ""
    for number, value in fields_of(attribute):
        if number == 21:
            source = text_of(value)
    return given.get(source) if source else attribute


_FIELDS = {2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 8: 7, 9: 8, 10: 9, 11: 10, 22: 11, 23: 12, 14: 13, 15: 14}
"""Fields that hold an attribute's value -> their type's number in AttributeProto.AttributeType."""


def _read_attribute(data: memoryview) -> Attribute:
    found = Attribute()
    held = set()
    for number, value in fields_of(data):
        held.add(_FIELDS.get(number, 0))
        if number == 2 and isinstance(value, bytes):
            (found.number,) = floats_of(value)
        elif number == 3 and isinstance(value, int):
            found.number = signed(value)
        elif number == 8:
            found.numbers.extend(numbers_of(value))
        elif number == 7:
            found.numbers.extend(floats_of(value))
        elif number == 9:
            found.texts += 1
        elif number == 5:
            found.tensor = _once(found.tensor, value)
        elif number == 22:
            found.sparse = _once(found.sparse, value)
        elif number == 20:
            found.kind = int32_of(value)
    held.discard(0)
    found.kind = found.kind or next(iter(held), 0)
    if held - {found.kind}:  # ONNX Runtime reads the constants of some nodes by the type alone
        raise ValueError(gettext("an attribute holds another value than its type says"))
    if found.kind in (1, 2) and found.number is None:  # proto3 leaves out what is 0
        found.number = 0
    return found


def _once(before: memoryview | None, value: Value) -> memoryview:
    """Return a message that may stand once; protobuf would merge two, which no writer of files asks for."""
    if before is not None:
        raise ValueError(gettext("a message stands twice"))
    return message_of(value)


def read_tensor(data: memoryview) -> Tensor:
    """Read a TensorProto."""
    name, dtype = "", 0
    dims: list[int] = []
    stored: list[tuple[int, Value]] = []
    raw = None
    outside = False
    for number, value in fields_of(data):
        if number == 1:
            dims.extend(numbers_of(value))
        elif number == 2:
            dtype = int32_of(value)
        elif number == 8:
            name = text_of(value)
        elif number == 9:
            raw = message_of(value)
        elif number == 13:
            outside = True
        elif number in (4, 5, 7, 10, 11):
            stored.append((number, value))
    values = _numbers_in(dtype, raw, stored) if product(dims) <= SMALL else None
    return Tensor(name, dims, dtype, values, outside)


def product(sizes: Sequence[float]) -> float:
    """Return the product of sizes; negative ones count as 0."""
    result = 1.0
    for size in sizes:
        result *= max(float(size), 0.0)
    return result


_STORED = {1: 4, 2: 5, 3: 5, 4: 5, 5: 5, 6: 5, 7: 7, 9: 5, 11: 10, 12: 11, 13: 11}
"""Types in TensorProto.DataType -> the field that holds their numbers, where they are not raw."""


def _numbers_in(dtype: int, raw: memoryview | None, stored: Sequence[tuple[int, Value]]) -> list[Any]:
    """Return the numbers of a small tensor; none where they are of another type, or too many."""
    if raw is not None:
        raw = raw[: 8 * SMALL]
        count = len(raw) // struct.calcsize(_CODES.get(dtype, "q"))
        return list(struct.unpack_from(f"<{count}{_CODES[dtype]}", raw)) if dtype in _CODES else []
    values: list[Any] = []
    for number, value in stored:
        if number != _STORED.get(dtype):
            continue
        if not isinstance(value, int) and len(value) > 10 * SMALL:
            return []
        if number in (4, 10):
            values.extend(floats_of(value, "f" if number == 4 else "d"))
        elif number == 11:
            values.extend(each & (2**64 - 1) for each in numbers_of(value))
        else:
            values.extend(numbers_of(value))
        if len(values) > SMALL:
            return []
    return values


def read_type(data: memoryview) -> tuple[str, int]:
    """Return the name and the type's number of a ValueInfoProto; 0 where it is no tensor.

    Raises:
        ValueError: Its type stands twice.
    """
    name, dtype = "", 0
    declared = None
    for number, value in fields_of(data):
        if number == 1:
            name = text_of(value)
        elif number == 2:
            declared = _once(declared, value)
    tensor = None
    for number, value in fields_of(declared or memoryview(b"")):
        if number == 1:
            tensor = _once(tensor, value)
        elif number in (4, 5, 7, 8, 9):  # sequence, map, opaque, sparse, optional: the last one stands
            return name, 0
    for number, value in fields_of(tensor or memoryview(b"")):
        if number == 1:
            dtype = int32_of(value)
    return name, dtype
