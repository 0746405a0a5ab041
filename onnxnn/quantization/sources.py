"""The float file that a smaller one is made from: opened by the runtime, and refused where it is none."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import onnx
import onnxnn_runtime as rt
from onnx import ModelProto
from onnxnn_runtime import Model, ModelCard
from onnxnn_runtime.errors import CardError, ExportError
from onnxnn_runtime.session.onnxfile import ModelFile
from onnxnn_runtime.session.precision import small_precision

from onnxnn.export.options import target_named

from .options import QuantizeOptions
from .selection import PREPARATION, select

_MIN_OPSET = 13
"""The first opset in which weights have a scale for each channel."""


@dataclass(frozen=True)
class FloatFile:
    """A file that computes in float32 or float64.

    Args:
        name: What messages call it.
        model: The opened model.
        card: Its card.
        proto: Its graph.
        size: Its bytes.
    """

    name: str
    model: Model
    card: ModelCard
    proto: ModelProto
    size: int

    @property
    def reading(self) -> ModelCard:
        """The card with which samples are read: one at a time, where the file takes no more at once."""
        if _batch_of(self.proto) != 1:
            return self.card
        return replace(self.card, input=replace(self.card.input, shape=(1, *self.card.input.shape[1:])))


def open_float_file(file: str | os.PathLike[str] | bytes, name: str, options: QuantizeOptions) -> FloatFile:
    """Open a file that shall become smaller.

    Args:
        file: The file, or its bytes.
        name: What messages call it.
        options: How it shall be.

    Raises:
        InputError: It is no model that the runtime opens.
        CardError: It has no card.
        ExportError: It is quantised already, of an opset that is too old, or too new for the target.
    """
    model = rt.load(file, device="cpu")
    content = bytes(ModelFile(file).content)
    proto = onnx.load_model_from_string(content)
    facts = None if model.card is None else model.card.quantization
    precision = small_precision(content) if facts is None else facts.precision
    if precision:
        raise ExportError.coded(
            "E-QUANT-01",
            "{name}: expected a file that computes in float32, got one that is quantised already "
            "({precision}). Quantise the file that `onnxnn export` wrote.",
            name=name,
            precision=precision,
        )
    if model.card is None:
        raise CardError.coded(
            "E-CARD-01",
            "{name}: expected a file with an onnxnn card in its metadata, which says how samples are read "
            "and compared, got one without. Quantise a file that `onnxnn export` wrote.",
            name=name,
        )
    _check_form(proto, name, options)
    return FloatFile(name, model, model.card, proto, len(content))


def _batch_of(proto: ModelProto) -> int:
    """Return how many samples a file takes at once; 0 where that is free."""
    sizes = proto.graph.input[0].type.tensor_type.shape.dim
    return int(sizes[0].dim_value) if len(sizes) else 0


def _check_form(proto: ModelProto, name: str, options: QuantizeOptions) -> None:
    """Refuse batches of several samples, and versions that are too old for integers or new for the target.

    Raises:
        ExportError: It is; the message says which there may be.
    """
    batch = _batch_of(proto)
    if batch > 1:
        raise ExportError.coded(
            "E-QUANT-01",
            "{name}: expected a file that takes any number of samples, or one at a time, got one for batches "
            "of {batch}. Export it again without a size for the batch, or with fixed_shapes=True.",
            name=name,
            batch=batch,
        )
    opset = next((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if options.precision == "int8" and opset < _MIN_OPSET:
        raise ExportError.coded(
            "E-QUANT-01",
            "{name}: expected opset {least} or newer, got {opset}: older ones have one scale for all "
            "weights of a layer. Export it again with opset_version={least}.",
            name=name,
            least=_MIN_OPSET,
            opset=opset,
        )
    if options.target is None:
        return
    target = target_named(options.target)
    if opset > target.opset or proto.ir_version > target.ir_version:
        raise ExportError.coded(
            "E-QUANT-01",
            "{name}: expected at most opset {most} and IR {most_ir}, the highest that target={target!r} "
            "takes, got opset {opset} and IR {ir_version}, which stay as they are. Export it again with "
            "target={target!r}.",
            name=name,
            most=target.opset,
            most_ir=target.ir_version,
            target=target.name,
            opset=opset,
            ir_version=proto.ir_version,
        )


def stays_in_float(source: FloatFile) -> tuple[str, ...]:
    """Return the nodes that float16 is no use for: preprocessing, and the last products of values.

    Values such as years need more than the 3 digits of float16; of classes and vectors it spoils nothing.
    """
    graph = source.proto.graph
    prepared = tuple(node.name for node in graph.node if node.name.startswith(PREPARATION))
    return (*prepared, *(select(source.proto).kept if source.model.kind.does == "regress" else ()))
