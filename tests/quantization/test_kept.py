"""A layer in float between integers is computed in float, whatever ONNX Runtime optimises."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxnn.quantization.int8 import measure_ranges, quantized
from onnxnn.quantization.kept import shielded
from onnxnn.quantization.processor import IntegerTypes
from onnxnn.quantization.running import Runner
from onnxnn.quantization.selection import select


@pytest.fixture
def chain():
    """Three convolutions; the channels of the middle one differ a thousandfold."""
    random = np.random.default_rng(0)
    nodes, weights, x = [], [], "x"
    for number, (inputs, outputs) in enumerate(((3, 8), (8, 8), (8, 4))):
        array = random.normal(size=(outputs, inputs, 3, 3))
        if number == 1:
            array *= np.logspace(-1.5, 1.5, 8).reshape(-1, 1, 1, 1)
        if number == 2:
            array /= np.logspace(-1.5, 1.5, 8).reshape(1, -1, 1, 1)
        weights.append(numpy_helper.from_array((array / 5).astype(np.float32), f"w{number}"))
        nodes.append(helper.make_node("Conv", [x, f"w{number}"], [f"y{number}"], name=f"conv{number}"))
        x = f"y{number}"
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 12, 12])
    returned = helper.make_tensor_value_info(x, TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [given], [returned], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_a_layer_that_is_kept_stays_in_float(chain):
    random = np.random.default_rng(1)
    feeds = [{"x": random.normal(size=(4, 3, 12, 12)).astype(np.float32)} for _ in range(3)]
    selection = select(chain, ["conv1"])
    assert selection.kept == ("conv1",)
    ranges = measure_ranges(chain, "minmax", feeds)
    made = quantized(chain, ranges, selection, IntegerTypes("uint8", reduced=True))
    exactly = Runner(made, exact=True).run(feeds[0], ["y2"])[0]
    kept = shielded(made, selection.kept)
    found = [Runner(kept, exact).run(feeds[0], ["y2"])[0] for exact in (False, True)]
    np.testing.assert_array_equal(found[1], exactly)  # x / 2 and 2 W are exact
    step = np.abs(exactly).max() / 100
    assert np.abs(found[0] - exactly).max() < step
    assert [node.op_type for node in kept.graph.node].count("Mul") == 1


def test_other_layers_stay_as_they_are(chain):
    ranges = measure_ranges(chain, "minmax", [{"x": np.ones((1, 3, 12, 12), np.float32)}])
    for in_float in ([], ["conv0"], ["conv2"]):
        selection = select(chain, in_float)
        made = quantized(chain, ranges, selection, IntegerTypes("uint8", reduced=True))
        before = made.SerializeToString()
        assert shielded(made, selection.kept).SerializeToString() == before
