"""Splits with many outputs become Slices, in graphs that others wrote: see `MOST_PARTS` of `nodes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from .nodes import MOST_PARTS

_SLICE_TAKES_INPUTS = 10
"""The first opset in which Slice takes its bounds as inputs."""

Constant = Callable[[str, Sequence[int]], str]
"""(role, integers) -> the name of a constant (N,), int64."""


def cut_wide_splits(model: ModelProto, most: int = MOST_PARTS) -> ModelProto:
    """Return a model in which no Split has more outputs than this, and which computes the same.

    A Split whose sizes are themselves computed, and before opset 10 one whose sizes are unknown, stays.

    Args:
        model: The model; it is left as it is.
        most: The most outputs.
    """
    if not any(_is_wide(node, most) for graph in _graphs(model.graph) for node in graph.node):
        return model
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    found = onnx.shape_inference.infer_shapes(model)
    numbers: dict[str, Sequence[int]] = {}
    for graph in _graphs(found.graph):
        _cut(graph, most, opset, numbers)
        del graph.value_info[:]
    return found


def _is_wide(node: NodeProto, most: int) -> bool:
    return node.op_type == "Split" and not node.domain and len(node.output) > most


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield a graph and those inside it, outer ones first."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _graphs(inner)


def _cut(graph: GraphProto, most: int, opset: int, outer: dict[str, Sequence[int]]) -> None:
    """Replace the Splits of one graph.

    Args:
        graph: The graph; it is changed.
        most: The most outputs of a Split.
        opset: Its opset.
        outer: The integers that graphs around it hold; those of this one are added.
    """
    outer.update(_integers(graph))
    shapes = {value.name: value.type.tensor_type.shape for value in (*graph.value_info, *graph.output)}
    nodes: list[NodeProto] = []
    for node in graph.node:
        if not _is_wide(node, most):
            nodes.append(node)
            continue
        axis = next((int(each.i) for each in node.attribute if each.name == "axis"), 0)
        sizes = _sizes(node, outer) or _shaped(node, shapes, axis)
        given = len(node.input) > 1 and node.input[1] != ""
        if sizes is None and (given or opset < _SLICE_TAKES_INPUTS):
            nodes.append(node)
        elif opset < _SLICE_TAKES_INPUTS:
            nodes += _old_slices(node, axis, sizes or ())
        else:
            nodes += _slices(node, axis, sizes, graph)
    copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _integers(graph: GraphProto) -> dict[str, Sequence[int]]:
    """Return the int64 constants (N,) of a graph by their names."""
    tensors = {each.name: each for each in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensors[node.output[0]] = node.attribute[0].t
    return {
        name: [int(each) for each in numpy_helper.to_array(tensor)]
        for name, tensor in tensors.items()
        if tensor.data_type == TensorProto.INT64 and len(tensor.dims) == 1
    }


def _sizes(node: NodeProto, numbers: dict[str, Sequence[int]]) -> Sequence[int] | None:
    """Return the sizes of the parts as the node itself has them."""
    if len(node.input) > 1:
        return numbers.get(node.input[1])
    return next((list(each.ints) for each in node.attribute if each.name == "split"), None)


def _shaped(node: NodeProto, shapes: dict[str, onnx.TensorShapeProto], axis: int) -> Sequence[int] | None:
    """Return the sizes of the parts as shape inference knows them."""
    found = [shapes[name].dim for name in node.output if name in shapes]
    if len(found) < len(node.output) or not all(-len(dims) <= axis < len(dims) for dims in found):
        return None
    known = [dims[axis].dim_value for dims in found if dims[axis].HasField("dim_value")]
    return known if len(known) == len(found) else None


def _old_slices(node: NodeProto, axis: int, sizes: Sequence[int]) -> Iterator[NodeProto]:
    bounds = [0, *np.cumsum(sizes).tolist()]
    for i, name in enumerate(node.output):
        if name:
            start, end = bounds[i : i + 1], bounds[i + 1 : i + 2]
            yield helper.make_node(
                "Slice",
                node.input[:1],
                [name],
                name=f"{_base(node)}/part{i}",
                axes=[axis],
                starts=start,
                ends=end,
            )


def _slices(
    node: NodeProto, axis: int, sizes: Sequence[int] | None, graph: GraphProto
) -> Iterator[NodeProto]:
    """Yield the nodes that replace a Split; sizes that nothing knows are computed as the graph runs."""
    base = _base(node)

    def constant(role: str, value: Sequence[int]) -> str:
        name = f"{base}/{role}"
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), name))
        return name

    axes, count = constant("axis", [axis]), len(node.output)
    if sizes is None:
        yield from _size_of_parts(node, axis, base, constant)
        bounds = [f"{base}/bound{i}" for i in range(count + 1)]
        for i, bound in enumerate(bounds):
            factors = [f"{base}/size", constant(f"number{i}", [i])]
            yield helper.make_node("Mul", factors, [bound], name=bound)
    else:
        places = [0, *np.cumsum(sizes).tolist()]
        bounds = [constant(f"bound{i}", [place]) for i, place in enumerate(places)]
    for i, name in enumerate(node.output):
        if name:
            inputs = [node.input[0], bounds[i], bounds[i + 1], axes]
            yield helper.make_node("Slice", inputs, [name], name=f"{base}/part{i}")


def _size_of_parts(node: NodeProto, axis: int, base: str, constant: Constant) -> Iterator[NodeProto]:
    """Yield nodes that compute how large each of equal parts is; the last one may be smaller."""
    count = len(node.output)
    shape, place = f"{base}/shape", constant("place", [axis])
    yield helper.make_node("Shape", node.input[:1], [shape], name=shape)
    yield helper.make_node("Gather", [shape, place], [f"{base}/whole"], name=f"{base}/whole", axis=0)
    more, parts = constant("more", [count - 1]), constant("count", [count])
    yield helper.make_node("Add", [f"{base}/whole", more], [f"{base}/rounded"], name=f"{base}/rounded")
    yield helper.make_node("Div", [f"{base}/rounded", parts], [f"{base}/size"], name=f"{base}/size")


def _base(node: NodeProto) -> str:
    """Return what the names of the new nodes begin with: an output's name, which is unique."""
    return f"{next(filter(None, node.output))}/split"
