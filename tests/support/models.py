"""Small ONNX files made by hand, without the package `onnx`: also for old Pythons and boards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .protobuf import Fields, serialize

__all__ = [
    "FLOAT",
    "INT64",
    "STRING",
    "TYPES",
    "attribute",
    "function",
    "graph",
    "model",
    "node",
    "tensor",
    "value",
]

FLOAT, UINT8, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE, UINT16, BFLOAT16 = 1, 2, 6, 7, 8, 9, 10, 11, 4, 16
TYPES = {
    "float32": 1,
    "uint8": 2,
    "int8": 3,
    "uint16": 4,
    "int16": 5,
    "int32": 6,
    "int64": 7,
    "bool": 9,
    "float16": 10,
    "float64": 11,
    "uint32": 12,
    "uint64": 13,
}


def attribute(name: str, given: Any) -> Fields:
    """Return an attribute: an int, float, text, ints, a tensor (array) or a graph (fields)."""
    head: Fields = [(1, 2, name.encode())]
    if isinstance(given, int):
        return [*head, (3, 0, int(given)), (20, 0, 2)]
    if isinstance(given, float):
        return [*head, (2, 5, np.float32(given).tobytes()), (20, 0, 1)]
    if isinstance(given, str):
        return [*head, (4, 2, given.encode()), (20, 0, 3)]
    if isinstance(given, np.ndarray):
        return [*head, (5, 2, tensor("", given)), (20, 0, 4)]
    if given and isinstance(given[0], int):
        return [*head, *((8, 0, number) for number in given), (20, 0, 7)]
    return [*head, (6, 2, given), (20, 0, 5)]


def node(
    kind: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **attributes: Any
) -> Fields:
    """Return a node."""
    fields: Fields = [(1, 2, each.encode()) for each in inputs] + [(2, 2, each.encode()) for each in outputs]
    fields += [(4, 2, kind.encode()), (7, 2, domain.encode())]
    return fields + [(5, 2, attribute(name, given)) for name, given in attributes.items()]


def tensor(name: str, array: Any) -> Fields:
    """Return a constant."""
    array = np.asarray(array)
    dims: Fields = [(1, 0, size) for size in array.shape]
    return [*dims, (2, 0, TYPES[str(array.dtype)]), (8, 2, name.encode()), (9, 2, array.tobytes())]


def value(name: str, shape: Sequence[Any] | None, dtype: int = FLOAT, kind: str = "tensor") -> Fields:
    """Return what declares an input or output: axes are sizes or names, `kind` "sequence" or "optional"."""
    tensor_type: Fields = [(1, 0, dtype)]
    if shape is not None:
        dims: Fields = [
            (1, 2, [(1, 0, size)] if isinstance(size, int) else [(2, 2, size.encode())]) for size in shape
        ]
        tensor_type.append((2, 2, dims))
    inner: Fields = [(1, 2, tensor_type)]
    outer = {"sequence": 4, "optional": 9}.get(kind)
    return [(1, 2, name.encode()), (2, 2, inner if outer is None else [(outer, 2, [(1, 2, inner)])])]


def graph(
    nodes: Sequence[Fields],
    inputs: Sequence[Fields],
    outputs: Sequence[Fields],
    constants: Sequence[Fields] = (),
) -> Fields:
    """Return a graph."""
    fields: Fields = [(1, 2, each) for each in nodes] + [(2, 2, b"g")]
    fields += [(5, 2, each) for each in constants]
    return fields + [(11, 2, each) for each in inputs] + [(12, 2, each) for each in outputs]


def function(
    name: str, inputs: Sequence[str], outputs: Sequence[str], nodes: Sequence[Fields], opset: int = 15
) -> Fields:
    """Return a function of the domain "own"."""
    fields: Fields = [(1, 2, name.encode())] + [(4, 2, each.encode()) for each in inputs]
    fields += [(5, 2, each.encode()) for each in outputs] + [(7, 2, each) for each in nodes]
    return [*fields, (9, 2, _opset("", opset)), (9, 2, _opset("own", 1)), (10, 2, b"own")]


def model(
    made: Fields,
    card: Any = None,
    opset: int = 13,
    functions: Sequence[Fields] = (),
    domains: Sequence[str] = (),
    ir_version: int = 7,
) -> bytes:
    """Return the bytes of a file.

    Args:
        made: The graph.
        card: A ModelCard, or text that stands in its place.
        opset: Of the standard operators.
        functions, domains: Functions, and further domains of operators, each in version 1.
        ir_version: Of the file format; functions need 8.
    """
    fields: Fields = [(1, 0, ir_version), (7, 2, made), (8, 2, _opset("", opset))]
    fields += [(8, 2, _opset(domain, 1)) for domain in domains]
    if card is not None:
        text = card if isinstance(card, str) else card.to_json()
        fields.append((14, 2, [(1, 2, b"onnxnn"), (2, 2, text.encode())]))
    return serialize(fields + [(25, 2, each) for each in functions])


def _opset(domain: str, version: int) -> Fields:
    return [(1, 2, domain.encode()), (2, 0, version)]
