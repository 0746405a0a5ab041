"""Files whose batch and sizes are set: engines that cannot leave sizes open run them.

What only depends on sizes, such as a chain from `Shape` to `Reshape`, or the weights of a resize, becomes
constants, computed by ONNX Runtime as it would compute them at run time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx.shape_inference
import onnxruntime
from onnx import helper, numpy_helper
from onnxnn_runtime import ModelCard
from onnxnn_runtime.errors import ExportError, LayerError
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.graph.shape import Shape

from .model import put_card
from .options import ExportOptions

if TYPE_CHECKING:
    from onnxnn.kinds.kind import NetworkKind

BATCH = "batch"
"""The name of the first axis."""

_ROUNDS = 4
"""A size that becomes known may make others known."""

Array = np.ndarray[Any, np.dtype[Any]]


def sample_shape(kind: NetworkKind, free: Shape, options: ExportOptions) -> Shape:
    """Return one sample with a size along every axis, as asked for or else as in training.

    Args:
        kind: The network.
        free: One sample, None for the sizes that are free.
        options: Which sizes are asked for.

    Raises:
        ExportError: An axis is not free, its size does not go through the network, or the network cannot have
            fixed sizes.
    """
    fixed = kind.fixed_shape(free)
    asked = _sizes(options)
    if options.in_graph:  # its height and width are the image's before preprocessing
        asked = {axis: size for axis, size in asked.items() if axis not in ("height", "width")}
    named = {"token" if axis == "time" and "token" in free.axes else axis: n for axis, n in asked.items()}
    for axis, size in named.items():
        if axis not in free.axes or free[axis] not in (None, size):
            open_axes = [a for a, n in zip(free.axes, free.sizes, strict=True) if n is None]
            raise _not_free(options, ["time" if a == "token" else a for a in open_axes], axis)
    shape = fixed.with_sizes(**named)
    try:
        kind.definition.resolved().placed(shape)
    except LayerError as error:
        raise ExportError.coded(
            "E-EXPORT-01", "fixed_shapes={sizes}: {error}", sizes=shortened(dict(options.sizes)), error=error
        ) from error
    return shape


def _not_free(options: ExportOptions, axes: Sequence[str], axis: str) -> ExportError:
    """Return the error that a size is asked for an axis that is not among those that are free."""
    axis = "time" if axis == "token" else axis
    return ExportError.coded(
        "E-EXPORT-01",
        "fixed_shapes={sizes}: expected sizes of axes that are free ({axes}), got {axis}={size}. "
        "Leave it out, or use fixed_shapes=True.",
        sizes=shortened(dict(options.sizes)),
        axes=", ".join([BATCH, *axes]),
        axis=axis,
        size=_sizes(options)[axis],
    )


def no_fixed_shapes() -> ExportError:
    """Return the error for a network that runs on inputs which grow with each token."""
    return ExportError.coded(
        "E-EXPORT-01",
        "fixed_shapes: expected a network whose inputs keep their sizes, got one that reads all tokens so "
        "far for each new one. Leave fixed_shapes out; ONNX Runtime takes every size.",
    )


def fix(card: ModelCard, model: onnx.ModelProto, options: ExportOptions) -> tuple[ModelCard, onnx.ModelProto]:
    """Set the batch, and what else is free, in a model and its card; fold what then is constant.

    Args:
        card: The card, filled in.
        model: The model, its sizes free; it is changed.
        options: Which sizes are asked for.

    Raises:
        ExportError: The size of images that the graph prepares is asked for, and not said.
    """
    sizes = {BATCH: options.batch, **_sizes(options)}
    open_axes = [axis for axis in card.input.shape if isinstance(axis, str)]
    images = dict(zip(("height", "width"), card.input.shape[1:3], strict=True)) if options.in_graph else {}
    for axis, size in images.items():
        if sizes.get(axis, size) != size and axis not in open_axes:
            raise _not_free(options, [each for each in open_axes if each != BATCH], axis)
    missing = [axis for axis in open_axes if axis not in sizes]
    if missing:
        raise ExportError.coded(
            "E-EXPORT-01",
            'fixed_shapes with preprocess="graph": expected the size of the images before preprocessing, '
            'such as fixed_shapes={{"height": 480, "width": 640}} or --sizes height=480,width=640, got no '
            "{axes}. Give it, or leave preprocess out.",
            axes=", ".join(missing),
        )
    shape = tuple(axis if axis == BATCH else sizes.get(str(axis), axis) for axis in card.input.shape)
    if card.input.states and (sizes[BATCH] != 1 or card.input.shape[1] != 1):
        raise ExportError.coded(
            "E-EXPORT-01",
            "fixed_shapes={sizes}: expected batch and time to be 1 in a file that writes text token by "
            "token. Use fixed_shapes=True.",
            sizes=shortened(dict(options.sizes)),
        )
    states = tuple(
        replace(state, shape=tuple(sizes.get(str(axis), axis) for axis in state.shape))
        for state in card.input.states
    )
    card = replace(card, input=replace(card.input, shape=shape, states=states, min_sizes={}))
    put_card(model, card)
    return card, with_sizes(model, sizes)


def with_sizes(model: onnx.ModelProto, sizes: Mapping[str, int]) -> onnx.ModelProto:
    """Return a model with the sizes of its values, and constants in place of what then is always the same.

    Args:
        model: The model; it is changed.
        sizes: The size of each axis by its name.
    """
    _set_sizes(model.graph, sizes)
    return _folded(model)


def _sizes(options: ExportOptions) -> dict[str, int]:
    return {axis: size for axis, size in options.sizes.items() if axis != BATCH}


def _set_sizes(graph: onnx.GraphProto, sizes: Mapping[str, int]) -> None:
    """Write sizes in place of the names of axes, in the graphs inside, too."""
    del graph.value_info[:]
    for value in [*graph.input, *graph.output]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _set_sizes(attribute.g, sizes)


def _folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with the sizes of its values, and constants in place of what is always the same."""
    for _ in range(_ROUNDS):
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        if not _fold_once(model):
            break
    return model


def _fold_once(model: onnx.ModelProto) -> bool:
    """Replace nodes whose outputs are always the same; return whether there were any."""
    graph = model.graph
    known = {tensor.name: tensor for tensor in graph.initializer}
    values = [*graph.input, *graph.value_info, *graph.output]
    shapes = {value.name: _shape_of(value) for value in values}
    constant: dict[str, onnx.TensorProto] = {}
    nodes: list[onnx.NodeProto] = []
    same = set(known)
    for node in graph.node:
        found = shapes.get(node.input[0]) if node.op_type == "Shape" else None
        if found is not None and not node.attribute:
            constant[node.output[0]] = numpy_helper.from_array(np.array(found, np.int64), node.output[0])
        elif _is_constant(node, same):
            nodes.append(node)
        else:
            continue
        same.update(node.output)
    made = {name for node in nodes for name in node.output if name}  # "" is an output that is left out
    gone = {*made, *constant}
    if not gone:
        return False
    rest = [node for node in graph.node if not set(node.output) & gone]
    needed = list(dict.fromkeys(name for node in rest for name in _read(node) if name in made))
    read = [name for node in nodes for name in node.input]
    given = {name: tensor for name, tensor in {**known, **constant}.items() if name in read}
    types = {value.name: value for value in values}
    if not all(name in types for name in needed):
        raise AssertionError
    arrays = _computed(model, nodes, list(given.values()), [types[n] for n in needed])
    graph.initializer.extend(numpy_helper.from_array(arrays[name], name) for name in needed)
    graph.initializer.extend(constant.values())
    used = {name for node in rest for name in _read(node)} | {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(rest)
    graph.initializer.extend(kept)
    return True


def _is_constant(node: onnx.NodeProto, names: set[str]) -> bool:
    """Return whether a node returns the same always, given the names of what does."""
    if node.op_type == "Constant":  # as torch writes custom modules
        return True
    holds_graph = any(a.type == onnx.AttributeProto.GRAPH for a in node.attribute)
    return not holds_graph and bool(node.input) and all(name in names for name in node.input if name)


def _read(node: onnx.NodeProto) -> list[str]:
    """Return the names that a node reads, those of the graphs inside it included."""
    found = list(node.input)
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            found += [name for inner in attribute.g.node for name in _read(inner)]
    return found


def _shape_of(value: onnx.ValueInfoProto) -> tuple[int, ...] | None:
    """Return the sizes of a value; None where one is not known."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape") or not all(dim.HasField("dim_value") for dim in tensor.shape.dim):
        return None
    return tuple(dim.dim_value for dim in tensor.shape.dim)


def _computed(
    model: onnx.ModelProto,
    nodes: Sequence[onnx.NodeProto],
    given: Sequence[onnx.TensorProto],
    needed: Sequence[onnx.ValueInfoProto],
) -> dict[str, Array]:
    """Return what nodes compute from initializers alone."""
    if not needed:
        return {}
    graph = helper.make_graph(list(nodes), "constants", [], list(needed), list(given))
    part = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4  # what fails is raised
    session = onnxruntime.InferenceSession(
        part.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in needed]
    found: dict[str, Array] = dict(zip(names, session.run(names, {}), strict=True))
    return found
