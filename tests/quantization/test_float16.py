"""A graph of float32 becomes one of float16 with the inputs, outputs and versions of before."""

from __future__ import annotations

import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxnn_runtime import ExportError, load
from support.ledger import SCRIPTS, ledger_kinds

from onnxnn.quantization.float16 import HEAVY, RECURRENT, float16_candidate
from onnxnn.quantization.selection import name_nodes

SENSITIVE = (
    *("Softmax", "LogSoftmax", "LayerNormalization", "InstanceNormalization", "LRN", "GlobalAveragePool"),
    *("ReduceMean", "ReduceSum", "Pow", "Sqrt", "Exp"),
)


FAST = ("classes of a table", "language model", "from sequence to sequence", "denoiser with classes")


def graphs(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from graphs(attribute.g)


def types_in(graph, around=()):
    found = {**dict(around)}
    for each in (*graph.input, *graph.output, *graph.value_info):
        found[each.name] = each.type.tensor_type.elem_type
    found.update({each.name: each.data_type for each in graph.initializer})
    return found


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=() if each in FAST else pytest.mark.slow) for each in ledger_kinds()]
)
def test_every_kind_of_network(name, tmp_path):
    path = tmp_path / "float.onnx"
    feeds, outputs = ledger_kinds()[name](path)
    before = onnx.load(path)
    name_nodes(before.graph)
    candidate = float16_candidate(before)
    after = candidate.model
    onnx.checker.check_model(after, full_check=True)
    assert after.opset_import == before.opset_import
    assert after.ir_version == before.ir_version
    assert after.metadata_props == before.metadata_props
    for kind in ("input", "output"):
        assert getattr(after.graph, kind) == getattr(before.graph, kind)
    for model in (after, candidate.rounded()):
        found = load(model.SerializeToString(), device="cpu").infer(feeds)
        for output, wanted in outputs.items():
            assert found[output].dtype == wanted.dtype
            error = np.abs(found[output] - wanted).max() / max(np.abs(wanted).max(), 1e-6)
            print(name, output, error)
            assert error < 0.02, (output, error)
    heavy, types = 0, {}
    recurrent = [node for node in after.graph.node if node.op_type in RECURRENT]
    for graph in graphs(after.graph):
        types = types_in(graph, types)
        for node in graph.node:
            read = {types.get(value) for value in node.input}
            if node.op_type in SENSITIVE:
                assert TensorProto.FLOAT16 not in read, node.name
            heavy += node.op_type in HEAVY and TensorProto.FLOAT16 in read
    assert heavy or recurrent
    weights = [
        each for each in after.graph.initializer if each.data_type == TensorProto.FLOAT and len(each.dims) > 1
    ]
    assert all(np.prod(each.dims) < 1024 for each in weights), "large weights are in float16"


@pytest.mark.slow
def test_every_layer(tmp_path):
    """A layer without weights for it is refused; all others compute the same within float16."""
    ledger_kinds()  # where the sources are
    sys.path.insert(0, str(SCRIPTS))
    try:
        from ledger.engines import largest, stored
        from ledger.files import write_files
    finally:
        sys.path.remove(str(SCRIPTS))
    rows, converted = write_files(tmp_path), set()
    for path in sorted(tmp_path.glob("*.onnx")):
        before = onnx.load(path)
        name_nodes(before.graph)
        feeds, outputs = stored(path.with_suffix(".npz"))
        try:
            candidate = float16_candidate(before)
        except ExportError:
            continue
        for model in (candidate.model, candidate.rounded()):
            onnx.checker.check_model(model, full_check=True)
            session = onnxruntime.InferenceSession(
                model.SerializeToString(), providers=["CPUExecutionProvider"]
            )
            found = session.run(list(outputs), feeds)
            assert largest(dict(zip(outputs, found, strict=True)), outputs) < 0.02, rows[path.stem]
        converted.add(rows[path.stem])
    assert converted >= {"conv1d", "conv2d", "conv3d", "linear", "lstm", "gru", "rnn", "mobilenet_backbone"}
    assert not converted & {"relu", "softmax", "maxpool", "layernorm"}


def test_the_body_of_a_loop_computes_in_float16(tmp_path):
    path = tmp_path / "loop.onnx"
    ledger_kinds()["sampling loop, DDIM"](path)
    before = onnx.load(path)
    name_nodes(before.graph)
    after = float16_candidate(before).model
    (loop,) = [node for node in after.graph.node if node.op_type == "Loop"]
    body = next(each.g for each in loop.attribute if each.name == "body")
    types = types_in(body)
    convolutions = [node for node in body.node if node.op_type == "Conv"]
    assert convolutions
    for node in convolutions:
        assert types[node.input[1]] == TensorProto.FLOAT16
    assert {each.type.tensor_type.elem_type for each in body.output} == {TensorProto.BOOL, TensorProto.FLOAT}
    assert len(after.SerializeToString()) < 0.75 * len(before.SerializeToString())


def products(*weights, opset=13):
    """Return a model x -> Relu(x W1) -> Relu(x W2) ... with weights (4, 4)."""
    nodes, value = [], "x"
    for number in range(len(weights)):
        nodes.append(helper.make_node("MatMul", [value, f"w{number}"], [f"p{number}"], name=f"layer{number}"))
        nodes.append(helper.make_node("Relu", [f"p{number}"], [f"y{number}"], name=f"relu{number}"))
        value = f"y{number}"
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("x", value)]
    tensors = [numpy_helper.from_array(each.astype(np.float32), f"w{i}") for i, each in enumerate(weights)]
    graph = helper.make_graph(nodes, "products", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)


def run(model, x):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


W = np.random.default_rng(0).normal(size=(4, 4))
X = np.random.default_rng(1).random((3, 4)).astype(np.float32)


@pytest.mark.parametrize("scale", [1e6, 1e-6])
def test_weights_out_of_range_stay_in_float32(scale):
    model = products(W, W * scale, W)
    found = float16_candidate(model)
    assert found.float_layers == ("layer1",)
    weights = {each.name: each for each in found.model.graph.initializer}
    assert weights["w1"].data_type == TensorProto.FLOAT
    np.testing.assert_array_equal(numpy_helper.to_array(weights["w1"]), (W * scale).astype(np.float32))
    wanted = run(model, X)
    np.testing.assert_allclose(run(found.model, X), wanted, rtol=5e-3, atol=5e-3 * np.abs(wanted).max())


def test_a_few_small_weights_beside_others_are_no_reason():
    small = W.copy()
    small[0, 0] = 1e-12
    assert float16_candidate(products(small, W)).float_layers == ()


def test_a_file_without_a_layer_for_it_is_refused():
    with pytest.raises(ExportError, match="float16 makes smaller, got none: weights above 65504"):
        float16_candidate(products(W * 1e6))


def test_layers_can_be_kept_and_the_float_model_stays():
    model = products(W, W)
    data = model.SerializeToString()
    found = float16_candidate(model, ["layer0"])
    assert model.SerializeToString() == data
    assert found.float_layers == ("layer0",)


def test_new_names_differ_from_those_that_are_there():
    model = products(W, W)
    for node in model.graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = {"p0": "w0/float16"}.get(name, name)
    found = float16_candidate(model).model
    np.testing.assert_allclose(run(found, X), run(model, X), rtol=1e-2, atol=1e-2)


def test_a_value_that_is_read_in_both_precisions_is_there_in_both():
    """y = softmax(x W) + x W: the product is computed once, in float16, and cast once."""
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["p"], name="layer"),
        helper.make_node("Softmax", ["p"], ["s"], name="softmax"),
        helper.make_node("Add", ["s", "p"], ["sum"], name="add"),
        helper.make_node("MatMul", ["sum", "w0"], ["y"], name="layer2"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("x", "y", "p")]
    tensors = [numpy_helper.from_array(W.astype(np.float32), "w0")]
    graph = helper.make_graph(nodes, "both", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    found = float16_candidate(model).model
    np.testing.assert_allclose(run(found, X), run(model, X), rtol=1e-2, atol=1e-2)
    assert [each.data_type for each in found.graph.initializer] == [TensorProto.FLOAT16]
    assert sum("p" in node.output for node in found.graph.node) == 1


def test_squares_are_computed_in_float32():
    """x W can be 300, and its square is more than float16 holds."""
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["p"], name="layer"),
        helper.make_node("Mul", ["p", "p"], ["y"], name="square"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("x", "y")]
    tensors = [numpy_helper.from_array(np.full((4, 4), 300, np.float32), "w0")]
    graph = helper.make_graph(nodes, "square", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    found = run(float16_candidate(model).model, np.ones((1, 4), np.float32))
    np.testing.assert_allclose(found, 1200.0**2, rtol=1e-2)


def test_what_is_measured_is_rounded_as_a_gpu_rounds():
    """1 + 2048 is 2048 in float16; ONNX Runtime's processors would compute 2049 in float32."""
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["p"], name="layer"),
        helper.make_node("Add", ["p", "one"], ["sum"], name="add"),
        helper.make_node("MatMul", ["sum", "w1"], ["y"], name="layer2"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1]) for name in ("x", "y")]
    values = {"w0": [[2048.0]], "w1": [[1.0]], "one": [1.0]}
    tensors = [numpy_helper.from_array(np.array(each, np.float32), name) for name, each in values.items()]
    graph = helper.make_graph(nodes, "sum", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    found = float16_candidate(model)
    onnx.checker.check_model(found.rounded(), full_check=True)
    one = np.ones((1, 1), np.float32)
    assert run(found.rounded(), one) == 2048
    assert run(model, one) == 2049
