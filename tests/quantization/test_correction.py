"""Biases take back what rounded weights add to the mean of each output."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from onnxnn.quantization.correction import corrected, measure_means
from onnxnn.quantization.running import Runner
from onnxnn.quantization.selection import Selection

SELECTION = Selection(("layer",), ("layer",), ())
INPUTS, OUTPUTS = 6, 4


def layer(kind, has_bias):
    """Return a model of one layer, and batches of different sizes whose numbers have a mean."""
    random = np.random.default_rng(0)
    shape, attributes, sides = {
        "Gemm": ((INPUTS, OUTPUTS), {}, ()),
        "Gemm, transposed": ((OUTPUTS, INPUTS), {"transB": 1}, ()),
        "Conv": ((OUTPUTS, INPUTS, 1, 1), {}, (5, 5)),
        "Conv of groups": ((OUTPUTS, INPUTS // 2, 1, 1), {"group": 2}, (5, 5)),
        "Conv of one axis": ((OUTPUTS, INPUTS, 1), {}, (5,)),
    }[kind]
    weights = [numpy_helper.from_array(random.normal(size=shape).astype(np.float32), "w")]
    if has_bias:
        weights.append(numpy_helper.from_array(random.normal(size=OUTPUTS).astype(np.float32), "b"))
    names = [each.name for each in weights]
    node = helper.make_node(kind.split()[0].strip(","), ["x", *names], ["y"], name="layer", **attributes)
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", INPUTS, *sides])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "g", [given], [output], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    batches = [random.normal(3, 1, (count, INPUTS, *sides)).astype(np.float32) for count in (7, 1, 4)]
    return model, batches


def rounded(model, axis):
    """Return what the tools write for coarse weights: integers, and a scale for each output channel."""
    weights = numpy_helper.to_array(model.graph.initializer[0])
    others = tuple(each for each in range(weights.ndim) if each != axis)
    scale = (np.abs(weights).max(others) / 3).astype(np.float32)
    shape = [-1 if each == axis else 1 for each in range(weights.ndim)]
    levels = np.round(weights / scale.reshape(shape)).astype(np.int8)
    found = ModelProto()
    found.graph.initializer.append(numpy_helper.from_array(levels, "w_quantized"))
    found.graph.initializer.append(numpy_helper.from_array(scale, "w_scale"))
    return found, (levels * scale.reshape(shape)).astype(np.float32)


@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("kind", ["Gemm", "Gemm, transposed", "Conv", "Conv of groups", "Conv of one axis"])
def test_the_mean_of_each_output_is_that_of_the_float_layer(kind, has_bias):
    model, batches = layer(kind, has_bias)
    feeds = [{"x": batch} for batch in batches]
    coarse, weights = rounded(model, 1 if kind == "Gemm" else 0)
    means = []
    for bias_is_corrected in (False, True):
        used = ModelProto()
        used.CopyFrom(model)
        if bias_is_corrected:
            used = corrected(model, coarse, SELECTION, measure_means(model, SELECTION, feeds))
        used.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "w"))
        outputs = Runner(used, exact=True).all(feeds, "y")
        means.append(outputs.mean((0, *range(2, outputs.ndim))))
    outputs = Runner(model, exact=True).all(feeds, "y")
    wanted = outputs.mean((0, *range(2, outputs.ndim)))
    assert np.abs(means[0] - wanted).max() > 0.1, "what there is to correct"
    np.testing.assert_allclose(means[1], wanted, atol=1e-4)


def test_the_float_model_is_left_as_it_is():
    model, batches = layer("Conv", True)
    before = model.SerializeToString()
    coarse, _ = rounded(model, 0)
    corrected(model, coarse, SELECTION, measure_means(model, SELECTION, [{"x": batches[0]}]))
    assert model.SerializeToString() == before
