"""Whether a graph that was rewritten is valid ONNX, for engines that are stricter than ONNX Runtime."""

from __future__ import annotations

import heapq

import onnx
from onnx import GraphProto, ModelProto, NodeProto
from onnxnn_runtime.errors import ExportError

from .selection import values_read


def checked(model: ModelProto, precision: str) -> ModelProto:
    """Return a model with the types and sizes of all its values, checked by onnx.

    Args:
        model: The model; it is left as it is.
        precision: What errors call its numbers, e.g. "int8".

    Raises:
        ExportError: It is not valid.
    """
    try:
        onnx.checker.check_model(model)
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError.coded(
            "E-QUANT-01",
            "its graph in {precision} is not valid ONNX ({error}). Use the float file.",
            precision=precision,
            error=error,
        ) from error


def sort_nodes(graph: GraphProto) -> None:
    """Put each node after those whose values it reads, as ONNX asks, else in the order that they had.

    ONNX Runtime's tools append the nodes that they add, which only ONNX Runtime itself takes.
    """
    nodes = list(graph.node)
    makers = {name: place for place, node in enumerate(nodes) for name in node.output if name}
    needs = [{makers[name] for name in values_read(node) if name in makers} for node in nodes]
    readers: list[list[int]] = [[] for _ in nodes]
    for place, needed in enumerate(needs):
        for maker in needed:
            readers[maker].append(place)
    left = [len(needed) for needed in needs]
    ready = [place for place, count in enumerate(left) if not count]
    made: list[NodeProto] = []
    while ready:
        place = heapq.heappop(ready)
        made.append(NodeProto.FromString(nodes[place].SerializeToString()))
        for reader in readers[place]:
            left[reader] -= 1
            if not left[reader]:
                heapq.heappush(ready, reader)
    graph.ClearField("node")
    graph.node.extend(made)
