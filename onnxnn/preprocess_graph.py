"""`Preprocess` as ONNX nodes."""

from __future__ import annotations

from onnxnn_runtime import InputSpec, Preprocess
from onnxnn_runtime.errors import ExportError

from .graph import GraphBuilder, Value
from .shape import Shape


def check(spec: InputSpec, opset: int) -> None:
    """Refuse what has no preprocessing."""
    raise ExportError('preprocess="graph": not built yet.')


def emit(graph: GraphBuilder, x: Value, preprocess: Preprocess) -> Value:
    """Write the nodes."""
    raise NotImplementedError


def network_input(free: Shape, preprocess: Preprocess) -> Shape:
    """Return the network's input behind preprocessing."""
    height, width = preprocess.output_size()
    return free.with_sizes(height=height, width=width)
