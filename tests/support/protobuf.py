"""ONNX files as trees of fields, to be changed anywhere and written again."""

from __future__ import annotations

from typing import Any, List, Tuple

__all__ = ["SCHEMA", "Fields", "parse", "serialize"]

# Where a message stands in a message, as in onnx.proto3: message -> {field number: message}.
SCHEMA: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 14: "entry", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value", 13: "value", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 14: "type"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "value": {2: "type"},
    "type": {1: "tensor_type", 4: "sequence_type", 9: "sequence_type"},
    "sequence_type": {1: "type"},
    "tensor_type": {2: "shape"},
    "shape": {1: "dim"},
    "dim": {},
    "opset": {},
    "entry": {},
    "training": {1: "graph", 2: "graph"},
}

Fields = List[Tuple[int, int, Any]]
"""(field number, wire type, value): an integer, bytes, or the fields of the message that stands there."""


def parse(data: bytes, message: str = "model") -> Fields:
    """Return the fields of a whole message."""
    fields: Fields = []
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, position = _varint(data, position)
            fields.append((number, wire, value))
            continue
        size, position = _varint(data, position) if wire == 2 else ({1: 8, 5: 4}[wire], position)
        inside = data[position : position + size]
        position += size
        child = SCHEMA[message].get(number) if wire == 2 else None
        fields.append((number, wire, inside if child is None else parse(inside, child)))
    return fields


def serialize(fields: Fields) -> bytes:
    """Return the bytes of a message."""
    parts = bytearray()
    for number, wire, value in fields:
        parts += _number(number << 3 | wire)
        if wire == 0:
            parts += _number(value)
            continue
        inside = serialize(value) if isinstance(value, list) else bytes(value)
        if wire == 2:
            parts += _number(len(inside))
        parts += inside
    return bytes(parts)


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _number(value: int) -> bytes:
    value &= 2**64 - 1
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
