"""In which smaller numbers a file computes, whoever wrote it."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.session.onnxfile import inspect
from onnxnn_runtime.session.precision import small_precision
from support.models import FLOAT, graph, model, node, tensor, value


def file_of(nodes, weights=()):
    """Return a file of these nodes and weights, which the runtime inspects."""
    content = model(graph(nodes, [value("x", ["N", 3])], [value("y", ["N", 3])], list(weights)))
    inspect(content)
    return content


@pytest.mark.parametrize(
    ("operator", "domain"),
    [
        ("QuantizeLinear", ""),
        ("DequantizeLinear", ""),
        ("DynamicQuantizeLinear", ""),
        ("ConvInteger", ""),
        ("MatMulInteger", ""),
        ("QLinearConv", ""),
        ("QLinearAdd", "com.microsoft"),
        ("MatMulNBits", "com.microsoft"),
        ("DynamicQuantizeLSTM", "com.microsoft"),
    ],
)
def test_integers(operator, domain):
    inside = node(operator, ["x"], ["y"], domain=domain)
    assert small_precision(file_of([inside])) == "int8"
    body = graph([inside], [], [value("y", None)], [])
    assert small_precision(file_of([node("If", ["x"], ["y"], then_branch=body, else_branch=body)])) == "int8"


@pytest.mark.parametrize(("kind", "expected"), [(10, "fp16"), (16, "fp16"), (FLOAT, ""), (11, ""), (7, "")])
def test_casts(kind, expected):
    assert small_precision(file_of([node("Cast", ["x"], ["y"], to=kind)])) == expected


@pytest.mark.parametrize(("dtype", "expected"), [("float16", "fp16"), ("float32", ""), ("int8", "")])
def test_weights(dtype, expected):
    weights = tensor("w", np.ones((2, 3), dtype))
    assert small_precision(file_of([node("Relu", ["x"], ["y"])], [weights])) == expected


def test_integers_count_before_floats():
    """As files whose layers in float are of 16 bits."""
    nodes = [node("Cast", ["x"], ["h"], to=10), node("QuantizeLinear", ["h", "s"], ["y"])]
    assert small_precision(file_of(nodes)) == "int8"


@pytest.mark.parametrize("name", ["image_classifier", "seq2seq-0.1.0", "loop", "text"])
def test_files_of_float32(golden, name):
    assert small_precision((golden / "models" / f"{name}.onnx").read_bytes()) == ""
