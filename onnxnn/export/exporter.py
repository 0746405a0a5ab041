"""From a trained network to one verified ONNX file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnxnn_runtime
import torch
from onnxnn_runtime import ModelCard
from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.card.words import kind_name, parity_text
from onnxnn_runtime.defaults import IR_VERSION, OPSET, TOLERANCE
from onnxnn_runtime.errors import ExportError, OnnxnnError, OutputError
from onnxnn_runtime.files.access import PathLike, as_path, check_target, first_bytes, write_atomically
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.html import table
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn
from onnxnn_runtime.outputs.output_files import check_output

from onnxnn.definition.dynamic_axes import free_input
from onnxnn.definition.module import Net, evaluating
from onnxnn.graph.builder import GraphBuilder
from onnxnn.graph.nodes import Array
from onnxnn.graph.shape import Shape

from . import fixed_shapes
from .example_script import write_script
from .model import build_model, no_heat_maps, put_card
from .options import ExportOptions
from .sampling_loop import with_loop
from .verification import Parity, measure

if TYPE_CHECKING:
    from onnxnn_runtime.card.unknown import UnknownSpec

    from onnxnn.kinds.kind import NetworkKind
    from onnxnn.quantization.quantizer import QuantizationReport

MAX_BYTES = 2**31 - 1
"""Where one protobuf file ends."""


@checked_class()
@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Args:
        path: The file.
        size: Its bytes.
        parity: The largest differences from torch: {"absolute": ..., "relative": ...}.
        seconds: How long it took, verification included.
        quantization: What the smaller numbers of precision="int8" or "fp16" cost; None for a file in float32.
        unknown: The reference vectors of unknown=True; None for a file without.
    """

    path: Path
    size: int
    parity: dict[str, float]
    seconds: float
    quantization: QuantizationReport | None = None
    unknown: UnknownSpec | None = None

    def _repr_html_(self) -> str:
        rows = [
            (gettext("size in bytes"), self.size),
            (gettext("difference from torch"), parity_text(self.parity, 3)),
            (gettext("seconds"), self.seconds),
        ]
        return table(str(self.path), (gettext("exported"), ""), rows)


def export_onnx(
    kind: NetworkKind,
    net: Net,
    card: ModelCard,
    path: PathLike,
    options: ExportOptions = ExportOptions(),
    *,
    example: Array | None = None,
    script: bool = False,
    sources: Sequence[object] = (),
    force: bool = False,
    smaller: Callable[[bytes], bytes] = bytes,
) -> ExportReport:
    """Write a network as one ONNX file, reopen it with the runtime and compare it with torch.

    Only a file that passed is written; a failing export leaves everything as it was.

    Args:
        kind: The network's layers, and what kind of network they make.
        net: Its trained module; its mode is left as it was.
        card: What the file says about itself; axes, embedding and parity are filled in here.
        path: The file to write.
        options: How it is exported.
        example: One raw training sample for the script: uint8 (H, W, C) for images, numbers otherwise.
        script: Whether to write a few-line sample script beside the file.
        sources: Files that the file must not replace, such as the checkpoint.
        force: Whether to replace one of them, or a file of another format.
        smaller: What becomes of the file that passed before it is written.

    Raises:
        ExportError: The versions, the weights or a layer do not allow it, the file differs from torch, or
            `path` is a checkpoint.
        OutputError: The file cannot be written.
    """
    start = time.perf_counter()
    card = with_loop(card, options)
    kind.check_export(card, options.opset, options.in_graph)
    check_path(path, sources, force)
    _check_weights(net)
    with evaluating(net):
        finished, data, parity = _export(kind, net, card, options)
    data = smaller(data)
    target = write_atomically(path, lambda file: file.write(data))
    if script:
        _write_script(kind, target, finished, example)
    return ExportReport(target, len(data), parity, time.perf_counter() - start, unknown=finished.unknown)


def _write_script(kind: NetworkKind, target: Path, card: ModelCard, example: Array | None) -> None:
    """Write the sample script; the model file does without, so that a failure is a warning."""
    try:
        write_script(kind, target, card, example)
    except OutputError as error:
        warn(gettext("{error} The ONNX file itself is written.", error=error))


def check_export(kind: NetworkKind, card: ModelCard, options: ExportOptions) -> None:
    """Refuse options that a network cannot be exported with; it need not be trained yet.

    Raises:
        ExportError: The message names the option.
    """
    kind.check_export(with_loop(card, options), options.opset, options.in_graph)
    if options.unknown:
        _check_detects(card)
    if options.heatmap:
        _check_heat_maps(kind, card, options)
    free = free_input(kind.definition)
    if options.fixed_shapes and free is not None:
        fixed_shapes.sample_shape(kind, free, options)


def _check_heat_maps(kind: NetworkKind, card: ModelCard, options: ExportOptions) -> None:
    """Refuse a network whose file cannot have heat maps.

    Raises:
        ExportError: It has none.
    """
    free = free_input(kind.definition)
    if free is None or free.axes != ("channel", "height", "width") or ModelKind(card).does != "classify":
        raise no_heat_maps()
    graph = GraphBuilder(options.opset)
    kind.emit(graph, "input", kind.definition.net, card, free)
    if graph.class_maps() is None or len(card.output.shape) != 2:
        raise no_heat_maps()


def _check_detects(card: ModelCard) -> None:
    """Refuse a network that cannot detect unknown inputs.

    Raises:
        ExportError: It does not classify whole inputs, or has no feature vector.
    """
    is_classifier = ModelKind(card).does == "classify" and len(card.output.shape) == 2
    if is_classifier and card.output.embedding is not None:
        return
    raise ExportError.coded(
        "E-EXPORT-01",
        "unknown=True: expected a network that classifies, with a feature vector before its head "
        "(learned layers, then a last 'linear'), got one {got}. Leave unknown out, or add such a head.",
        got=gettext("without a feature vector")
        if is_classifier
        else gettext("whose output is: {kind}", kind=kind_name(card.output.kind)),
    )


def check_path(path: PathLike, sources: Sequence[object] = (), force: bool = False) -> None:
    """Refuse to replace a source, or a file of another format.

    Checkpoints and files of arrays are zip files, which ONNX never is.

    Raises:
        ExportError: `path` is a zip file.
        OutputError: `path` is another such file, a folder, or no path at all.
    """
    target = as_path(path)
    check_target(target)
    if os.path.isfile(target) and not force and first_bytes(target, 4, "force=True") == b"PK\x03\x04":
        raise ExportError.coded(
            "E-OUTPUT-02",
            "{path}: is a checkpoint or a file of arrays, which the ONNX file would replace. Choose "
            "another name, such as {example}.",
            path=target,
            example=shortened(target.with_suffix(".onnx").name),
        )
    check_output(target, "ONNX", sources, force)


def _check_weights(net: Net) -> None:
    size = 0
    for name, value in net.state_dict().items():
        size += value.numel() * value.element_size()
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ExportError.coded(
                "E-EXPORT-02",
                "{name} holds NaN or infinite numbers: the training diverged. Train again with a smaller "
                "lr, or export an earlier checkpoint.",
                name=name,
            )
    if size > MAX_BYTES - 2**20:
        raise ExportError.coded(
            "E-EXPORT-02",
            "expected weights of at most 2 GiB, which one ONNX file holds, got {size:.2f} GiB. Use "
            "fewer or smaller layers.",
            size=size / 2**30,
        )


def _export(
    kind: NetworkKind,
    net: Net,
    card: ModelCard,
    options: ExportOptions,
) -> tuple[ModelCard, bytes, dict[str, float]]:
    definition = kind.definition
    if not definition.has_layers or definition.input_shape is None:
        raise ExportError.coded("E-LAYER-10", "there is nothing to export. Add layers first.")
    candidates = [free_input(definition), definition.input_shape]
    custom = net.has_custom
    # Only a custom module can turn out to be less free than its shapes promise.
    for free in candidates if custom and candidates[0] != candidates[1] else candidates[:1]:
        free = present(free)
        if options.fixed_shapes:
            free = fixed_shapes.sample_shape(kind, free, options)
        try:
            finished, model = build_model(kind, net, card, free, options)
            if options.fixed_shapes:
                finished, model = fixed_shapes.fix(finished, model, options)
            parity = _verify(model, kind, net, finished, free, options.tolerance)
            break
        except ExportError:
            if not custom or free is candidates[-1] or candidates[0] == candidates[1]:
                raise
    finished = replace(finished, parity=parity.to_dict())
    _warn_of_engines(model)
    return finished, _serialise(model, finished), parity.to_dict()


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
        raise ExportError.coded(
            "E-EXPORT-03",
            "ONNX Runtime here does not run opset {opset} with IR {ir_version} ({error}). Leave "
            "opset_version and ir_version at {default_opset} and {default_ir_version}.",
            opset=opset,
            ir_version=model.ir_version,
            error=error,
            default_opset=OPSET,
            default_ir_version=IR_VERSION,
        ) from error
    try:
        parity = measure(kind, loaded, net, card, free, tolerance)
    except ExportError:
        raise
    except OnnxnnError as error:
        raise ExportError.coded(
            "E-EXPORT-03", "the exported file does not run: {error} Nothing was written.", error=error
        ) from error
    is_rounding = tolerance >= TOLERANCE and parity.is_rounding()  # a stricter one is meant as it stands
    if not parity.relative <= tolerance and not is_rounding:
        raise ExportError.coded(
            "E-EXPORT-03",
            "the exported file differs from torch by {relative:.3g} relative ({absolute:.3g} absolute) "
            "at input {shape}: expected at most {tolerance:g}. Nothing was written.",
            relative=parity.relative,
            absolute=parity.absolute,
            shape=parity.where,
            tolerance=tolerance,
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


def _warn_of_engines(model: onnx.ModelProto) -> None:
    """Warn of what engines other than ONNX Runtime are known to compute otherwise."""
    recurrent = [node for node in model.graph.node if node.op_type == "RNN"]
    if any(b"Relu" in attribute.strings for node in recurrent for attribute in node.attribute):
        warn(
            gettext(
                "rnn(nonlinearity='relu'): ONNX Runtime and OpenVINO compute it as torch does, but tract "
                "computes tanh in its place, and OpenCV and onnx.reference refuse it. Use "
                "nonlinearity='tanh', or 'gru' or 'lstm', where one of those is to run the file."
            )
        )


def _serialise(model: onnx.ModelProto, card: ModelCard) -> bytes:
    put_card(model, card)
    data: bytes = model.SerializeToString()
    if len(data) > MAX_BYTES:
        raise ExportError.coded(
            "E-EXPORT-02",
            "expected a file of at most 2 GiB, which one ONNX file holds, got {size:.2f} GiB. Use fewer "
            "or smaller layers.",
            size=len(data) / 2**30,
        )
    return data
