"""Weights are rounded so that the errors within one filter cancel.

Neighbouring places of an image are nearly equal, so what the rounding of a filter changes is nearly the sum
of its errors times that value. Rounded each by itself, nine weights of a depthwise filter are off by up to
four steps together; here the weights nearest to the middle between two steps go the other way until the sum
of each filter, over its places, is off by half a step at most. Bias correction (`correction`) takes back the
mean of what is left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import ModelProto, numpy_helper

from .processor import IntegerTypes
from .selection import Selection, is_depthwise

Array = np.ndarray[Any, Any]


def rounded(model: ModelProto, selection: Selection, types: IntegerTypes) -> ModelProto:
    """Return a float model whose filters hold only numbers that integers of their channel's scale stand for.

    The largest weight of each channel stays as it is, and with it the scale. Convolutions of single places
    stay as they are.

    Args:
        model: The float model; it is left as it is.
        selection: The nodes that are computed in integers.
        types: How numbers are held.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    tensors = {each.name: each for each in copy.graph.initializer}
    for node in copy.graph.node:
        if node.op_type != "Conv" or node.name not in selection.weighted:
            continue
        tensor = tensors[node.input[1]]
        weights = numpy_helper.to_array(tensor)
        if weights[0, 0].size > 1:
            steps = 64 if types.reduced and not is_depthwise(node) else 127
            tensor.CopyFrom(numpy_helper.from_array(_rounded(weights, steps), tensor.name))
    return copy


def _rounded(weights: Array, steps: int) -> Array:
    """Return filters (outputs, inputs, ...) in multiples of their channel's scale, float32."""
    flat = weights.astype(np.float64).reshape(*weights.shape[:2], -1)
    largest = np.abs(flat).max(axis=(1, 2), keepdims=True)
    scale = np.where(largest > 0, largest, 1) / steps
    exact = flat / scale
    near = np.round(exact)
    error = near - exact
    off = np.round(error.sum(axis=2)).astype(int)[..., np.newaxis]  # whole steps that each filter is off by
    towards = np.sign(off)
    can_move = (np.abs(exact) < steps - 1e-6) & (np.abs(near - towards) <= steps)
    order = np.argsort(np.argsort(np.where(can_move, -error * towards, np.inf), axis=2), axis=2)
    near -= towards * ((order < np.abs(off)) & can_move)
    return np.asarray((near * scale).reshape(weights.shape), np.float32)
