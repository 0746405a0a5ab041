"""What the graph builder writes in a form that every engine takes, and what it folds away."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from layers.test_layers import EXAMPLES
from onnx import TensorProto, helper
from support.definitions import network
from support.onnx_check import emit, largest_difference, nodes_of, shake

from onnxnn.definition.definition import Definition
from onnxnn.graph.builder import GraphBuilder
from onnxnn.graph.nodes import MOST_PARTS
from onnxnn.graph.shape import Shape

MANY = [(name, options, shape) for name, cases in EXAMPLES.items() for options, shape in cases]


@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("parts", [1, 2, 6, 7, 14, 36, 37, 50])
def test_many_parts_are_cut_by_several_nodes(parts, opset):
    sizes = [1 + number % 3 for number in range(parts)]
    graph = GraphBuilder(opset)
    outputs = graph.split("input", 1, sizes)
    for number, value in enumerate(outputs):
        graph.output(f"y{number}", value)
    given = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", sum(sizes)])]
    taken = [helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, None) for i in range(parts)]
    model = graph.model("split", given, taken, 7, {})
    assert max(len(node.output) for node in model.graph.node) <= MOST_PARTS
    x = np.random.default_rng(0).random((2, sum(sizes)), np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = np.split(x, np.cumsum(sizes)[:-1], axis=1)
    for found, wanted in zip(session.run(None, {"input": x}), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_node_with_more_parts_is_a_mistake():
    with pytest.raises(AssertionError, match=r"^14$"):
        GraphBuilder().nodes("Split", "input", outputs=14, axis=1)


@pytest.mark.parametrize(("name", "options", "shape"), MANY)
def test_every_layer_is_written_for_every_engine(name, options, shape):
    definition = Definition(shape).with_layer(1, name, options=dict(options))
    found = nodes_of(emit(definition, definition.build()).graph)
    assert all(len(node.output) <= MOST_PARTS for node in found if node.op_type == "Split")
    assert all(node.op_type != "BatchNormalization" for node in found)


BEFORE = [
    ("conv1d", {"size": 5, "kernel_size": 3}, "batchnorm1d", Shape.signal(6, 12)),
    (
        "conv2d",
        {"size": 6, "kernel_size": 3, "groups": 6, "bias": False},
        "batchnorm2d",
        Shape.image(6, 9, 8),
    ),
    (
        "conv3d",
        {"size": 4, "kernel_size": 2},
        "batchnorm3d",
        Shape((3, 5, 4, 7), ("channel", "depth", "height", "width")),
    ),
    ("linear", {"size": 4, "bias": False}, "batchnorm1d", Shape.vector(6)),
    ("linear", {"size": (6, 4)}, "batchnorm1d", Shape.sequence(5, 6)),
    ("linear", {"size": (6, 4), "bias": False}, "batchnorm1d", Shape.sequence(5, 6)),
]


@pytest.mark.parametrize(("name", "options", "norm", "shape"), BEFORE)
def test_a_batch_normalisation_is_folded_into_what_comes_before(name, options, norm, shape):
    definition = network(shape, (name, options), (norm, {}))
    net = definition.build()
    shake(net)
    assert largest_difference(definition, net, [shape]) <= 1e-5
    assert "Mul" not in [node.op_type for node in emit(definition, net).graph.node]


def test_what_two_nodes_read_is_not_folded():
    weight = torch.ones(4, 6)
    graph = GraphBuilder()
    shared = graph.weight("weight", weight)
    first, second = (graph.node("Gemm", "input", shared, transB=1) for _ in range(2))
    y = graph.affine(first, np.full(4, 2.0), np.zeros(4), 1, 2)
    assert y != first
    assert second != y
    np.testing.assert_array_equal(graph.weights[shared], weight.numpy())
