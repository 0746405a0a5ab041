"""In which smaller numbers a file computes, whoever wrote it: read from its operators, casts and weights."""

from __future__ import annotations

from typing import Iterator

from .graph_fields import Node, attributes_of, read_node, read_tensor
from .protobuf import fields_of, message_of

_INTEGER_OPERATORS = frozenset(
    ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")
)
"""The operators of ONNX for integers; those of ONNX Runtime are known by their beginnings."""

_INTEGER_BEGINNINGS = (
    *("QLinear", "QGemm", "QAttention", "MatMulNBits", "MatMulIntegerToFloat", "DynamicQuantize"),
)

_SMALL_FLOATS = (10, 16)
"""float16 and bfloat16 in TensorProto.DataType."""


def small_precision(content: bytes) -> str:
    """Return in which smaller numbers a file computes: "int8", "fp16", or "" for none of them.

    Args:
        content: An ONNX file that `inspect` has read.
    """
    found = ""
    for number, value in fields_of(memoryview(content)):
        if number == 7:
            for part in _precisions_in(message_of(value)):
                if part == "int8":
                    return part
                found = part
    return found


def _precisions_in(graph: memoryview) -> Iterator[str]:
    """Yield the precision of each operator and weight that has one, in a graph and those inside it."""
    for number, value in fields_of(graph):
        if number == 1:
            node = read_node(message_of(value))
            if node.kind in _INTEGER_OPERATORS or node.kind.startswith(_INTEGER_BEGINNINGS):
                yield "int8"
            elif node.kind == "Cast" and _type_of_cast(node) in _SMALL_FLOATS:
                yield "fp16"
            for inner in node.graphs:
                yield from _precisions_in(inner)
        elif number == 5 and read_tensor(message_of(value)).dtype in _SMALL_FLOATS:
            yield "fp16"


def _type_of_cast(node: Node) -> object:
    to = attributes_of(node, "to").get("to")
    return None if to is None else to.number
