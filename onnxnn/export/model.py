"""The ONNX model of a network: its graph, its inputs and outputs, the finished card inside."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import onnx
import onnx.checker
import onnx.shape_inference
from onnx import TensorProto, helper
from onnxnn_runtime import InputSpec, ModelCard, OutputSpec
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.card import METADATA_KEY, Axis
from onnxnn_runtime.errors import ExportError, LayerError
from onnxnn_runtime.heatmap import OUTPUT as HEAT_MAPS

from onnxnn.definition.definition import Definition
from onnxnn.definition.dynamic_axes import free_input, min_sizes
from onnxnn.definition.module import Net
from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from . import preprocessing as preprocess_graph
from .options import ExportOptions
from .verification import probe_shapes

if TYPE_CHECKING:
    from onnxnn.kinds.kind import NetworkKind

_DATASET_TYPES = {"image": "img", "table": "tab"}  # XEduHub's words; anything else is "npz"


def build_model(
    kind: NetworkKind,
    net: Net,
    card: ModelCard,
    free: Shape,
    options: ExportOptions = ExportOptions(),
) -> tuple[ModelCard, onnx.ModelProto]:
    """Return the finished card and the ONNX model, not verified yet.

    Args:
        kind: The network's layers, and what kind of network they make.
        net: Its module, in evaluation mode.
        card: The card so far.
        free: One sample, None for the sizes that stay free.
        options: How it is exported.
    """
    graph = GraphBuilder(options.opset, stateful=bool(card.input.states))
    given, result = kind.value_names(card)
    x, in_graph = given, options.in_graph
    sample_dims = axis_names(free)
    if in_graph:
        preprocess = present(card.input.preprocess)
        x = preprocess_graph.emit(graph, x, preprocess)
        sample_dims = preprocess_graph.input_axes(free, preprocess)
        free = preprocess_graph.network_input(free, preprocess)
    try:
        y, feature = kind.emit(graph, x, net, card, free)
    except LayerError as error:
        raise ExportError.coded("E-EXPORT-02", "{error}", error=error) from error
    maps = _heat_maps(graph, card) if options.heatmap else None
    finished = _finish(card, kind, free, sample_dims, in_graph, has_feature=feature is not None)
    outputs = [_value_info(result, finished.output.shape)]
    if finished.output.embedding is not None:
        feature = present(feature)
        graph.output("embedding", feature)
        outputs.append(_value_info("embedding", ("batch", finished.output.embedding)))
        y = "embedding" if y == feature else y
    if maps is not None:
        graph.output(HEAT_MAPS, maps)
        shape = ("batch", finished.output.shape[1], "map_height", "map_width")
        outputs.append(_value_info(HEAT_MAPS, shape))
    after = graph.output_states()
    graph.output(result, y)
    dtype = TensorProto.UINT8 if in_graph else _input_type(card)
    inputs = [_value_info(given, finished.input.shape, dtype)]
    inputs += graph.more_inputs
    for state, then in after.items():
        inputs.append(_value_info(state, graph.state_shape(state)))
        outputs.append(_value_info(then, graph.state_shape(state, after=True)))
    metadata = {METADATA_KEY: finished.to_json(), **_xedu_metadata(finished, kind, in_graph)}
    model = graph.model("onnxnn", inputs, outputs, options.ir, metadata)
    return finished, _checked(model)


def _heat_maps(graph: GraphBuilder, card: ModelCard) -> Value:
    """Write the class activation maps; return them.

    Raises:
        ExportError: The network has none.
    """
    maps = graph.class_maps() if card.output.kind in ("classes", "binary") else None
    if maps is None or len(card.output.shape) != 2:
        raise no_heat_maps()
    return maps


def no_heat_maps() -> ExportError:
    """Return the error for a network whose file cannot have heat maps."""
    return ExportError.coded(
        "E-EXPORT-01",
        "heatmap=True: expected a network that classifies images by the means of its last channels: "
        "convolutions, then 'global_avgpool' and one 'linear', or an encoder such as 'mobilenet_backbone' "
        "and one 'linear'. Build it so and train it, or use model.heatmap(image) in torch, which takes "
        "Grad-CAM for others.",
    )


def put_card(model: onnx.ModelProto, card: ModelCard) -> None:
    """Write another card into a model, in place of its own."""
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = card.to_json()


def axis_names(shape: Shape) -> tuple[Axis, ...]:
    """Return the sizes of one sample with the name of its axis where a size is free."""
    return tuple(
        _axis_name(axis) if size is None else size for axis, size in zip(shape.axes, shape.sizes, strict=True)
    )


def _axis_name(axis: str) -> str:
    return "time" if axis == "token" else axis


def _min_sizes(card: ModelCard, definition: Definition, in_graph: bool) -> dict[str, int]:
    """Return the smallest sizes of the graph's input by the names of its axes."""
    found = min_sizes(definition)
    if in_graph:
        return preprocess_graph.input_min_sizes(found, present(card.input.preprocess))
    return {_axis_name(axis): size for axis, size in found.items()}


def _finish(
    card: ModelCard,
    kind: NetworkKind,
    free: Shape,
    sample_dims: tuple[Axis, ...],
    in_graph: bool,
    has_feature: bool,
) -> ModelCard:
    definition = kind.definition
    out_shape = definition.shape_after(free)
    dims: tuple[Axis, ...] = tuple(
        kind.output_axis(axis) if isinstance(axis, str) else axis for axis in axis_names(out_shape)
    )
    embedding = definition.feature_size() if has_feature and card.output.kind != "embedding" else None
    output: OutputSpec = replace(card.output, shape=("batch", *dims), embedding=embedding)
    spec: InputSpec = replace(
        card.input,
        shape=("batch", *sample_dims),
        in_graph=in_graph,
        min_sizes=_min_sizes(card, definition, in_graph),
    )
    return replace(card, network=definition.to_data(), input=spec, output=output, parity=None)


def output_axis(definition: Definition, axis: str) -> str:
    """Name a free output axis as the input's where both always have the same size, else apart."""
    name = {"time": "token"} if "token" in (definition.input_shape or Shape((), ())).axes else {}
    pairs = []
    for probe in probe_shapes(definition, free_input(definition)):
        after = definition.shape_after(probe)
        source = name.get(axis, axis)
        if source not in probe.axes or axis not in after.axes:
            return f"output_{axis}"
        pairs.append(probe[source] == after[axis])
    return axis if all(pairs) else f"output_{axis}"


def _value_info(name: str, shape: tuple[Axis, ...], dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, list(shape))


def _input_type(card: ModelCard) -> int:
    if card.input.kind == "tokens":
        return int(TensorProto.INT64)
    return int(TensorProto.DOUBLE if card.input.dtype == "float64" else TensorProto.FLOAT)


def _xedu_metadata(card: ModelCard, kind: NetworkKind, in_graph: bool) -> dict[str, str]:
    """Return XEduHub's two keys; it feeds floats alone, so graphs that take anything else have none."""
    if in_graph or not kind.runs_in_xedu or card.input.dtype == "float64":
        return {}
    sizes = probe_shapes(kind.definition, kind.definition.input_shape)[0].sizes
    return {
        "input_size": str([1, *sizes]),
        "dataset_type": _DATASET_TYPES.get(card.input.kind, "npz"),
    }


def _checked(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with the sizes of all values, which viewers show, checked by onnx."""
    data = model.SerializeToString()
    try:
        inferred = onnx.shape_inference.infer_shapes(data, check_type=True, strict_mode=True)
        onnx.checker.check_model(data)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise ExportError.coded(
            "E-EXPORT-03",
            "the graph is not valid ONNX ({error}). Leave out custom modules one by one to find which writes "
            "it so; please report it where there are none.",
            error=error,
        ) from error
    return inferred
