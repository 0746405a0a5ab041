"""From a graph of float32 to one whose weights and layers are float16, with the inputs and outputs of before.

Convolutions and matrix products compute in float16, and so do the activations, sums and changes of shape
between them. What adds up many values or takes powers of them (softmax, normalisations,
means) stays in float32, as in the mixed precision of Micikevicius et al. 2018 (arXiv:1710.03740); so does a
layer whose weights float16 cannot hold, and everything before the first layer, such as preprocessing.
Recurrent layers hold float16 weights and compute in float32: ONNX Runtime has no such kernels but CUDA's, and
its 1.32 ends the process where it opens two LSTM layers in float16 on a processor.

`onnxruntime.transformers.float16` is not used: it places the casts of a subgraph, such as the body of a
sampling loop, in the graph around it, and casts after the nodes that read them, which ONNX forbids.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxnn_runtime.errors import ExportError

from .candidate import Candidate
from .selection import PREPARATION, values_read
from .validity import checked

Array = np.ndarray[Any, Any]

HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators that hold most weights and take most time, and compute in float16."""

RECURRENT = ("LSTM", "GRU", "RNN")
"""Operators that hold float16 weights, and compute in float32."""

_BETWEEN = (
    *("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish"),
    *("Tanh", "Erf", "Gelu", "Softsign", "Add", "Sub", "Mul", "Div", "Neg", "Abs", "Where"),
    *("Concat", "Split", "Slice", "Pad", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze"),
    *("Expand", "Identity", "DepthToSpace", "SpaceToDepth", "MaxPool", "AveragePool"),
)
"""Operators that compute in float16 where all their inputs are float16 already."""

_TABLE = 2**10
"""The fewest numbers of a table that is looked up in float16: embeddings have more, schedules fewer."""

_MOST_ERROR = 2.0**-10
"""How far rounded weights may be from those of before, in parts of their length: numbers from 6.1e-5 to
65504 are at most 2^-11 away, smaller ones lose digits, and larger ones become infinite."""


@dataclass(frozen=True)
class Float16(Candidate):
    """A model that computes in float16.

    Args:
        halves: The names of all its values of that type.
    """

    halves: frozenset[str] = frozenset()

    def rounded(self) -> ModelProto:
        """Return the model as a GPU computes it, for processors: in float32, each value rounded to float16.

        ONNX Runtime leaves the rounding out where a processor lacks an operator in float16, so that the model
        itself would be measured as better than it is.
        """
        found = ModelProto()
        found.CopyFrom(self.model)
        self._round(found.graph)
        return found

    def _round(self, graph: GraphProto) -> None:
        made: list[NodeProto] = []
        known: set[str] = set()
        for node in graph.node:
            for inner in _graphs_in(node):
                self._round(inner)
            if node.op_type == "Cast":
                made.append(node)
                continue
            for place, name in enumerate(node.input):
                if name in self.halves:
                    node.input[place] = f"{name}/{graph.name}/read"
                    if name not in known:
                        made.append(_cast(name, node.input[place], TensorProto.FLOAT))
                    known.add(name)
            made.append(node)
            for place, name in enumerate(node.output):
                if name in self.halves:
                    node.output[place] = f"{name}/computed"
                    made.append(_cast(node.output[place], name, TensorProto.FLOAT16))
        graph.ClearField("node")
        graph.node.extend(made)
        graph.ClearField("value_info")


def float16_candidate(model: ModelProto, in_float: Collection[str] = ()) -> Float16:
    """Return a model that computes in float16.

    Opset, version of the format, metadata and producer stay those of the float model.

    Args:
        model: The float model, whose nodes have names; it is left as it is.
        in_float: Names of nodes that stay in float32.

    Raises:
        ExportError: None of its layers can be in float16.
    """
    found = onnx.shape_inference.infer_shapes(model)
    names = _Names(found.graph)
    scope = _Scope(found.graph, frozenset(in_float), names)
    _Converter(scope).run()
    if not scope.layers:
        raise ExportError.coded(
            "E-QUANT-01",
            "expected a layer that float16 makes smaller, got none: weights above {most:g}, and the last "
            "layers of values, stay in float32. Keep the float file.",
            most=float(np.finfo(np.float16).max),
        )
    _drop_unread(found.graph)
    kept = tuple(name for name in scope.kept if not name.startswith(PREPARATION))
    return Float16(checked(found, "fp16"), kept, halves=frozenset(names.halves))


class _Names:
    """The names of all values of a model, so that new ones differ from them.

    Attributes:
        halves: Those that are float16.
    """

    def __init__(self, graph: GraphProto) -> None:
        self._taken = set(_values_of(graph))
        self.halves: set[str] = set()

    def half(self, name: str) -> str:
        """Return a name for a float32 value in float16."""
        found = self._new(f"{name}/float16")
        self.halves.add(found)
        return found

    def full(self, name: str) -> str:
        """Return a name for weights that are cast back to float32."""
        return self._new(f"{name}/float32")

    def _new(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name


def _values_of(graph: GraphProto) -> Iterator[str]:
    yield from (each.name for each in (*graph.initializer, *graph.input))
    for node in graph.node:
        yield from node.output
        for inner in _graphs_in(node):
            yield from _values_of(inner)


@dataclass
class _Scope:
    """The values of a graph, and of those around it.

    Args:
        graph: The graph.
        in_float: Names of nodes that stay in float32.
        names: The names of all values.
        around: The graph around it; None for the model's own.

    Attributes:
        layers: How many layers are in float16, those of graphs inside it counted.
        kept: The names of those that are not.
        halves: The float16 value beside a float32 one, by name.
        native: The values that were computed in float16.
        missing: Those of them that no cast has brought back to float32 yet.
    """

    graph: GraphProto
    in_float: Collection[str]
    names: _Names
    around: _Scope | None = None
    layers: int = 0
    kept: list[str] = field(default_factory=list)
    halves: dict[str, str] = field(default_factory=dict)
    native: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.constants = {each.name: each for each in self.graph.initializer}
        values = (*self.graph.input, *self.graph.output, *self.graph.value_info)
        self.types = {each.name: each.type.tensor_type.elem_type for each in values}
        self.types.update({each.name: each.data_type for each in self.graph.initializer})

    def chain(self) -> Iterator[_Scope]:
        """Yield this graph and those around it."""
        scope: _Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.around

    def owner(self, name: str) -> _Scope:
        """Return the graph that a value belongs to; the outermost where its type is not known."""
        return next((scope for scope in self.chain() if name in scope.types), [*self.chain()][-1])

    def is_float(self, name: str) -> bool:
        """Return whether a value is float32 in the float model."""
        return bool(name) and self.owner(name).types.get(name) == TensorProto.FLOAT

    def constant(self, name: str) -> TensorProto | None:
        """Return a weight; None for a value that is computed."""
        return self.owner(name).constants.get(name)

    def is_native(self, name: str) -> bool:
        """Return whether a value was computed in float16."""
        return any(name in scope.native for scope in self.chain())

    def half(self, name: str) -> str | None:
        """Return the name of a value in float16, or None where it is in float32 alone."""
        return next((scope.halves[name] for scope in self.chain() if name in scope.halves), None)


class _Converter:
    """Writes the nodes of one graph again, in their order, with casts where the type changes."""

    def __init__(self, scope: _Scope) -> None:
        self._scope = scope
        self._made: list[NodeProto] = []

    def run(self) -> None:
        """Replace the nodes of the graph."""
        graph = self._scope.graph
        for node in list(graph.node):
            if self._is_half(node):
                self._write_half(node)
            elif node.op_type in RECURRENT and self._may_change(node):
                self._write_stored(node)
            else:
                self._write_full(node)
        for value in graph.output:
            self._full(value.name)
        graph.ClearField("node")
        graph.node.extend(self._made)
        graph.ClearField("value_info")

    def _is_half(self, node: NodeProto) -> bool:
        """Return whether a node computes in float16."""
        scope = self._scope
        given, constants = self._read(node)
        if node.op_type in RECURRENT or not given or not self._may_change(node):
            return False
        if node.op_type in HEAVY:
            return scope.is_float(node.input[0])
        if node.op_type == "Gather" and constants:
            return all(_size(each) >= _TABLE for each in constants.values())
        is_square = node.op_type == "Mul" and node.input[0] == node.input[1]
        if node.op_type not in _BETWEEN or is_square or len(constants) == len(given):
            return False
        return all(scope.is_native(name) for name in given if name not in constants)

    def _read(self, node: NodeProto) -> tuple[list[str], dict[str, TensorProto]]:
        """Return which float32 values a node reads, and the weights among them."""
        given = [name for name in node.input if self._scope.is_float(name)]
        return given, {name: found for name in given if (found := self._scope.constant(name)) is not None}

    def _may_change(self, node: NodeProto) -> bool:
        """Return whether nobody keeps a node in float32, and float16 holds its weights."""
        is_free = node.domain in ("", "ai.onnx") and node.name not in self._scope.in_float
        return is_free and all(_holds(each) for each in self._read(node)[1].values())

    def _write_half(self, node: NodeProto) -> None:
        scope = self._scope
        scope.layers += node.op_type in HEAVY
        for place, name in enumerate(node.input):
            if scope.is_float(name):
                node.input[place] = self._half(name)
        for place, name in enumerate(node.output):
            if scope.is_float(name):
                node.output[place] = scope.halves[name] = scope.names.half(name)
                scope.native.add(name)
                scope.missing.add(name)
        self._made.append(node)

    def _write_stored(self, node: NodeProto) -> None:
        """Write a node that computes in float32, with weights of float16 that are cast before it."""
        scope = self._scope
        constants = self._read(node)[1]
        scope.layers += 1
        for place, name in enumerate(node.input):
            if name in constants:
                half = self._half(name)
                node.input[place] = scope.names.full(name)
                self._made.append(_cast(half, node.input[place], TensorProto.FLOAT))
            else:
                self._full(name)
        self._made.append(node)

    def _write_full(self, node: NodeProto) -> None:
        scope = self._scope
        if node.op_type in (*HEAVY, *RECURRENT) and scope.is_float(node.input[0]):
            scope.kept.append(node.name)
        for name in values_read(node):
            self._full(name)
        for graph in _graphs_in(node):
            inner = _Scope(graph, scope.in_float, scope.names, scope)
            _Converter(inner).run()
            scope.layers += inner.layers
            scope.kept += inner.kept
        self._made.append(node)

    def _half(self, name: str) -> str:
        """Return the name of a value in float16, cast where it has to be."""
        scope = self._scope
        found = scope.half(name)
        if found is not None:
            return found
        half = scope.names.half(name)
        constant = scope.constant(name)
        if constant is None:
            self._made.append(_cast(name, half, TensorProto.FLOAT16))
            scope.halves[name] = half
            return half
        owner = scope.owner(name)
        array = numpy_helper.to_array(constant).astype(np.float16)
        owner.graph.initializer.append(numpy_helper.from_array(array, half))
        owner.halves[name] = half
        return half

    def _full(self, name: str) -> None:
        """Cast a value back to float32, unless it is there."""
        scope = self._scope
        if name in scope.missing:
            scope.missing.remove(name)
            self._made.append(_cast(scope.halves[name], name, TensorProto.FLOAT))


def _cast(name: str, after: str, to: int) -> NodeProto:
    return helper.make_node("Cast", [name], [after], name=f"{after}/Cast", to=to)


def _holds(constant: TensorProto) -> bool:
    """Return whether float16 holds weights nearly as they are."""
    before = numpy_helper.to_array(constant).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        error = before.astype(np.float16).astype(np.float64) - before
    return bool(np.linalg.norm(error) <= _MOST_ERROR * np.linalg.norm(before))


def _size(constant: TensorProto) -> int:
    return int(np.prod(constant.dims, dtype=np.int64))


def _graphs_in(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def _drop_unread(graph: GraphProto) -> None:
    """Remove the weights that no node reads, in graphs inside, too."""
    names = {name for node in graph.node for name in values_read(node)}
    names |= {value.name for value in graph.output}
    kept = [each for each in graph.initializer if each.name in names]
    graph.ClearField("initializer")
    graph.initializer.extend(kept)
    for node in graph.node:
        for inner in _graphs_in(node):
            _drop_unread(inner)
