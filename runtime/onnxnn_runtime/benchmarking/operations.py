"""How many multiply-adds one run of a graph takes, counted from the shapes of what runs.

ONNX Runtime's profile of one run without optimizations names each operator with the shapes that it took and
returned, also in loops and for sizes that are free. A file of integers is counted as the float operators
that it stands for.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

import numpy as np

from onnxnn_runtime.session.providers import onnxruntime

Shapes = Sequence[Sequence[int]]

_LINEAR = frozenset(("Conv", "ConvInteger", "ConvTranspose", "Gemm", "MatMul", "MatMulInteger"))

_QUANTIZED = frozenset(("QLinearConv", "QLinearMatMul"))
"""Operators whose second factor is their fourth input."""

_RECURRENT = frozenset(("LSTM", "GRU", "RNN"))

_UNKNOWN = frozenset(
    (
        *("Attention", "DFT", "DeformConv", "Einsum", "EmbedLayerNormalization", "FusedConv", "FusedGemm"),
        *("FusedMatMul", "GroupQueryAttention", "LinearAttention", "MatMulNBits", "MoE"),
        *("MultiHeadAttention", "QAttention", "QGemm", "QMoE", "SkipLayerNormalization", "STFT"),
        "SparseAttention",
    )
)
"""Operators that multiply and add in ways that their shapes alone do not say."""

_FOREST = ("TreeEnsemble", "SVM", "Linear")
"""How operators of classical models begin."""


def multiply_adds(data: bytes, feeds: Mapping[str, np.ndarray], folder: Path) -> int | None:
    """Return the multiply-adds of one run.

    Args:
        data: The ONNX file, which was opened before.
        feeds: The arrays of the run, states included.
        folder: Where ONNX Runtime writes its profile.

    Returns:
        Their number; None where this ONNX Runtime does not say shapes, where an operator counts in other
        ways, or where the graph does not run on a processor without optimizations.
    """
    module = onnxruntime()
    options = module.SessionOptions()
    options.graph_optimization_level = module.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.enable_profiling = True
    options.profile_file_prefix = os.path.join(str(folder), "profile")
    options.add_session_config_entry("session.load_model_format", "ONNX")  # as `load` does
    options.add_session_config_entry("session.disable_prepacking", "1")  # weights are inputs with shapes then
    try:
        session = module.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        session.run(None, dict(feeds))
        with open(session.end_profiling(), encoding="utf-8") as file:
            events = json.load(file)
    except Exception:  # ONNX Runtime's own classes differ between versions; the model ran before
        return None
    return _total(events)


def _total(events: Sequence[Mapping[str, object]]) -> int | None:
    """Return the sum over all operators that ran; None where one of them cannot be counted."""
    total = found = 0
    for event in events:
        said: Any = event.get("args") or {}
        if event.get("cat") != "Node" or not str(event.get("name", "")).endswith("_kernel_time"):
            continue
        kind = said.get("op_name", "")
        if "input_type_shape" not in said or kind in _UNKNOWN or kind.startswith(_FOREST):
            return None
        counted = _of_operator(
            kind, list(_shapes(said["input_type_shape"])), list(_shapes(said["output_type_shape"]))
        )
        if counted is None:
            return None
        total, found = total + counted, found + 1
    return total if found else None


def _shapes(said: Sequence[Mapping[str, Sequence[int]]]) -> Iterator[Sequence[int]]:
    """Yield shapes from what a profile says, such as [{"float": [1, 3]}, {"float": []}]."""
    for each in said:
        yield from each.values()


def _product(sizes: Sequence[int]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result


def _of_operator(kind: str, inputs: Shapes, outputs: Shapes) -> int | None:
    """Return the multiply-adds of one operator; 0 of those that only add, compare or move numbers."""
    if kind not in _LINEAR | _QUANTIZED | _RECURRENT:
        return 0
    if len(inputs) < (3 if kind in _RECURRENT else 2) or not outputs:
        return None
    x, w = inputs[0], inputs[3] if kind in _QUANTIZED and len(inputs) > 3 else inputs[1]
    if kind in _RECURRENT:  # of each step and sample: W x and R h
        return _product(x[:2]) * (_product(w) + _product(inputs[2]))
    if kind == "ConvTranspose":  # each number of the input times the kernels of its channel
        return _product(x) * _product(w[1:])
    if "Conv" in kind:  # each number of the output is a sum over the kernel of its channel
        return _product(outputs[0]) * _product(w[1:])
    if kind == "Gemm":  # of either order of A
        return _product(outputs[0]) * (_product(x) // max(outputs[0][0], 1))
    return _product(outputs[0]) * x[-1] if x else None
