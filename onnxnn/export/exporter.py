"""From a trained network to one verified ONNX file."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx.checker
import onnx.shape_inference
import onnxnn_runtime
import torch
from onnx import TensorProto, helper
from onnxnn_runtime import InputSpec, ModelCard, OutputSpec
from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.arrays.conversion import plain_number
from onnxnn_runtime.card.card import METADATA_KEY, Axis
from onnxnn_runtime.defaults import IR_VERSION, OPSET, TOLERANCE
from onnxnn_runtime.errors import ExportError, LayerError, OnnxnnError, OutputError
from onnxnn_runtime.files.access import PathLike, as_path, check_target, first_bytes, write_atomically
from onnxnn_runtime.messages.catalogue import coded, gettext
from onnxnn_runtime.messages.html import table
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of
from onnxnn_runtime.messages.warn import warn
from onnxnn_runtime.outputs.output_files import check_output

from onnxnn.definition.definition import Definition
from onnxnn.definition.dynamic_axes import free_input, min_sizes
from onnxnn.definition.module import Net, evaluating
from onnxnn.graph.builder import GraphBuilder
from onnxnn.graph.shape import Shape

from . import preprocessing as preprocess_graph
from .example_script import write_script
from .verification import Parity, measure, probe_shapes

if TYPE_CHECKING:
    from onnxnn.kinds.kind import NetworkKind

__all__ = ["ExportReport", "export_onnx", "output_axis"]

OPSETS = (9, onnx.defs.onnx_opset_version())
"""The oldest opset that the layers can be written in, and the newest that onnx knows."""

IR_VERSIONS = (4, onnx.IR_VERSION)
"""The oldest format in which weights need not be graph inputs too, and the newest that onnx knows."""

MAX_BYTES = 2**31 - 1
"""Where one protobuf file ends."""

_DATASET_TYPES = {"image": "img", "table": "tab"}  # XEduHub's words; anything else is "npz"


@checked_class()
@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Args:
        path: The file.
        size: Its bytes.
        parity: The largest differences from torch: {"absolute": ..., "relative": ...}.
        seconds: How long it took, verification included.
    """

    path: Path
    size: int
    parity: dict[str, float]
    seconds: float

    def _repr_html_(self) -> str:
        parity = ", ".join(f"{name} {value:.3g}" for name, value in self.parity.items())
        rows = [
            (gettext("size in bytes"), self.size),
            (gettext("difference from torch"), parity),
            (gettext("seconds"), self.seconds),
        ]
        return table(str(self.path), (gettext("exported"), ""), rows)


def export_onnx(
    kind: NetworkKind,
    net: Net,
    card: ModelCard,
    path: PathLike,
    *,
    opset_version: int = OPSET,
    ir_version: int = IR_VERSION,
    preprocess: str = "runtime",
    example: np.ndarray[Any, Any] | None = None,
    script: bool = False,
    tolerance: float = TOLERANCE,
    sources: Sequence[Any] = (),
    force: bool = False,
) -> ExportReport:
    """Write a network as one ONNX file, reopen it with the runtime and compare it with torch.

    Only a file that passed is written; a failing export leaves everything as it was.

    Args:
        kind: The network's layers, and what kind of network they make.
        net: Its trained module; its mode is left as it was.
        card: What the file says about itself; axes, embedding and parity are filled in here.
        path: The file to write.
        opset_version: Opset of the ONNX domain.
        ir_version: Version of the file format; 4 is written for 1 to 3, with a warning.
        preprocess: "runtime" leaves preprocessing to the card's reader; "graph" bakes it into the graph,
            which then takes uint8 (N, H, W, 3).
        example: One raw training sample for the script: uint8 (H, W, C) for images, numbers otherwise.
        script: Whether to write a few-line sample script beside the file.
        tolerance: Largest difference from torch allowed, relative to the largest output.
        sources: Files that the file must not replace, such as the checkpoint.
        force: Whether to replace one of them, or a file of another format.

    Raises:
        ExportError: The versions, the weights or a layer do not allow it, the file differs from torch, or
            `path` is a checkpoint.
        OutputError: The file cannot be written.
    """
    start = time.perf_counter()
    opset_version, ir_version, tolerance = map(plain_number, (opset_version, ir_version, tolerance))
    ir_version = _writable_version(ir_version)
    in_graph = check_options(kind, card, opset_version, ir_version, preprocess, tolerance)
    check_path(path, sources, force)
    _check_weights(net)
    with evaluating(net):
        finished, data, parity = _export(kind, net, card, opset_version, ir_version, in_graph, tolerance)
    target = write_atomically(path, lambda file: file.write(data))
    if script:
        _write_script(kind, target, finished, example)
    return ExportReport(target, len(data), parity, time.perf_counter() - start)


def _write_script(
    kind: NetworkKind, target: Path, card: ModelCard, example: np.ndarray[Any, Any] | None
) -> None:
    """Write the sample script; the model file does without, so that a failure is a warning."""
    try:
        write_script(kind, target, card, example)
    except OutputError as error:
        warn(gettext("{error} The ONNX file itself is written.", error=error))


def check_options(
    kind: NetworkKind,
    card: ModelCard,
    opset_version: int = OPSET,
    ir_version: int = IR_VERSION,
    preprocess: str = "runtime",
    tolerance: float = TOLERANCE,
) -> bool:
    """Refuse options that a network cannot be exported with; it need not be trained yet.

    Returns:
        Whether preprocessing goes into the graph.

    Raises:
        ExportError: The message names the option.
    """
    check_versions(opset_version, ir_version)
    if not is_one_of(preprocess, ("runtime", "graph")):
        raise ExportError(
            coded(
                "E-EXPORT-01",
                'preprocess={preprocess}: expected "runtime" or "graph".',
                preprocess=shortened(preprocess),
            )
        )
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 < tolerance < math.inf:
        raise ExportError(
            coded(
                "E-EXPORT-01",
                "tolerance={tolerance}: expected a number above 0, such as 1e-4.",
                tolerance=shortened(tolerance),
            )
        )
    in_graph = preprocess == "graph"
    kind.check_export(card, opset_version, in_graph)
    return in_graph


def check_versions(opset_version: int, ir_version: int) -> None:
    """Refuse versions outside the range that works.

    Raises:
        ExportError: The message names the range.
    """
    for name, value, (low, high) in (
        ("opset_version", opset_version, OPSETS),
        ("ir_version", ir_version, IR_VERSIONS),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ExportError(
                coded(
                    "E-EXPORT-01",
                    "{name}={value}: expected {low} to {high}. The defaults, opset {opset} and IR "
                    "{ir_version}, load in every ONNX Runtime since 1.8.",
                    name=name,
                    value=shortened(value),
                    low=low,
                    high=high,
                    opset=OPSET,
                    ir_version=IR_VERSION,
                )
            )


def _writable_version(ir_version: int) -> int:
    """Return a version of the file format, the oldest that is written for those before it."""
    oldest = IR_VERSIONS[0]
    if type(ir_version) is not int or ir_version not in range(1, oldest):
        return ir_version
    warn(
        gettext(
            "ir_version={ir_version}: {oldest} is written, the oldest format that holds weights as they are "
            "written here; every ONNX Runtime reads it.",
            ir_version=ir_version,
            oldest=oldest,
        )
    )
    return oldest


def check_path(path: PathLike, sources: Sequence[Any] = (), force: bool = False) -> None:
    """Refuse to replace a source, or a file of another format.

    Checkpoints and files of arrays are zip files, which ONNX never is.

    Raises:
        ExportError: `path` is a zip file.
        OutputError: `path` is another such file, a folder, or no path at all.
    """
    target = as_path(path)
    check_target(target)
    if os.path.isfile(target) and not force and first_bytes(target, 4, "force=True") == b"PK\x03\x04":
        raise ExportError(
            coded(
                "E-OUTPUT-02",
                "{path}: is a checkpoint or a file of arrays, which the ONNX file would replace. Choose "
                "another name, such as {example}.",
                path=target,
                example=shortened(target.with_suffix(".onnx").name),
            )
        )
    check_output(target, "ONNX", sources, force)


def _check_weights(net: Net) -> None:
    size = 0
    for name, value in net.state_dict().items():
        size += value.numel() * value.element_size()
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ExportError(
                coded(
                    "E-EXPORT-02",
                    "{name} holds NaN or infinite numbers: the training diverged. Train again with a smaller "
                    "lr, or export an earlier checkpoint.",
                    name=name,
                )
            )
    if size > MAX_BYTES - 2**20:
        raise ExportError(
            coded(
                "E-EXPORT-02",
                "expected weights of at most 2 GiB, which one ONNX file holds, got {size:.2f} GiB. Use "
                "fewer or smaller layers.",
                size=size / 2**30,
            )
        )


def _export(
    kind: NetworkKind,
    net: Net,
    card: ModelCard,
    opset: int,
    ir_version: int,
    in_graph: bool,
    tolerance: float,
) -> tuple[ModelCard, bytes, dict[str, float]]:
    definition = kind.definition
    if not definition.has_layers or definition.input_shape is None:
        raise ExportError(coded("E-LAYER-10", "there is nothing to export. Add layers first."))
    candidates = [free_input(definition), definition.input_shape]
    custom = net.has_custom
    # Only a custom module can turn out to be less free than its shapes promise.
    for free in candidates if custom and candidates[0] != candidates[1] else candidates[:1]:
        free = present(free)
        try:
            finished, model = build_model(kind, net, card, free, opset, ir_version, in_graph)
            parity = _verify(model, kind, net, finished, free, tolerance)
            break
        except ExportError:
            if not custom or free is candidates[-1] or candidates[0] == candidates[1]:
                raise
    finished = replace(finished, parity=parity.to_dict())
    return finished, _serialise(model, finished), parity.to_dict()


def build_model(
    kind: NetworkKind,
    net: Net,
    card: ModelCard,
    free: Shape,
    opset: int = OPSET,
    ir_version: int = IR_VERSION,
    in_graph: bool = False,
) -> tuple[ModelCard, onnx.ModelProto]:
    """Return the finished card and the ONNX model, not verified yet.

    Args:
        kind: The network's layers, and what kind of network they make.
        net: Its module, in evaluation mode.
        card: The card so far.
        free: One sample, None for the sizes that stay free.
        opset: Opset of the ONNX domain.
        ir_version: Version of the file format.
        in_graph: Whether the graph starts with the card's preprocessing.
    """
    graph = GraphBuilder(opset, stateful=bool(card.input.states))
    given, result = kind.value_names(card)
    x = given
    sample_dims = axis_names(free)
    if in_graph:
        preprocess = present(card.input.preprocess)
        x = preprocess_graph.emit(graph, x, preprocess)
        sample_dims = preprocess_graph.input_axes(free, preprocess)
        free = preprocess_graph.network_input(free, preprocess)
    try:
        y, feature = kind.emit(graph, x, net, card, free)
    except LayerError as error:
        raise ExportError(coded("E-EXPORT-02", "{error}", error=error)) from error
    finished = _finish(card, kind, free, sample_dims, in_graph, has_feature=feature is not None)
    outputs = [_value_info(result, finished.output.shape)]
    if finished.output.embedding is not None:
        feature = present(feature)
        graph.output("embedding", feature)
        outputs.append(_value_info("embedding", ("batch", finished.output.embedding)))
        y = "embedding" if y == feature else y
    after = graph.output_states()
    graph.output(result, y)
    dtype = TensorProto.UINT8 if in_graph else _input_type(card)
    inputs = [_value_info(given, finished.input.shape, dtype)]
    inputs += graph.more_inputs
    for state, shape in graph.states.items():
        inputs.append(_value_info(state, shape))
        outputs.append(_value_info(after[state], shape))
    metadata = {METADATA_KEY: finished.to_json(), **_xedu_metadata(finished, kind, in_graph)}
    model = graph.model("onnxnn", inputs, outputs, ir_version, metadata)
    return finished, _checked(model)


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
        raise ExportError(
            coded("E-EXPORT-03", "the graph is not valid ONNX: {error}", error=error)
        ) from error
    return inferred


def _verify(
    model: onnx.ModelProto,
    kind: NetworkKind,
    net: Net,
    card: ModelCard,
    free: Shape,
    tolerance: float,
) -> Parity:
    try:
        loaded = onnxnn_runtime.load(model.SerializeToString(), device="cpu")
    except OnnxnnError as error:
        opset = next(entry.version for entry in model.opset_import if not entry.domain)
        raise ExportError(
            coded(
                "E-EXPORT-03",
                "ONNX Runtime here does not run opset {opset} with IR {ir_version} ({error}). Leave "
                "opset_version and ir_version at {default_opset} and {default_ir_version}.",
                opset=opset,
                ir_version=model.ir_version,
                error=error,
                default_opset=OPSET,
                default_ir_version=IR_VERSION,
            )
        ) from error
    try:
        parity = measure(kind, loaded, net, card, free, tolerance)
    except ExportError:
        raise
    except OnnxnnError as error:
        raise ExportError(
            coded("E-EXPORT-03", "the exported file does not run: {error} Nothing was written.", error=error)
        ) from error
    is_rounding = tolerance >= TOLERANCE and parity.is_rounding()  # a stricter one is meant as it stands
    if not parity.relative <= tolerance and not is_rounding:
        raise ExportError(
            coded(
                "E-EXPORT-03",
                "the exported file differs from torch by {relative:.3g} relative ({absolute:.3g} absolute) "
                "at input {shape}: expected at most {tolerance:g}. Nothing was written.",
                relative=parity.relative,
                absolute=parity.absolute,
                shape=parity.where,
                tolerance=tolerance,
            )
        )
    if parity.relative > tolerance:
        warn(
            gettext(
                "this network amplifies rounding: its float32 outputs differ from its float64 ones by "
                "{rounding:.2g} relative in torch, and by {relative:.2g} in the exported file. Train it on "
                "more samples or in more epochs where that matters.",
                rounding=parity.rounding,
                relative=parity.relative,
            )
        )
    return parity


def _serialise(model: onnx.ModelProto, card: ModelCard) -> bytes:
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = card.to_json()
    data: bytes = model.SerializeToString()
    if len(data) > MAX_BYTES:
        raise ExportError(
            coded(
                "E-EXPORT-02",
                "expected a file of at most 2 GiB, which one ONNX file holds, got {size:.2f} GiB. Use fewer "
                "or smaller layers.",
                size=len(data) / 2**30,
            )
        )
    return data
