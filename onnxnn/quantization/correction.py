"""Rounded weights shift the mean of what a layer computes; its bias takes that back.

Nagel et al. 2019 ("Data-Free Quantization through Weight Equalization and Bias Correction", arXiv:1906.04721,
section 4.2), with the mean of the inputs measured on the calibration samples: with W' the rounded weights,
the bias becomes b - (W' - W) E[x].
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, numpy_helper

from .running import Feeds
from .selection import Selection, groups_of, output_axis
from .statistics import channel_means

Array = np.ndarray[Any, Any]

Means = dict[str, Array]
"""The mean of each channel of a value, by the value's name."""


def measure_means(model: ModelProto, selection: Selection, feeds: Iterable[Feeds]) -> Means:
    """Return the mean of each channel of what the selected convolutions and Gemm read.

    Args:
        model: The float model.
        selection: Its nodes.
        feeds: The calibration samples.
    """
    chosen = set(selection.weighted)
    ranks = {
        node.input[0]: _rank(model, node)
        for node in model.graph.node
        if node.name in chosen and node.op_type in ("Conv", "Gemm")
    }
    return channel_means(model, ranks, feeds)


def corrected(model: ModelProto, quantized: ModelProto, selection: Selection, means: Means) -> ModelProto:
    """Return the float model with biases that make up for the rounded weights.

    Args:
        model: The float model; it is left as it is.
        quantized: The same with rounded weights.
        selection: The nodes that were quantised.
        means: What `measure_means` returned.
    """
    found = ModelProto()
    found.CopyFrom(model)
    tensors = {each.name: each for each in found.graph.initializer}
    rounded = {each.name: each for each in quantized.graph.initializer}
    shared = _read_often(found)
    for node in found.graph.node:
        if node.name not in selection.weighted or node.input[0] not in means:
            continue
        error = _rounding_error(node, tensors, rounded)
        if error is None:
            continue
        shift = _shift(node, error, means[node.input[0]]).astype(np.float32)
        has_bias = len(node.input) > 2 and node.input[2] != ""
        if has_bias and (node.input[2] not in tensors or node.input[2] in shared):
            continue
        if has_bias:
            bias = tensors[node.input[2]]
            bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) - shift, bias.name))
        else:
            name = f"{node.name}/bias"
            del node.input[2:]
            node.input.append(name)
            found.graph.initializer.append(numpy_helper.from_array(-shift, name))
    return found


def _rounding_error(
    node: NodeProto, tensors: dict[str, TensorProto], rounded: dict[str, TensorProto]
) -> Array | None:
    """Return rounded weights minus float weights, outputs first; None where they were not rounded."""
    name = node.input[1]
    whole, scale = rounded.get(f"{name}_quantized"), rounded.get(f"{name}_scale")
    if whole is None or scale is None or name not in tensors:
        return None
    weights = numpy_helper.to_array(tensors[name]).astype(np.float64)
    axes = (1, 0) if output_axis(node) else tuple(range(weights.ndim))
    weights = weights.transpose(axes)
    levels = numpy_helper.to_array(whole).astype(np.float64).transpose(axes)
    steps = np.reshape(numpy_helper.to_array(scale), (-1, *(1,) * (weights.ndim - 1)))
    return np.asarray(levels * steps - weights)


def _shift(node: NodeProto, error: Array, mean: Array) -> Array:
    """Return what the rounding adds to each output in the mean."""
    sums = error.reshape(*error.shape[:2], -1).sum(axis=2)
    groups = groups_of(node) if node.op_type == "Conv" else 1
    parts = sums.reshape(groups, len(sums) // groups, -1)
    return np.asarray(np.einsum("goi,gi->go", parts, mean.reshape(groups, -1)).reshape(-1))


def _rank(model: ModelProto, node: NodeProto) -> int:
    if node.op_type == "Gemm":
        return 2
    return next(len(each.dims) for each in model.graph.initializer if each.name == node.input[1])


def _read_often(model: ModelProto) -> set[str]:
    """Return the values that several nodes read."""
    seen: set[str] = set()
    often: set[str] = set()
    for node in model.graph.node:
        for name in node.input:
            (often if name in seen else seen).add(name)
    return often
