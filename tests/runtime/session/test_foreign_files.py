"""Files that others wrote: run where arrays can be given and returned, else refused with what was found."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import InputSpec, ModelCard, OutputSpec
from support.models import BFLOAT16, FLOAT, FLOAT16, INT64, STRING, UINT16, graph, model, node, value

X = ("batch", 2)
ROWS = np.array([[1, 2], [3, 4]], np.float32)
CARD = ModelCard("cls", (), InputSpec("table", X), OutputSpec("classes", X, ("a", "b")))


def one_node(kind, source=FLOAT, target=FLOAT, shape=X, out_shape=X, form="tensor", **options):
    made = node(kind, ["input"], ["output"], options.pop("domain", ""), **options)
    return graph([made], [value("input", shape, source)], [value("output", out_shape, target, form)])


FILES = {
    # name: (file, feeds, what infer returns)
    "texts": (
        model(one_node("Identity", STRING, STRING)),
        np.array([["a", "b"]]),
        np.array([["a", "b"]], object),
    ),
    "uint16": (model(one_node("Identity", UINT16, UINT16)), np.array([[1, 65535]]), np.array([[1, 65535]])),
    "float16": (model(one_node("Relu", FLOAT16, FLOAT16)), ROWS, ROWS),
    "double": (model(one_node("Relu", 11, 11)), ROWS, ROWS),
    "fixed batch": (model(one_node("Relu", shape=(2, 2), out_shape=(2, 2))), ROWS, ROWS),
    "scalar output": (model(one_node("ReduceSum", out_shape=(), keepdims=0)), ROWS, np.float32(10)),
    "unknown axes": (model(one_node("Relu", shape=None, out_shape=None)), ROWS, ROWS),
    "sequence": (
        model(one_node("SplitToSequence", out_shape=None, form="sequence", axis=0, keepdims=1)),
        ROWS,
        [ROWS[:1], ROWS[1:]],
    ),
    "optional": (model(one_node("Optional", form="optional"), opset=15, ir_version=8), ROWS, ROWS),
}
NO_INPUT = model(
    graph([node("RandomNormal", [], ["output"], shape=[2, 3], seed=1.0)], [], [value("output", (2, 3))])
)


def opens(data):
    try:
        return rt.load(data, device="cpu")
    except rt.InputError as error:
        pytest.skip(f"this ONNX Runtime has no such operator: {error}")


@pytest.mark.parametrize("name", list(FILES))
def test_infer_runs_them(name):
    data, x, expected = FILES[name]
    found = opens(data).infer(x)
    if isinstance(expected, list):
        assert all(np.array_equal(one, other) for one, other in zip(found, expected))
    else:
        assert np.array_equal(found, expected)
    assert list(opens(data).infer({"input": x})) == ["output"]


def test_a_file_without_inputs():
    opened = rt.load(NO_INPUT, device="cpu")
    assert opened.infer({})["output"].shape == (2, 3)
    with pytest.raises(rt.InputError, match=r"takes no input\. Run it with infer\(\{\}\)"):
        opened.infer(ROWS)
    with pytest.raises(rt.OnnxnnError):
        rt.load(NO_INPUT, device="cpu", card=CARD).predict(ROWS)


REFUSED = {
    "no outputs": (
        model(graph([node("Relu", ["input"], ["y"])], [value("input", X)], [])),
        "at least one output in its graph, got none",
    ),
    "bfloat16": (model(one_node("Cast", target=BFLOAT16, to=16)), r"bfloat16.*Add a Cast to float32"),
    "sequence in": (
        model(
            graph(
                [node("SequenceLength", ["input"], ["output"])],
                [value("input", None, FLOAT, "sequence")],
                [value("output", (), INT64)],
            )
        ),
        r"the graph expects seq\(tensor\(float\)\)",
    ),
    "texts in": (model(one_node("Identity", STRING, STRING)), "expected texts, got float32"),
    "uint16 in": (model(one_node("Identity", UINT16, UINT16)), r"expected uint16|holds|float32"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_infer_says_what_was_found(name):
    data, message = REFUSED[name]
    with pytest.raises(rt.InputError, match=message):
        opens(data).infer(ROWS)


@pytest.mark.parametrize("numbers", [[[70000, 1]], [[-1, 0]]])
def test_integers_are_not_cut(numbers):
    with pytest.raises(rt.InputError, match=r"expected uint16, 0\.\.65535, got"):
        opens(FILES["uint16"][0]).infer(np.array(numbers))


@pytest.mark.parametrize("name", ["float16", "double", "fixed batch"])
def test_predict_and_embed_run_other_floats_and_batches(name):
    data, _, _ = FILES[name]
    found = rt.load(data, device="cpu", card=CARD).predict([[1, 2], [4, 3], [5, 6]])
    assert [each.label for each in found] == ["b", "a", "b"]
    card = ModelCard("embed", (), CARD.input, OutputSpec("embedding", X))
    vectors = rt.load(data, device="cpu", card=card).embed([[1, 2], [4, 3], [5, 6]])
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[1, 2], [4, 3], [5, 6]]


@pytest.mark.parametrize("name", [*FILES, "no inputs", *REFUSED])
@pytest.mark.parametrize("with_card", [False, True])
def test_every_call_answers_or_says_what_was_found(name, with_card):
    data = {"no inputs": NO_INPUT, **{key: pair[0] for key, pair in [*FILES.items(), *REFUSED.items()]}}[name]
    for use in (
        lambda model: model.predict(ROWS),
        lambda model: model.embed(ROWS),
        lambda model: model.generate("a"),
        lambda model: model.sample(1),
        lambda model: model.infer(ROWS),
        lambda model: model.infer({}),
    ):
        try:
            use(rt.load(data, device="cpu", card=CARD if with_card else None))
        except rt.OnnxnnError:
            continue


def test_an_output_that_comes_back_empty(monkeypatch):
    opened = rt.load(FILES["fixed batch"][0], device="cpu", card=CARD)
    monkeypatch.setattr(opened._engine, "_run", lambda *_: [None])
    for use in (opened.infer, opened.predict):
        with pytest.raises(rt.InputError, match=r"'output' came back empty.* install a newer onnxruntime"):
            use(ROWS)


@pytest.mark.parametrize("command", ["verify", "info"])
@pytest.mark.parametrize("name", [*FILES, "no inputs", *REFUSED])
def test_the_commands_answer_or_say_what_was_found(name, command, tmp_path, monkeypatch):
    typer = pytest.importorskip("typer")
    from onnxnn_cli.info import info
    from onnxnn_cli.verify import verify

    data = {"no inputs": NO_INPUT, **{key: pair[0] for key, pair in [*FILES.items(), *REFUSED.items()]}}[name]
    if name == "no outputs":
        with pytest.raises(rt.InputError, match="at least one output in its graph, got none"):
            rt.load(data, device="cpu")
        return
    opens(data)
    path = tmp_path / "foreign.onnx"
    path.write_bytes(data)
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    try:
        if command == "verify":
            verify(str(path), checkpoint=None, device="cpu", low_memory=False, as_json=True)
        else:
            info(str(path), device=None, as_json=True)
    except typer.Exit:
        assert command == "verify"  # which ends with 1 where a check fails
    assert json.loads(out.getvalue())


def test_a_card_on_a_graph_of_several_inputs():
    both = [value(name, X) for name in ("a", "b")]
    data = model(graph([node("Add", ["a", "b"], ["output"])], both, [value("output", X)]))
    with pytest.raises(rt.InputError, match=r"takes 2 inputs \(a, b\).*Use infer\(\{name: array"):
        rt.load(data, device="cpu", card=CARD).predict(ROWS)


@pytest.mark.parametrize(
    ("source", "shape", "expected"),
    [
        (FLOAT, ("batch", 2, 2), r"float32 \(batch, 2, 2\)"),
        (FLOAT, ("batch", 3), r"float32 \(batch, 3\)"),
        (INT64, X, r"int64 \(batch, 2\)"),
        (BFLOAT16, X, r"tensor\(bfloat16\) \(batch, 2\)"),
    ],
)
@pytest.mark.parametrize("call", ["predict", "embed"])
def test_a_card_on_a_graph_of_another_input(source, shape, expected, call):
    kind = "embedding" if call == "embed" else "classes"
    card = ModelCard("cls", (), InputSpec("table", X), OutputSpec(kind, X))
    nodes = [
        node("Cast", ["input"], ["floats"], to=FLOAT),
        node("ReduceSum", ["floats"], ["output"], keepdims=0),
    ]
    data = graph(nodes, [value("input", shape, source)], [value("output", None)])
    opened = rt.load(model(data), device="cpu", card=card)
    with pytest.raises(rt.CardError, match=f"expected {expected} by its graph, got float32"):
        getattr(opened, call)(ROWS)


def test_verify_makes_no_inputs_of_more_axes_than_numpy_has():
    axes = ("N", *[1] * 69)
    opened = rt.load(model(one_node("Relu", shape=axes, out_shape=axes)), device="cpu")
    done = rt.verify(opened).checks
    assert not done[-1][1]
    assert "more than are made up" in done[-1][2]
