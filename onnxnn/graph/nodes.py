"""The nodes, weights and states of a graph, and the ONNX model that they become.

Names of nodes and weights come from the layer's own name ("conv2d1", "conv2d1.weight"), so that a viewer
shows the network that the user wrote.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.compose
import torch
from numpy.typing import ArrayLike, DTypeLike
from onnx import TensorProto, helper, numpy_helper
from onnxnn_runtime.defaults import OPSET

from .opsets import check_operator

Value = str
"""The name of a value in the graph."""

Array = np.ndarray[Any, np.dtype[Any]]

MOST_PARTS = 6
"""Outputs of one Split: WebGPU binds eight buffers to a shader, and the input and the sizes take one each."""


class Nodes:
    """Collects nodes and weights, and writes them as one ONNX model.

    Args:
        opset: The opset of the default ONNX domain that the model declares.
        stateful: Whether what recurrent layers remember comes in and goes out, for generating step by step.
        keeps_cache: Whether a network from sequence to sequence has a cache for that.

    Attributes:
        feature: The feature vector before the head, where a layer marked one.
        means: Means of channels (N, C) -> what they are the means of, (N, C, H, W).
        states: The sizes of each state by its name, "batch" where the batch is; see `state`, `empty_state`.
    """

    def __init__(self, opset: int = OPSET, stateful: bool = False, keeps_cache: bool = True) -> None:
        self.opset = opset
        self.stateful = stateful
        self.keeps_cache = keeps_cache
        self.states: dict[Value, tuple[int | str, ...]] = {}
        self._after: dict[Value, Value] = {}
        self._expanded: dict[Value, Value] = {}  # what is read of a state that may be left out -> its name
        self.weights: dict[str, Array] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._producers: dict[Value, onnx.NodeProto] = {}
        self._used: set[Value] = set()
        self._node_names: set[str] = set()
        self._constants: dict[tuple[Any, ...], Value] = {}
        self._constant_name = "constant"
        self._flattened: dict[Value, Value] = {}
        self._outputs: set[Value] = set()
        self._tokens: tuple[Value, int] | None = None
        self._mask: Value | None = None
        self.more_inputs: list[onnx.ValueInfoProto] = []
        self.feature: Value | None = None
        self.means: dict[Value, Value] = {}
        self._scope = ""

    @contextlib.contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Name what is emitted inside after a layer; scopes nest with a slash."""
        outer = self._scope
        self._scope = f"{outer}/{name}" if outer else name
        try:
            yield
        finally:
            self._scope = outer

    def node(self, op: str, *inputs: Value, name: str = "", **attributes: object) -> Value:
        """Append a node with one output and return that output's name.

        Args:
            op: The ONNX operator, e.g. "Conv".
            inputs: Names of values, "" for an optional input left out.
            name: Added to the scope's name; the operator's name by default.
            attributes: The operator's attributes; those that are None are left out.

        Raises:
            ExportError: The opset does not have the operator, or not with these attributes.
        """
        return self.nodes(op, *inputs, outputs=1, name=name, **attributes)[0]

    def nodes(
        self, op: str, *inputs: Value, outputs: int, name: str = "", **attributes: object
    ) -> list[Value]:
        """Append a node with several outputs and return their names."""
        if op == "Split" and outputs > MOST_PARTS:
            raise AssertionError(outputs)  # GraphBuilder.split writes several
        attributes = {key: value for key, value in attributes.items() if value is not None}
        check_operator(op, attributes, self.opset, self._scope or op)
        full = self._unique(name or op)
        values = [f"{full}:{i}" if i else full for i in range(outputs)]
        made = helper.make_node(op, list(inputs), values, name=full)
        made.attribute.extend(helper.make_attribute(key, value) for key, value in sorted(attributes.items()))
        self._nodes.append(made)
        self._used.update(inputs)
        self._producers.update(dict.fromkeys(values, made))
        return values

    def weight(self, role: str, value: torch.Tensor | Array) -> Value:
        """Store a trained array under "<layer>.<role>", as the state dict calls it, and return its name."""
        base = self._scope.replace("/", ".") + f".{role}"  # as in the state dict
        name, number = base, 2
        while name in self.weights:
            name, number = f"{base}{number}", number + 1
        self.weights[name] = to_numpy(value)
        return name

    def constant(self, value: ArrayLike, dtype: DTypeLike = np.int64) -> Value:
        """Store a small constant once for the whole graph and return its name."""
        array: Array = np.asarray(value, dtype=dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = name = f"{self._constant_name}{len(self._constants) + 1}"
            self.weights[name] = array
        return self._constants[key]

    def share(self, x: Value) -> None:
        """Say that x is read more than once, so that nothing may be folded into the node that makes it."""
        self._used.add(x)

    def mark_means(self, x: Value, means: Value) -> None:
        """Say that `means` (N, C) are the means over height and width of x (N, C, H, W)."""
        self.share(x)
        self.means[means] = x

    def mark_feature(self, x: Value) -> None:
        """Say that x (N, D) is the network's feature vector, which may become an output of its own."""
        self.share(x)
        self.feature = x

    def input(self, name: str, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT) -> Value:
        """Ask for one more graph input beside `input`; return its value."""
        self.more_inputs.append(helper.make_tensor_value_info(name, dtype, list(shape)))
        return name

    def state(self, shape: tuple[int | str, ...]) -> Value:
        """Return the value of a new state before the first step; "" in a graph without states.

        Args:
            shape: Its sizes, "batch" where the batch is.
        """
        if not self.stateful:
            return ""
        name = f"state{len(self.states)}"
        self.states[name] = shape
        return name

    def empty_state(self, shape: tuple[int | str, ...]) -> Value:
        """Return the value of a new state that may be left out, and begins empty then.

        It is an input with a default, so that whoever does not know of it runs the graph without.

        Args:
            shape: Its sizes; the free ones are "batch", whose default is 1, and others named "past_...".
        """
        name = f"state{len(self.states)}"
        self.states[name] = shape
        sizes = [1 if size == "batch" else 0 if isinstance(size, str) else size for size in shape]
        self.weights[name] = np.zeros(sizes, np.float32)
        return name

    def next_state(self, state: Value, x: Value) -> None:
        """Say that x is what `state`, as `state` returned it, has become after the last step."""
        if state:
            self._after[self._expanded.get(state, state)] = x

    def state_shape(self, state: Value, after: bool = False) -> tuple[int | str, ...]:
        """Return the sizes of a state before the first step, or after the last one."""
        shape = self.states[state]
        if not after:
            return shape
        return tuple(size.replace("past_", "next_") if isinstance(size, str) else size for size in shape)

    def output_states(self) -> dict[Value, Value]:
        """Make what states have become graph outputs; return the output's name for each state's."""
        names = {state: f"next_{state}" for state in self.states}
        for state, name in names.items():
            self.output(name, self._after[state])
        return names

    def inline(self, model: onnx.ModelProto, x: Value) -> Value:
        """Copy another model's nodes and weights after x, their names prefixed by the scope's.

        Args:
            model: A model of this graph's opset, with one input and one output.
            x: What its input reads.

        Returns:
            Its output.
        """
        prefixed = onnx.compose.add_prefix(model, f"{self._scope}/").graph
        (taken,), (given,) = prefixed.input, prefixed.output
        for tensor in prefixed.initializer:
            self.weights[tensor.name] = numpy_helper.to_array(tensor)
        # An Identity each way spares renaming inside; ONNX Runtime removes it when loading.
        self._nodes.append(helper.make_node("Identity", [x], [taken.name], name=self._unique("input")))
        self._used.add(x)
        self._nodes.extend(prefixed.node)
        return str(given.name)

    def output(self, name: str, x: Value) -> None:
        """Give the value x the name of a graph output."""
        holds_graphs = any(a.type == onnx.AttributeProto.GRAPH for n in self._nodes for a in n.attribute)
        if x not in self._producers or x in self._outputs or holds_graphs:
            self._outputs.add(name)
            self._nodes.append(helper.make_node("Identity", [x], [name], name=self._unique(name)))
            return
        for node in self._nodes:
            for values in (node.input, node.output):
                for i, value in enumerate(values):
                    if value == x:
                        values[i] = name
        self._producers[name] = self._producers.pop(x)
        self._outputs.add(name)

    def model(
        self,
        name: str,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
        ir_version: int,
        metadata: Mapping[str, str],
    ) -> onnx.ModelProto:
        """Return the finished model, its weights inside."""
        graph = helper.make_graph(self._nodes, name, list(inputs), list(outputs), self._initializers())
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version, producer_name="onnxnn")
        helper.set_model_props(model, dict(metadata))
        return model

    def _initializers(self) -> list[onnx.TensorProto]:
        used = {value for node in self._nodes for value in node.input}
        return [numpy_helper.from_array(self.weights[key], key) for key in self.weights if key in used]

    def _unique(self, name: str) -> str:
        """The scope's own name for its first node, "<scope>/<name>" for the others."""
        base = full = self._scope or name
        number = 1
        while full in self._node_names:
            suffix = f"{number}" if number > 1 else ""
            full = f"{base}/{name}{suffix}" if self._scope else f"{base}{number + 1}"
            number += 1
        self._node_names.add(full)
        return full


def to_numpy(value: torch.Tensor | Array) -> Array:
    """Return a tensor's values as a NumPy array on the CPU."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy().copy()
    return np.asarray(value)
