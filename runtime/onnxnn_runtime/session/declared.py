"""What a graph declares about its inputs and outputs, read from its file.

Engines other than ONNX Runtime forget the names of free axes, by which it is known what belongs together: the
batch, and the axes of a cache. Field numbers are those of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
"""

from __future__ import annotations

from typing import Any, Iterator

from onnxnn_runtime.card.card import Axis

from .graph_fields import read_type
from .protobuf import fields_of, message_of, signed, text_of
from .states import Described

TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
}
"""Numbers in TensorProto.DataType -> NumPy's names, as `feeds.DTYPES` has them."""


def declared(data: bytes) -> tuple[Described, Described, Described]:
    """Return a graph's inputs, its outputs, and the inputs that have a default.

    A type that NumPy does not have is "tensor(N)" with its number, and "other" where it is no tensor. A shape
    is () for a scalar, and where none is declared.

    Args:
        data: An ONNX file that `inspect` has read.
    """
    graph = memoryview(b"")
    for number, value in fields_of(memoryview(data)):
        if number == 7:
            graph = message_of(value)
    inputs: Described = {}
    outputs: Described = {}
    initialized: set[str] = set()
    for number, value in fields_of(graph):
        if number in (11, 12):
            name, dtype = read_type(message_of(value))
            kind = TYPES.get(dtype, f"tensor({dtype})") if dtype else "other"
            (inputs if number == 11 else outputs)[name] = kind, tuple(_shape(message_of(value)))
        elif number == 5:
            initialized.update(text_of(each) for field, each in fields_of(message_of(value)) if field == 8)
    optional = {name: inputs.pop(name) for name in list(inputs) if name in initialized}
    return inputs, outputs, optional


def _shape(value_info: memoryview) -> Iterator[Axis]:
    """Yield the sizes in a ValueInfoProto: integers, and the names of free axes."""
    for dimension in _inside(value_info, 2, 1, 2, 1):
        size: Any = None  # as ONNX Runtime has it for an axis without a name
        for number, value in fields_of(dimension):
            if number == 1 and isinstance(value, int):
                size = signed(value)
            elif number == 2:
                size = text_of(value)
        yield size


def _inside(message: memoryview, *path: int) -> Iterator[memoryview]:
    """Yield the messages that lie in a message under fields of these numbers."""
    for number, value in fields_of(message):
        if number == path[0]:
            inner = message_of(value)
            if len(path) == 1:
                yield inner
            else:
                yield from _inside(inner, *path[1:])
