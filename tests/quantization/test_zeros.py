"""What is always 0 takes no scale of its own, and outputs without weights keep their bias."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxnn.quantization.int8 import measure_ranges, quantized
from onnxnn.quantization.options import METHODS
from onnxnn.quantization.processor import IntegerTypes
from onnxnn.quantization.running import Runner
from onnxnn.quantization.selection import select
from onnxnn.quantization.zeros import with_ranges

TYPES = IntegerTypes("uint8", reduced=True)
FEEDS = [{"x": np.random.default_rng(1).normal(size=(4, 6, 8, 8)).astype(np.float32)}]


def model_of(nodes, weights, shape, output):
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])
    returned = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", [given], [returned], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def residual(size):
    """Return a block whose branch begins with zeros, and whose values are of this size."""
    random = np.random.default_rng(0)
    weights = {f"w{i}": random.normal(size=(6, 6, 3, 3)) / 8 for i in range(4)}
    weights["w0"] *= size
    weights["w2"] *= 0
    nodes = [
        helper.make_node("Conv", [x, f"w{i}"], [f"y{i}"], name=f"conv{i}", pads=[1] * 4)
        for i, x in enumerate(("x", "y0", "y1", "sum"))
    ]
    nodes.insert(3, helper.make_node("Add", ["y0", "y2"], ["sum"], name="add"))
    return model_of(nodes, weights, (6, 8, 8), "y3")


def cosine(first, second):
    first, second = first.ravel().astype(np.float64), second.ravel().astype(np.float64)
    return first @ second / np.sqrt((first @ first) * (second @ second))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1, 1e-9])
def test_a_value_that_is_always_0_has_a_scale_like_others(method, size):
    model = residual(size)
    ranges = measure_ranges(model, method, FEEDS)
    made = quantized(model, ranges, select(model), TYPES)
    scales = {each.name: numpy_helper.to_array(each) for each in made.graph.initializer}
    others = [float(scales[f"{name}_scale"]) for name in ("y0", "y1", "sum")]
    assert 0 < scales["y2_scale"] <= max(others)
    right = Runner(model, exact=True).run(FEEDS[0], ["y3"])[0]
    for exact in (False, True):
        assert cosine(Runner(made, exact).run(FEEDS[0], ["y3"])[0], right) > 0.999


@pytest.mark.parametrize("size", [1, 1e-3, 1e-5, 1e-9])
def test_openvino_computes_a_block_that_begins_with_zeros(size):
    pytest.importorskip("openvino")
    from onnxnn_runtime.session.openvino_session import openvino_module

    core = openvino_module("openvino").Core()
    model = residual(size)
    made = quantized(model, measure_ranges(model, "minmax", FEEDS), select(model), TYPES)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core.compile_model(core.read_model(made.SerializeToString()), "CPU", settings)
    found = next(iter(compiled(FEEDS[0]).values()))
    assert cosine(found, Runner(model, exact=True).run(FEEDS[0], ["y3"])[0]) > 0.999


def test_ranges_of_others_stay():
    half, one = np.float32(0.5), np.float32(1)
    zero, none = np.float32(0), np.float32(1e-37)
    given = {"a": (zero, zero), "b": (-one, one), "c": (zero, half), "d": (-none, none)}
    assert with_ranges(given) == {**given, "a": (zero, half), "d": (zero, half)}
    alone = {"a": (zero, zero)}
    assert with_ranges(alone) == alone
    assert with_ranges({}) == {}


@pytest.mark.parametrize("operator", ["Conv", "Gemm", "Gemm transposed"])
@pytest.mark.parametrize("size", [0.3, 1e-3, 1e-7])
@pytest.mark.parametrize("activations", ["uint8", "int8"])
def test_outputs_without_weights_keep_their_bias(operator, size, activations):
    random = np.random.default_rng(0)
    weights = random.normal(size=(6, 6)) * size / 10
    weights[::2] = 0
    bias = random.uniform(0.5, 1, 6) * [1, 1, -1, 1, 1, -1] * size
    bias[4] = 0
    attributes = {}
    if operator == "Conv":
        constants, feeds = {"w": weights.reshape(6, 6, 1, 1), "b": bias}, FEEDS
    else:
        is_transposed = operator == "Gemm transposed"
        constants, feeds = (
            {"w": weights if is_transposed else weights.T, "b": bias},
            [{"x": np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)}],
        )
        attributes = {"transB": 1} if is_transposed else {}
    nodes = [
        helper.make_node(operator.split()[0], ["x", "w", "b"], ["y0"], name="first", **attributes),
        helper.make_node(
            "MatMul" if attributes or operator != "Conv" else "Conv", ["y0", "w2"], ["y1"], name="last"
        ),
    ]
    constants["w2"] = np.eye(6) if operator != "Conv" else np.eye(6).reshape(6, 6, 1, 1)
    model = model_of(nodes, constants, feeds[0]["x"].shape[1:], "y1")
    selection = select(model)
    made = quantized(
        model, measure_ranges(model, "minmax", feeds), selection, IntegerTypes(activations, reduced=False)
    )
    right = Runner(model, exact=True).run(feeds[0], ["y1"])[0]
    step = (right.max() - right.min()) / 255
    for exact in (False, True):
        found = Runner(made, exact).run(feeds[0], ["y1"])[0]
        assert np.abs(found - right)[:, ::2].max() < 1.6 * step
