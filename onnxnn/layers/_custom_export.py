"""ONNX nodes of a custom module: by torch's exporter, checked, and copied into our graph."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.inliner
import onnx.version_converter
import torch
from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import ExportError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.session import providers
from torch import nn
from torch.overrides import TorchFunctionMode

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.opsets import targets_for
from onnxnn.graph.shape import Shape
from onnxnn.graph.splits import cut_wide_splits

from .reference import reference

_TOLERANCE = 1e-4
_LEGACY_OPSETS = range(9, 21)
_CURRENT_OPSET = 18


def emit(
    graph: GraphBuilder, x: Value, module: nn.Module, probes: Sequence[Shape], in_shape: Shape, call: str
) -> Value:
    """Write the module's nodes: by whichever of torch's two exporters returns what the module returns.

    Args:
        graph: Where to.
        x: The module's input.
        module: The module, in evaluation mode.
        probes: Two shapes of one sample to export and to compare with; different where sizes are free.
        in_shape: One sample, None for the sizes that stay free.
        call: How the module was added, for messages.

    Raises:
        ExportError: Neither exporter's graph works at this opset.
    """
    reasons = []
    for export in (_legacy, _current):
        try:
            with _silent():
                written = _at_opset(export(module, probes[0], in_shape, graph.opset), graph.opset)
                model = cut_wide_splits(written)
                _compare(model, module, probes)
        except Exception as error:  # torch's exporters raise anything; the next one is tried
            reasons.append(_reason(error))
            continue
        return graph.inline(model, x)
    older, current = reasons
    raise ExportError.coded(
        "E-EXPORT-02",
        "{where}: torch cannot export this module at opset {opset} (the older exporter: {older}; the "
        "current exporter: {current}). torch's current exporter writes opset {newer} directly. {advice} "
        "Or build the network from named layers.",
        where=call,
        opset=graph.opset,
        older=older,
        current=current,
        newer=_CURRENT_OPSET,
        advice=targets_for(max(_CURRENT_OPSET, graph.opset)),
    )


def _reason(error: Exception) -> str:
    lines = str(getattr(error, "text", error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200] if lines else ''}"


class _KeepBatch(TorchFunctionMode):
    """While tracing, `x.squeeze()` removes the axes of size 1 of a sample, and never the batch."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> Any:
        x = args[0] if args else None
        is_squeeze = func in (torch.squeeze, torch.Tensor.squeeze) and len(args) == 1 and not kwargs
        if is_squeeze and isinstance(x, torch.Tensor):
            for axis in reversed(range(1, x.ndim)):
                if x.shape[axis] == 1:
                    x = x.squeeze(axis)
            return x
        return func(*args, **(kwargs or {}))


def _legacy(module: nn.Module, probe: Shape, in_shape: Shape, opset: int) -> onnx.ModelProto:
    target = min(max(opset, _LEGACY_OPSETS.start), _LEGACY_OPSETS.stop - 1)
    free = {i + 1: f"axis{i + 1}" for i, size in enumerate(in_shape.sizes) if size is None}
    file = io.BytesIO()
    with _KeepBatch():
        torch.onnx.export(
            module,
            (sample(probe, 2),),
            file,  # type: ignore[arg-type]  # the older exporter takes it
            dynamo=False,
            opset_version=target,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch", **free}, "output": {0: "batch"}},
        )
    return onnx.load_from_string(file.getvalue())


def _current(module: nn.Module, probe: Shape, in_shape: Shape, opset: int) -> onnx.ModelProto:
    dynamic = torch.export.Dim.DYNAMIC
    free = {i + 1: dynamic for i, size in enumerate(in_shape.sizes) if size is None}
    program = torch.onnx.export(
        module,
        (sample(probe, 2),),
        dynamo=True,
        opset_version=max(opset, _CURRENT_OPSET),
        input_names=["input"],
        output_names=["output"],
        dynamic_shapes=({0: dynamic, **free},),
        verbose=False,
    )
    program = present(program)
    return onnx.inliner.inline_local_functions(program.model_proto)


def _at_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    found = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return model if found == opset else onnx.version_converter.convert_version(model, opset)


def _compare(model: onnx.ModelProto, module: nn.Module, probes: Sequence[Shape]) -> None:
    onnxruntime = providers.onnxruntime()
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ir_version = min(model.ir_version, 8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        copy.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    for batch in (1, 3):
        for probe in probes:
            x = sample(probe, batch)
            expected = reference(module, x).numpy()
            found = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
            if found.shape != expected.shape:
                raise ExportError(
                    gettext(
                        "expected shape {expected}, got {got}",
                        expected=shape_text(expected.shape),
                        got=shape_text(found.shape),
                    )
                )
            difference = float(np.abs(found - expected).max())
            if not difference <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
                raise ExportError(gettext("it differs from torch by {difference:.3g}", difference=difference))


def sample(probe: Shape, batch: int) -> torch.Tensor:
    """Return random input of a shape, the same each time: tokens, or numbers in 0..1."""
    generator = torch.Generator().manual_seed(batch)
    if probe.axes == ("token",):
        return torch.randint(0, probe.vocabulary or 2, (batch, probe["token"] or 1), generator=generator)
    return torch.rand(batch, *(size or 1 for size in probe.sizes), generator=generator)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep the exporters' prints, log lines and warnings from the user's display."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
