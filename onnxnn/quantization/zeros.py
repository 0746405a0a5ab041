"""What is always 0 has no range, and its scale is taken from elsewhere.

The tools of ONNX Runtime give it the scale 1. Beside values of 1e-5, as those of a network that learned
nothing yet, or whose residual branches begin with zeros, OpenVINO 2026.4 then rounds both in steps of 1: all
that an Add returned was lost. And the bias of an output whose weights are all 0 was rounded to multiples of
the scale of the input, which may be larger than the bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper

from .selection import Selection, output_axis, readers_of

Array = np.ndarray[Any, Any]

Ranges = dict[str, tuple[np.float32, np.float32]]
"""The smallest and the largest number of each value."""

_LEVELS = 255
"""Steps of 8 bits."""


def with_ranges(ranges: Mapping[str, tuple[Array, Array]]) -> Ranges:
    """Return ranges in which values that are always 0 have the smallest one of the others.

    A small scale holds 0 as well as a large one, and no engine widens that of another value for it.

    Args:
        ranges: The smallest and the largest number of each value on the calibration samples.
    """
    found = {
        name: (np.float32(np.min(low)), np.float32(np.max(high))) for name, (low, high) in ranges.items()
    }
    widths = {name: _width(*each) for name, each in found.items()}
    known = [name for name, width in widths.items() if not _has_no_scale(width)]
    if not known:
        return found
    smallest = found[min(known, key=widths.__getitem__)]
    return {name: smallest if _has_no_scale(widths[name]) else each for name, each in found.items()}


def _width(low: np.float32, high: np.float32) -> float:
    return max(float(high), 0.0) - min(float(low), 0.0)


def _has_no_scale(width: float) -> bool:
    """Return whether the scale of a range is no normal float32, where the tools take 1."""
    return width / _LEVELS < float(np.finfo(np.float32).tiny)


def keep_biases(quantized: ModelProto, model: ModelProto, selection: Selection) -> None:
    """Make the biases of outputs without weights exact: one step of each is the bias itself.

    Args:
        quantized: The quantised model; it is changed.
        model: The float model.
        selection: The nodes that were quantised.
    """
    tensors = {each.name: each for each in (*model.graph.initializer, *quantized.graph.initializer)}
    readers = readers_of(model.graph)
    for node in model.graph.node:
        if node.name not in selection.weighted or len(node.input) < 3 or node.input[2] not in tensors:
            continue
        weights, bias = node.input[1:3]
        scales = [tensors.get(name) for name in (f"{weights}_scale", f"{bias}_quantized_scale")]
        is_own = len(readers(weights)) == len(readers(bias)) == 1
        if is_own and scales[0] is not None and scales[1] is not None and scales[0].dims == scales[1].dims:
            _keep_bias(tensors, weights, bias, output_axis(node))


def _keep_bias(tensors: Mapping[str, TensorProto], weights: str, bias: str, axis: int) -> None:
    """Change the scales of one layer where the weights of an output are 0 and its bias is not."""
    names = (f"{weights}_quantized", f"{weights}_scale", f"{bias}_quantized", f"{bias}_quantized_scale")
    levels, scale, steps, step = (numpy_helper.to_array(tensors[name]).copy() for name in names)
    numbers = numpy_helper.to_array(tensors[bias])
    if (
        levels.ndim <= axis
        or not scale.shape == steps.shape == numbers.shape == levels.shape[axis : axis + 1]
    ):
        return
    is_zero = ~np.moveaxis(levels, axis, 0).reshape(len(scale), -1).any(axis=1) & (numbers != 0)
    sizes = np.abs(numbers[is_zero])
    scale[is_zero] *= sizes / step[is_zero]  # a step of the bias is one of the input times one of the weights
    step[is_zero], steps[is_zero] = sizes, np.sign(numbers[is_zero])
    for name, array in zip(names[1:], (scale, steps, step), strict=True):
        tensors[name].CopyFrom(numpy_helper.from_array(array, name))
