"""Layers that stay in float between integers, kept so that ONNX Runtime leaves their weights alone.

ONNX Runtime 1.32 rounds the weights of a convolution or Gemm between DequantizeLinear and
QuantizeLinear to 8 bits by itself, with one scale for all channels (its optimizer WeightBiasQuantization):
EfficientNet-Lite0 with one layer in float was worse than with none. So such a layer reads x / 2 and has
weights 2 W, which computes exactly the same: the pattern is no longer there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import ModelProto, NodeProto, helper, numpy_helper

from .selection import readers_of


def shielded(model: ModelProto, kept: Sequence[str]) -> ModelProto:
    """Return a quantised model in which layers that stay in float are computed in float.

    Args:
        model: The quantised model; it is changed.
        kept: The names of the layers.
    """
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    readers = readers_of(graph)
    tensors = {each.name: each for each in graph.initializer}
    nodes: list[NodeProto] = []
    for node in graph.node:
        maker = makers.get(node.input[0]) if node.input else None
        if (
            node.name in kept
            and node.op_type in ("Conv", "Gemm")
            and maker is not None
            and maker.op_type == "DequantizeLinear"
            and {each.op_type for each in readers(node.output[0])} == {"QuantizeLinear"}
            and node.input[1] in tensors
            and len(readers(node.input[1])) == 1
        ):
            half, weights = f"{node.name}/half", tensors[node.input[1]]
            graph.initializer.append(numpy_helper.from_array(np.array(0.5, np.float32), f"{half}/factor"))
            nodes.append(helper.make_node("Mul", [node.input[0], f"{half}/factor"], [half], name=half))
            weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * 2, weights.name))
            node.input[0] = half
        nodes.append(node)
    copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    graph.ClearField("node")
    graph.node.extend(copies)
    return model
