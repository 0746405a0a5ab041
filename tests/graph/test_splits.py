"""Splits with many outputs in graphs of others become Slices, and the graph computes the same."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnxnn.graph.nodes import MOST_PARTS
from onnxnn.graph.splits import cut_wide_splits


def model_of(nodes, weights, shape, outputs, opset):
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    taken = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * len(shape)) for name in outputs]
    tensors = [numpy_helper.from_array(np.array(array), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", given, taken, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def run(model, x):
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})


def widest(graph):
    found = [len(node.output) for node in graph.node if node.op_type == "Split"]
    inner = [each.g for node in graph.node for each in node.attribute if each.HasField("g")]
    return max([*found, *map(widest, inner)], default=0)


@pytest.mark.parametrize(
    ("opset", "axis"), [(9, 1), (10, 1), (11, 1), (11, -1), (13, 1), (13, -1), (18, 1), (18, -1)]
)
@pytest.mark.parametrize("written", ["sizes", "constant", "equal", "unknown"])
@pytest.mark.parametrize("parts", [6, 7, 14])
def test_the_parts_are_the_same(opset, axis, written, parts):
    sizes = [1 + i % 3 if written in ("sizes", "constant") else 2 for i in range(parts)]
    names = [f"y{i}" for i in range(parts)]
    inputs, nodes, weights, attributes = ["x"], [], {}, {"axis": axis}
    if written in ("sizes", "constant"):
        if opset < 13:
            attributes["split"] = sizes
        else:
            inputs.append("sizes")
            array = np.array(sizes, np.int64)
            if written == "sizes":
                weights["sizes"] = array
            else:
                value = numpy_helper.from_array(array, "value")
                nodes.append(helper.make_node("Constant", [], ["sizes"], value=value))
    elif opset >= 18:
        attributes["num_outputs"] = parts
    nodes.append(helper.make_node("Split", inputs, names, **attributes))
    whole = "n" if written == "unknown" else sum(sizes)
    shape = [2, whole] if axis > 0 else [2, 3, whole]
    model = model_of(nodes, weights, shape, names, opset)
    found = cut_wide_splits(model)
    x = np.random.default_rng(0).random([*shape[:-1], sum(sizes)], np.float32)
    for one, other in zip(run(found, x), run(model, x), strict=True):
        np.testing.assert_array_equal(one, other)
    if written != "unknown" or opset >= 10:
        assert widest(found.graph) <= MOST_PARTS
    if parts <= MOST_PARTS:
        assert found is model


@pytest.mark.parametrize("whole", [26, 27, 28])
def test_the_last_of_equal_parts_may_be_smaller(whole):
    names = [f"y{i}" for i in range(14)]
    model = model_of([helper.make_node("Split", ["x"], names, axis=0, num_outputs=14)], {}, ["n"], names, 18)
    found = cut_wide_splits(model)
    x = np.arange(whole, dtype=np.float32)
    assert widest(found.graph) == 0
    if whole == 26:  # ONNX Runtime refuses a last part without numbers
        return
    for one, other in zip(run(found, x), run(model, x), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_split_inside_a_loop_and_an_output_that_nobody_reads():
    names = [f"part{i}" for i in range(8)]
    size = [helper.make_tensor_value_info("carried", TensorProto.FLOAT, [2, 8])]
    body = helper.make_graph(
        [
            helper.make_node("Split", ["carried", "sizes"], names, axis=1),
            helper.make_node("Concat", [*names[1:], names[-1]], ["next"], axis=1),
            helper.make_node("Identity", ["going"], ["still"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            *size,
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [2, 8]),
        ],
    )
    loop = helper.make_node("Loop", ["turns", "always", "x"], ["y"], body=body)
    weights = {"turns": np.int64(3), "always": np.bool_(True), "sizes": np.ones(8, np.int64)}
    model = model_of([loop], weights, [2, 8], ["y"], 13)
    x = np.random.default_rng(0).random((2, 8), np.float32)
    found = cut_wide_splits(model)
    np.testing.assert_array_equal(run(found, x)[0], run(model, x)[0])
    assert (widest(model.graph), widest(found.graph)) == (8, 0)


def test_sizes_that_are_computed_stay():
    names = [f"y{i}" for i in range(7)]
    nodes = [
        helper.make_node("Mul", ["ones", "two"], ["sizes"]),
        helper.make_node("Split", ["x", "sizes"], names, axis=0),
    ]
    model = model_of(nodes, {"ones": np.ones(7, np.int64), "two": np.int64(2)}, [14], names, 13)
    assert widest(cut_wide_splits(model).graph) == 7
