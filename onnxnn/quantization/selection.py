"""Which nodes of a graph are computed in integers.

Convolutions and matrix products with constant weights are, and what lies between two of them. What comes
before the first and after the last stays in float: preprocessing, the feature vector, the last matrix product
and softmax. A probability in steps of 1/255 would be of little use, and ONNX Runtime 1.13 returns None for
an output that it removed while it fused the nodes around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from onnx import GraphProto, ModelProto, NodeProto, TensorProto

WEIGHTED = ("Conv", "Gemm", "MatMul")
"""Operators that are faster in integers."""

_BETWEEN = (
    *("Add", "Concat", "Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool"),
    *("Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"),
)
"""Operators that keep integers between two of those."""

PREPARATION = "preprocess/"
"""How the names of nodes begin that prepare images in the graph."""

TYPES = (*WEIGHTED, *_BETWEEN)
"""All operators that may be computed in integers."""

_RECTIFIERS = ("Relu", "Clip")
"""Operators that a quantised convolution computes itself."""


@dataclass(frozen=True)
class Selection:
    """The nodes that are computed in integers.

    Args:
        nodes: The names of all of them, in order.
        weighted: Those with weights, in order.
        kept: Names of nodes with weights that stay in float.
    """

    nodes: tuple[str, ...]
    weighted: tuple[str, ...]
    kept: tuple[str, ...]


def is_depthwise(node: NodeProto) -> bool:
    """Return whether a node is a convolution in groups, each of which reads a few channels."""
    return node.op_type == "Conv" and groups_of(node) > 1


def groups_of(node: NodeProto) -> int:
    """Return in how many groups a convolution divides its channels."""
    return next((int(each.i) for each in node.attribute if each.name == "group"), 1)


def output_axis(node: NodeProto) -> int:
    """Return along which axis of its weights the outputs of a convolution, Gemm or MatMul lie."""
    if node.op_type == "Conv":
        return 0
    return 0 if any(each.name == "transB" and each.i for each in node.attribute) else 1


def name_nodes(graph: GraphProto) -> None:
    """Give every node without a name, or with one that occurs twice, a name of its own."""
    names: set[str] = set()
    for number, node in enumerate(graph.node):
        if not node.name or node.name in names:
            node.name = f"{node.op_type}_{number}"
        while node.name in names:
            node.name += "_"
        names.add(node.name)


def select(model: ModelProto, in_float: Sequence[str] = ()) -> Selection:
    """Return which nodes of a model are computed in integers.

    Args:
        model: Its nodes have names.
        in_float: Names of nodes with weights that stay in float, beside the last matrix products.
    """
    graph = model.graph
    known = {tensor.name: tensor for tensor in graph.initializer}
    nodes = list(graph.node)
    heads = _last_products(graph, known)
    weighted = [node.name for node in nodes if _has_weights(node, known)]
    chosen = {name for name in weighted if name not in heads and name not in in_float}
    before, after = _reached(nodes, chosen), _reaching(nodes, chosen)
    selected = [
        node.name
        for node in nodes
        if node.name in chosen
        or (node.op_type in _BETWEEN and node.name in before and node.name in after and _is_free(node, known))
        or _is_rectifier_of(node, nodes, chosen)
    ]
    return Selection(
        tuple(selected),
        tuple(name for name in weighted if name in chosen),
        tuple(name for name in weighted if name not in chosen),
    )


def _has_weights(node: NodeProto, known: dict[str, TensorProto]) -> bool:
    """Return whether a node multiplies its input with constant float32 weights."""
    if node.op_type not in WEIGHTED or node.domain or len(node.input) < 2 or node.input[0] in known:
        return False
    weights = known.get(node.input[1])
    return weights is not None and weights.data_type == TensorProto.FLOAT and len(weights.dims) >= 2


def _is_free(node: NodeProto, known: dict[str, TensorProto]) -> bool:
    """Return whether a node adds or joins values alone, and no constants."""
    return node.op_type not in ("Add", "Concat") or not any(name in known for name in node.input)


def _is_rectifier_of(node: NodeProto, nodes: Sequence[NodeProto], chosen: set[str]) -> bool:
    """Return whether a node is the activation right after a chosen one, which has no other reader."""
    if node.op_type not in _RECTIFIERS:
        return False
    value = node.input[0]
    readers = sum(value in values_read(other) for other in nodes)
    return readers == 1 and any(value in other.output and other.name in chosen for other in nodes)


def _last_products(graph: GraphProto, known: dict[str, TensorProto]) -> set[str]:
    """Return the matrix products from which an output is reached without another node with weights."""
    wanted = {value.name for value in graph.output}
    found = set()
    for node in reversed(graph.node):
        if not wanted & set(node.output):
            continue
        if not _has_weights(node, known):
            wanted |= set(values_read(node))
        elif node.op_type != "Conv":
            found.add(node.name)
    return found


def _reached(nodes: Sequence[NodeProto], chosen: set[str]) -> set[str]:
    """Return the names of nodes after a chosen one."""
    values: set[str] = set()
    found = set()
    for node in nodes:
        if values & set(values_read(node)):
            found.add(node.name)
        if node.name in found or node.name in chosen:
            values |= set(node.output)
    return found


def _reaching(nodes: Sequence[NodeProto], chosen: set[str]) -> set[str]:
    """Return the names of nodes before a chosen one."""
    values: set[str] = set()
    found = set()
    for node in reversed(nodes):
        if values & set(node.output):
            found.add(node.name)
        if node.name in found or node.name in chosen:
            values |= set(values_read(node))
    return found


def values_read(node: NodeProto) -> Iterator[str]:
    """Yield the values that a node reads, in graphs inside it, too."""
    yield from filter(None, node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from values_read(inner)
            yield from (value.name for value in graph.output)


def readers_of(graph: GraphProto) -> Callable[[str], list[NodeProto]]:
    """Return a function that lists the nodes which read a value."""
    found: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in set(values_read(node)):
            found.setdefault(name, []).append(node)
    return lambda name: found.get(name, [])
