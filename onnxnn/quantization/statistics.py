"""What the values inside a float model are like on the calibration samples, channel by channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from .running import Feeds, Runner

Array = np.ndarray[Any, Any]

_AXES_ARE_INPUTS = 18
"""The first opset in which the operators below take their axes as an input."""


def channel_means(model: ModelProto, ranks: Mapping[str, int], feeds: Iterable[Feeds]) -> dict[str, Array]:
    """Return the mean of each channel (C,), float64, of values (N, C, ...) by their names.

    Args:
        model: The float model.
        ranks: The number of axes of each value.
        feeds: The calibration samples.
    """
    totals: dict[str, Array] = {}
    count = 0
    for size, parts in _parts(model, ranks, feeds, "ReduceMean"):
        for name, mean in parts.items():
            totals[name] = totals.get(name, 0) + mean.astype(np.float64) * size
        count += size
    return {name: total / count for name, total in totals.items()}


def channel_peaks(model: ModelProto, ranks: Mapping[str, int], feeds: Iterable[Feeds]) -> dict[str, Array]:
    """Return the largest absolute number of each channel (C,) of values (N, C, ...); as `channel_means`."""
    peaks: dict[str, Array] = {}
    for _, parts in _parts(model, ranks, feeds, "ReduceMax"):
        peaks = {name: np.maximum(peaks.get(name, peak), peak) for name, peak in parts.items()}
    return peaks


def _parts(
    model: ModelProto, ranks: Mapping[str, int], feeds: Iterable[Feeds], operator: str
) -> Iterator[tuple[int, dict[str, Array]]]:
    """Yield the number of samples in each batch, and the values reduced over them."""
    if not ranks:
        return
    reducer, outputs = _reducer(model, ranks, operator), [_reduced(name) for name in ranks]
    for feed in feeds:
        yield len(next(iter(feed.values()))), dict(zip(ranks, reducer.run(feed, outputs), strict=True))


def _reducer(model: ModelProto, ranks: Mapping[str, int], operator: str) -> Runner:
    """Return a model that has the reduced values as outputs, too; ReduceMax reduces absolute numbers."""
    copy = ModelProto()
    copy.CopyFrom(model)
    opset = next(entry.version for entry in model.opset_import if not entry.domain)
    for name, rank in ranks.items():
        axes, read = [0, *range(2, rank)], name
        if operator == "ReduceMax":
            read = f"{name}/absolute"
            copy.graph.node.append(helper.make_node("Abs", [name], [read]))
        if opset < _AXES_ARE_INPUTS:
            node = helper.make_node(operator, [read], [_reduced(name)], axes=axes, keepdims=0)
        else:
            constant = f"{_reduced(name)}/axes"
            copy.graph.initializer.append(numpy_helper.from_array(np.array(axes, np.int64), constant))
            node = helper.make_node(operator, [read, constant], [_reduced(name)], keepdims=0)
        copy.graph.node.append(node)
        copy.graph.output.append(helper.make_tensor_value_info(_reduced(name), TensorProto.FLOAT, None))
    return Runner(copy, exact=False)


def _reduced(name: str) -> str:
    return f"{name}/reduced"
