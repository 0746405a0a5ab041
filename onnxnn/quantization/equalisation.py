"""Channels of one value get ranges of one size, and the network computes the same: cross-layer equalisation.

A value in integers has one scale for all its channels, so a channel whose numbers are small keeps few of the
256 steps. Divided by s where it is made and multiplied by s where it is read, each channel c gets the range
of the others:

    W1[c] / s[c],  b1[c] / s[c],  W2[:, c] s[c]      s[c] = sqrt(r1[c] / r2[c])

Nagel et al. 2019 ("Data-Free Quantization through Weight Equalization and Bias Correction", arXiv:1906.04721,
section 4.1, equation 11). There r1 is the range of W1[c]; here each output channel of weights has a scale of
its own, so r1 is that of the values which the channel takes on the calibration samples. Of readers that are
convolutions of single channels every channel has its own scale, too: there s[c] = r1[c].

Between the two may stand what is positively homogeneous in each channel, f(s x) = s f(x): ReLU, pooling, and
the sum of values which all get the same s, such as those of residual blocks. ReLU6 is not: min(x / s, 6) is
not min(x, 6) / s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from .selection import groups_of, readers_of

Array = np.ndarray[Any, Any]

Weights = Mapping[str, TensorProto]
"""Constants by their names."""

_HOMOGENEOUS = ("Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "Add")
"""Operators that a positive factor for each channel passes."""

_MOST = 1e3
"""How far one factor may be from the others of its value, so that float32 stays as exact as it was."""


@dataclass(frozen=True)
class Tied:
    """Values whose channels can be scaled together, with all nodes that make and read them.

    Args:
        values: The names of the values.
        makers: The convolutions and Gemm whose outputs they are.
        readers: Those that read them.
        measured: The values whose range counts: those that do not only pass through a ReLU.
    """

    values: frozenset[str]
    makers: tuple[NodeProto, ...]
    readers: tuple[NodeProto, ...]
    measured: tuple[str, ...]


def tied_values(model: ModelProto) -> list[Tied]:
    """Return the values whose channels may be scaled without a change of what the model computes.

    Args:
        model: A float model; every value of a `Tied` is made by a node with weights of its own or by a
            homogeneous one, is read by such nodes alone, and is no output of the graph.
    """
    weights = _own_weights(model.graph)
    readers = readers_of(model.graph)
    makers = {name: node for node in model.graph.node for name in node.output}
    outputs = {value.name for value in model.graph.output}
    found = []
    for values in _connected(model.graph):
        made = [makers[value] for value in values if value in makers]
        read = list({node.output[0]: node for value in values for node in readers(value)}.values())
        before = [node for node in made if _is_layer(node, weights)]
        after = [node for node in read if _is_layer(node, weights) and values.isdisjoint(node.input[1:])]
        inner = [node for node in (*made, *read) if _passes(node, values)]
        if (
            before
            and after
            and len(made) == len(values)  # none is an input of the graph, or a constant
            and not outputs & values
            and all(node in before or node in inner for node in made)
            and all(node in after or node in inner for node in read)
            and _fit(before, after, weights)
        ):
            measured = [each for each in values if any(node.op_type != "Relu" for node in readers(each))]
            found.append(Tied(values, tuple(before), tuple(after), tuple(sorted(measured))))
    return found


def ranks_of(model: ModelProto, tied: Sequence[Tied]) -> dict[str, int]:
    """Return the values whose range counts, with their number of axes."""
    ranks = {each.name: len(each.dims) for each in model.graph.initializer}
    return {name: ranks[each.makers[0].input[1]] for each in tied for name in each.measured}


def equalized(model: ModelProto, peaks: Mapping[str, Array]) -> ModelProto:
    """Return a float model which computes the same, the channels of its values having similar ranges.

    Args:
        model: The float model; it is left as it is.
        peaks: The largest absolute number of each channel (C,) of every value that `Tied.measured` names.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    tensors = {each.name: each for each in copy.graph.initializer}
    for tied in tied_values(copy):
        weights = {node.input[1]: numpy_helper.to_array(tensors[node.input[1]]) for node in tied.readers}
        factors = _factors(tied, weights, np.max([peaks[name] for name in tied.measured], axis=0))
        for node in tied.makers:
            for name in filter(None, node.input[1:]):
                _scale(tensors[name], 1 / factors.reshape(-1, *(1,) * (len(tensors[name].dims) - 1)))
        for node in tied.readers:
            tensor = tensors[node.input[1]]
            _scale(tensor, _by_input(factors, node, tensor.dims))
    return copy


def _connected(graph: GraphProto) -> list[frozenset[str]]:
    """Return the values of a graph in groups: those between which a homogeneous node stands are together."""
    group: dict[str, set[str]] = {}
    for node in graph.node:
        for name in filter(None, node.output):
            group.setdefault(name, {name})
        if node.op_type in _HOMOGENEOUS:
            joined: set[str] = set()
            for name in filter(None, (*node.input, *node.output)):
                joined |= group.get(name, {name})
            group.update(dict.fromkeys(joined, joined))
    return list({id(each): frozenset(each) for each in group.values()}.values())


def _own_weights(graph: GraphProto) -> dict[str, TensorProto]:
    """Return the float32 constants that one node reads, once."""
    count: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            count[name] = count.get(name, 0) + 1
    readers = readers_of(graph)
    return {
        each.name: each
        for each in graph.initializer
        if each.data_type == TensorProto.FLOAT and count.get(each.name) == 1 and len(readers(each.name)) == 1
    }


def _is_layer(node: NodeProto, weights: Weights) -> bool:
    """Return whether a node is a convolution, or a Gemm W x + b, with constants of its own."""
    attributes = {each.name: each for each in node.attribute}
    if node.op_type == "Gemm":
        plain = "transB" in attributes and attributes["transB"].i == 1 and "transA" not in attributes
        if not plain or {"alpha", "beta"} & set(attributes):
            return False
    elif node.op_type != "Conv":
        return False
    return not node.domain and all(name in weights for name in filter(None, node.input[1:]))


def _passes(node: NodeProto, values: frozenset[str]) -> bool:
    """Return whether a node is homogeneous and has nothing but these values around it."""
    is_homogeneous = node.op_type in _HOMOGENEOUS and not node.domain and len(node.output) == 1
    return is_homogeneous and values.issuperset([*node.input, *node.output])


def _fit(makers: Sequence[NodeProto], readers: Sequence[NodeProto], weights: Weights) -> bool:
    """Return whether all have as many channels, along one axis."""
    made = [tuple(weights[node.input[1]].dims) for node in makers]
    read = [tuple(weights[node.input[1]].dims) for node in readers]
    biases = [tuple(weights[name].dims) for node in makers for name in filter(None, node.input[2:])]
    channels = {shape[0] for shape in made}
    channels |= {shape[1] * _groups(node) for node, shape in zip(readers, read, strict=True)}
    return (
        len(channels) == 1
        and len({len(shape) for shape in made + read}) == 1
        and all(shape == (max(channels),) for shape in biases)
    )


def _factors(tied: Tied, weights: Mapping[str, Array], peaks: Array) -> Array:
    """Return s for each channel, float64 (C,), with a geometric mean of 1.

    Args:
        tied: The values.
        weights: Those of the readers.
        peaks: The largest absolute number of each channel.
    """
    ranges = np.asarray(peaks, np.float64)
    mixing = [node for node in tied.readers if weights[node.input[1]].shape[1] > 1 or _groups(node) == 1]
    if not mixing:  # every reader has a scale for each channel that it reads
        return _near_each_other(ranges)
    read = np.max([_by_channel(weights[node.input[1]], node) for node in mixing], axis=0)
    return _near_each_other(np.sqrt(ranges / np.where(read > 0, read, np.inf)))


def _near_each_other(factors: Array) -> Array:
    """Return factors divided by their geometric mean; 1 for channels that are always 0."""
    known = factors > 0
    if not known.any():
        return np.ones_like(factors)
    middle = np.exp(np.log(factors[known]).mean())
    return np.asarray(np.where(known, np.clip(factors / middle, 1 / _MOST, _MOST), 1.0))


def _by_channel(weights: Array, node: NodeProto) -> Array:
    """Return the largest absolute weight that reads each channel (C,)."""
    largest = np.abs(weights.astype(np.float64)).reshape(*weights.shape[:2], -1).max(axis=2)
    return np.asarray(largest.reshape(_groups(node), -1, largest.shape[1]).max(axis=1).reshape(-1))


def _by_input(factors: Array, node: NodeProto, shape: Sequence[int]) -> Array:
    """Return the factor of each weight of a reader."""
    groups = _groups(node)
    rows = np.repeat(factors.reshape(groups, shape[1]), shape[0] // groups, axis=0)
    return rows.reshape(*rows.shape, *(1,) * (len(shape) - 2))


def _groups(node: NodeProto) -> int:
    return groups_of(node) if node.op_type == "Conv" else 1


def _scale(tensor: TensorProto, factors: Array) -> None:
    scaled = (numpy_helper.to_array(tensor).astype(np.float64) * factors).astype(np.float32)
    tensor.CopyFrom(numpy_helper.from_array(scaled, tensor.name))
