"""Custom operators: nodes of domains that neither ONNX nor ONNX Runtime has."""

from __future__ import annotations

from typing import Iterator

from .graph_fields import Node, read_node
from .protobuf import fields_of, message_of, text_of

DOMAINS = frozenset(
    (
        "",
        "ai.onnx",
        "ai.onnx.ml",
        "ai.onnx.training",
        "ai.onnx.preview",
        "ai.onnx.preview.training",
        "com.microsoft",
        "com.microsoft.dml",
        "com.microsoft.experimental",
        "com.microsoft.nchwc",
        "com.ms.internal.nhwc",
        "org.pytorch.aten",
    )
)
"""The domains of ONNX and of ONNX Runtime, as its include/onnxruntime/core/graph/constants.h lists them."""


def foreign_operators(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield (domain, operator) of each node of another domain that is no function of the file.

    Args:
        data: An ONNX file that `inspect` has read; b"" holds none.
    """
    nodes: list[Node] = []
    functions = set()
    for number, value in fields_of(memoryview(data)):
        if number == 7:
            nodes += _nodes_of(message_of(value), 1)
        elif number == 25:
            name = domain = ""
            for inside, part in fields_of(message_of(value)):
                if inside == 1:
                    name = text_of(part)
                elif inside == 10:
                    domain = text_of(part)
            functions.add((domain, name))
            nodes += _nodes_of(message_of(value), 7)
    for node in nodes:
        if node.domain not in DOMAINS and (node.domain, node.kind) not in functions:
            yield node.domain, node.kind


def _nodes_of(message: memoryview, field: int) -> Iterator[Node]:
    """Yield the nodes in a field of a graph or a function, and those of the graphs inside them."""
    for number, value in fields_of(message):
        if number == field:
            node = read_node(message_of(value))
            yield node
            for graph in node.graphs:
                yield from _nodes_of(graph, 1)
