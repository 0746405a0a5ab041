"""Files made to hang, to fill the memory or to end the process: refused when they are opened, or stopped."""

from __future__ import annotations

import json

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import DiffusionSpec, InputSpec, ModelCard, OutputSpec, Schedule
from onnxnn_runtime.session.onnxfile import inspect
from support.models import BOOL, FLOAT, INT32, INT64, function, graph, model, node, tensor, value
from support.protobuf import parse, serialize

X, Y = [value("input", ("batch", 2))], [value("output", ("batch", 2))]
ROWS = np.ones((2, 2), np.float32)


def loop(trips, condition="", outer=()):
    body = graph(
        [node("Identity", ["again"], ["more"]), node("Add", ["x", "x"], ["y"])],
        [value("i", (), INT64), value("again", (), BOOL), value("x", ("batch", 2))],
        [value("more", (), BOOL), value("y", ("batch", 2))],
    )
    made = node("Loop", [trips, condition, "input"], ["output"], body=body)
    return graph(
        [made], [*X, *outer], Y, [tensor("true", np.array(True)), tensor("few", np.array(3, np.int64))]
    )


def of_shape(kind, *shape, **attributes):
    """A node that makes a tensor of a constant shape, and its mean as the output."""
    constants = [
        tensor("shape", np.array(shape, np.int64)),
        tensor("one", np.float32(1)),
        tensor("ones", ROWS),
    ]
    inputs = {"ConstantOfShape": ["shape"], "Expand": ["one", "shape"], "Tile": ["ones", "shape"]}.get(
        kind, []
    )
    nodes = [node(kind, inputs, ["large"], **attributes), node("ReduceMean", ["large"], ["mean"], keepdims=0)]
    return model(graph([*nodes, node("Add", ["input", "mean"], ["output"])], X, Y, constants))


def nested(depth):
    inner = [node("Identity", ["input"], ["output"])]
    for _ in range(depth):
        branch = graph(inner, [], [value("output", None)])
        inner = [node("If", ["true"], ["output"], then_branch=branch, else_branch=branch)][:1]
        if depth > 20:  # one branch alone: two would double the file each time
            inner = [node("If", ["true"], ["output"], then_branch=branch)]
    return model(graph(inner, X, Y, [tensor("true", np.array(True))]))


def functions(count, calls, order=1):
    first = function("f0", ["a"], ["b"], [node("Relu", ["a"], ["b"])])
    made = [first]
    for i in range(1, count):
        steps = [node(f"f{i - 1}", [f"v{k}" if k else "a"], [f"v{k + 1}"], "own") for k in range(calls)]
        made.append(function(f"f{i}", ["a"], [f"v{calls}"], steps))
    last = graph([node(f"f{count - 1}", ["input"], ["output"], "own")], X, Y)
    return model(last, opset=15, functions=made[::order], domains=["own"], ir_version=8)


def itself():
    made = [function("f", ["a"], ["b"], [node("f", ["a"], ["b"], "own")])]
    return model(graph([node("f", ["input"], ["output"], "own")], X, Y), None, 15, made, ["own"], 8)


def division(kind, by, dtype=np.int64):
    code = INT64 if dtype == np.int64 else INT32
    made = graph(
        [node(kind, ["input", "by"], ["output"])],
        [value("input", ("batch", 2), code)],
        [value("output", ("batch", 2), code)],
        [tensor("by", np.array([by, by], dtype))],
    )
    return model(made)


def computed_division(kind):
    inputs = [value("input", ("batch", 2), INT64), value("by", ("batch", 2), INT64)]
    made = [node("Add", ["by", "by"], ["twice"]), node(kind, ["input", "twice"], ["output"])]
    return model(graph(made, inputs, [value("output", ("batch", 2), INT64)]))


def in_branches(depth):
    """Functions that call the one before from both branches of an If."""
    made = [function("f0", ["a"], ["b"], [node("Relu", ["a"], ["b"])])]
    for i in range(1, depth):
        branch = graph([node(f"f{i - 1}", ["a"], ["c"], "own")], [], [value("c", None)])
        true = node("Constant", [], ["true"], value=np.array(True))
        both = node("If", ["true"], ["b"], then_branch=branch, else_branch=branch)
        made.append(function(f"f{i}", ["a"], ["b"], [true, both]))
    last = graph([node(f"f{depth - 1}", ["input"], ["output"], "own")], X, Y)
    return model(last, None, 15, made, ["own"], 8)


def one_node(kind, inputs, outputs=("output",), opset=13, **attributes):
    constants = [tensor("rows", ROWS), tensor("places", np.zeros((2, 1), np.int64))]
    return model(graph([node(kind, inputs, outputs, **attributes)], [], Y, constants), None, opset)


def frames(*constants):
    """STFT of a signal, a step, and a window or a length of the frames."""
    signal = [np.ones((1, 64, 1), np.float32), np.array(4)]
    names = [f"c{i}" if each is not None else "" for i, each in enumerate([*signal, *constants])]
    made = [tensor(name, each) for name, each in zip(names, [*signal, *constants]) if each is not None]
    return model(graph([node("STFT", names, ["output"])], [], [value("output", None)], made), None, 17)


BILLION = np.array([10**9], np.int64)
LARGE = [node("ConstantOfShape", ["shape"], ["large"]), node("ReduceMean", ["large"], ["output"], keepdims=0)]


def late_shape():
    return model(graph([*LARGE, node("Constant", [], ["shape"], value=BILLION)], [], Y))


def shadowed_shape():
    small = graph(
        [node("Identity", ["shape"], ["b"])], [], [value("b", None)], [tensor("shape", np.array([1]))]
    )
    branch = node("If", ["true"], ["other"], then_branch=small, else_branch=small)
    return model(graph([branch, *LARGE], [], Y, [tensor("shape", BILLION), tensor("true", np.array(True))]))


def commented_shape():
    return model(graph(LARGE, [], Y, [[*tensor("shape", BILLION), (12, 2, b"a comment " * 1000)]]))


def called_shape():
    passed = [(1, 2, b"shape"), (21, 2, b"wanted"), (20, 0, 7)]
    noise = [*node("RandomNormal", [], ["b"]), (5, 2, passed)]
    called = node("noise", [], ["output"], "own", wanted=[10**9])
    return model(graph([called], [], Y), None, 15, [function("noise", [], ["b"], [noise])], ["own"], 8)


def range_of_doubles():
    def double(name, number):
        return [(2, 0, 11), (8, 2, name.encode()), (10, 2, np.float64(number).tobytes())]

    made = [node("Range", ["start", "end", "step"], ["large"]), *LARGE[1:]]
    constants = [double("start", 0), double("end", 1e9), double("step", 1)]
    return model(graph(made, [], [value("output", (), 11)], constants))


REFUSED = {
    "RandomNormal of a billion": (
        of_shape("RandomNormal", shape=[10**9]),
        "RandomNormal makes a tensor of 1e",
    ),
    "RandomUniform of a billion": (of_shape("RandomUniform", shape=[10**5, 10**5]), "RandomUniform makes"),
    "ConstantOfShape of a billion": (
        of_shape("ConstantOfShape", 10**9),
        "ConstantOfShape makes a tensor of 1e",
    ),
    "Expand to a billion": (of_shape("Expand", 10**5, 10**5), "Expand makes a tensor"),
    "Tile to a billion": (of_shape("Tile", 10**5, 10**5), "Tile makes a tensor"),
    "deep graphs": (nested(31), "nested more than 30 deep"),
    "very deep graphs": (nested(200), "nested more than 30 deep"),
    "functions that double": (functions(40, 2), "expand to more than"),
    "functions that grow by ten": (functions(12, 10), "expand to more than"),
    "a function that calls itself": (itself(), "calls itself"),
    "a long chain of functions": (functions(150, 1, -1), "nested over 100 deep"),
    "division by -1": (division("Div", -1), "divides integers by 0 or -1"),
    "division by 0": (division("Div", 0, np.int32), "divides integers by 0 or -1"),
    "remainder of -1": (division("Mod", -1, np.int32), "divides integers by 0 or -1"),
    "functions that double inside branches": (in_branches(25), "expand to more than"),
    "GatherND from a batch axis below 0": (
        one_node("GatherND", ["rows", "places"], batch_dims=-(2**31)),
        "batch_dims",
    ),
    "Split into fewer than its outputs": (
        one_node("Split", ["rows"], ["output", "rest"], num_outputs=1, opset=18),
        "num_outputs=1 and 2 outputs",
    ),
    "Max of an input without a name": (one_node("Max", ["rows", ""]), "Max has an input without a name"),
    "LayerNormalization without a bias that is listed": (
        one_node("LayerNormalization", ["rows", "rows", ""], opset=17),
        "has an input without a name",
    ),
    "Split into outputs without names": (
        one_node("Split", ["rows"], ["output", ""]),
        "Split has an output without a name",
    ),
    "n-grams without places": (
        one_node("TfIdfVectorizer", ["places"], ngram_counts=[0, 4], ngram_indexes=[0], pool_int64s=[1] * 10),
        "7 n-grams and 1 ngram_indexes",
    ),
    "STFT of frames of length 0": (frames(None, np.array(0)), "length that may be 0"),
    "STFT of a window of length 0": (frames(np.zeros(0, np.float32)), "length that may be 0"),
    "STFT of a window and frames of length 0": (
        frames(np.zeros(0, np.float32), np.array(0)),
        "length that may be 0",
    ),
    "a shape that is made later": (late_shape(), "before the node that makes it"),
    "a shape that a branch has too": (shadowed_shape(), "makes a tensor of 1e"),
    "a shape with a long comment": (commented_shape(), "makes a tensor of 1e"),
    "a shape from a function's call": (called_shape(), "makes a tensor of 1e"),
    "Range of float64": (range_of_doubles(), "Range makes"),
    "a computed division": (computed_division("Div"), "may become 0 or -1"),
    "a computed remainder": (computed_division("Mod"), "may become 0 or -1"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_it_is_refused_when_it_is_opened(name):
    data, message = REFUSED[name]
    with pytest.raises(rt.InputError, match=f"is not run: .*{message}"):
        rt.load(data, device="cpu")


def test_weights_in_other_files_are_looked_for_without_end():
    (deep,) = (fields for number, _, fields in parse(nested(200)) if number == 7)
    training = [(1, 2, [*deep, (5, 2, tensor("location", np.array(True)))])]
    data = of_shape("ConstantOfShape", 1) + serialize([(20, 2, training)])
    with pytest.raises(rt.InputError, match="nested more than"):
        rt.load(data, device="cpu")


def test_what_is_harmless_still_runs():
    for data in (
        of_shape("ConstantOfShape", 100, 100),
        of_shape("Expand", 9, 9),
        functions(5, 1),
        model(loop("few")),
    ):
        assert rt.load(data, device="cpu").infer(ROWS).shape == (2, 2)
    assert rt.load(division("Div", 2), device="cpu").infer(np.array([[5, 7]])).tolist() == [[2, 3]]
    fed = [node("STFT", ["x", "step", "", "length"], ["output"])]
    inputs = [value("x", (1, 64, 1)), value("step", (), INT64), value("length", (), INT64)]
    opened = rt.load(model(graph(fed, inputs, [value("output", None)]), None, 17), device="cpu")
    feeds = {"x": np.ones((1, 64, 1), np.float32), "step": 4, "length": 16}
    assert opened.infer(feeds)["output"].shape == (1, 13, 9, 2)
    with pytest.raises(rt.InputError, match="length: expected numbers other than 0"):
        opened.infer({**feeds, "length": 0})
    for made in (frames(None, np.array(16)), frames(np.ones(16, np.float32))):
        assert rt.load(made, device="cpu").infer({})["output"].shape == (1, 13, 9, 2)
    by_size = graph(
        [node("Shape", ["input"], ["size"]), node("Div", ["input", "size"], ["output"])],
        [value("input", ("batch", 2), INT64)],
        [value("output", ("batch", 2), INT64)],
    )
    assert rt.load(model(by_size), device="cpu").infer(np.array([[6, 8]])).tolist() == [[6, 4]]


ENDLESS = model(loop("", "true"))


@pytest.mark.parametrize("call", ["infer", "predict", "embed"])
def test_an_endless_loop_is_stopped(call):
    kind = "embedding" if call == "embed" else "classes"
    card = ModelCard("cls", (), InputSpec("table", ("batch", 2)), OutputSpec(kind, ("batch", 2)))
    opened = rt.load(ENDLESS, device="cpu", card=card, timeout=0.3)
    with pytest.raises(rt.InputError, match=r"took more than 0\.3 s and was stopped.*timeout=SECONDS"):
        getattr(opened, call)(ROWS)


@pytest.mark.parametrize("depth", [1, 2])
def test_loops_in_loops_are_counted_together(depth):
    """The inner loop runs 200 times in each of 200 steps of the outer one: it may take too long."""
    body = [node("Identity", ["again0"], ["more0"]), node("Add", ["x0", "x0"], ["y0"])]
    for i in range(depth):
        inner = graph(
            body,
            [value(f"i{i}", (), INT64), value(f"again{i}", (), BOOL), value(f"x{i}", ("batch", 2))],
            [value(f"more{i}", (), BOOL), value(f"y{i}", ("batch", 2))],
        )
        source = f"x{i + 1}" if i + 1 < depth else "input"
        body = [node("Loop", ["few", "", source], [f"y{i + 1}"], body=inner)]
        body.append(node("Identity", [f"again{i + 1}"], [f"more{i + 1}"]))
    nodes = [body[0], node("Identity", [f"y{depth}"], ["output"])]
    facts = inspect(model(graph(nodes, X, Y, [tensor("few", np.array(200, np.int64))])))
    assert facts.endless == (depth == 2)


@pytest.mark.slow
def test_an_endless_loop_is_stopped_without_a_timeout():
    with pytest.raises(rt.InputError, match="took more than 8 s"):
        rt.load(ENDLESS, device="cpu").infer(ROWS)


@pytest.mark.parametrize("timeout", [0, -1, "5", True, float("nan"), float("inf"), [1]])
def test_what_is_no_timeout(golden, timeout):
    with pytest.raises(rt.InputError, match="expected seconds, a number above 0"):
        rt.load(golden / "models" / "table.onnx", timeout=timeout)


def test_a_timeout_changes_no_answer(golden, open_model):
    expected = open_model("table").infer(ROWS)
    np.testing.assert_array_equal(open_model("table", timeout=60).infer(ROWS), expected)


def changed(open_model, name, path, put):
    data = json.loads(open_model(name).card.to_json())
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = put
    return json.dumps(data)


CARDS = {
    "diffusion shape": ("denoiser", ["diffusion", "shape"], [3, 10**9, 10**9]),
    "timesteps": ("denoiser", ["diffusion", "schedule", "timesteps"], 10**9),
    "class counts": ("denoiser_classes", ["diffusion", "class_counts"], [1] * 10**6),
    "tokens": ("tokens", ["input", "num_tokens"], 10**30),
    "embedding": ("image_classifier", ["output", "embedding"], -1),
    "depth": ("table", ["training"], {"a": json.loads("[" * 900 + "]" * 900)}),
    "half a character": ("table", ["output", "classes"], ["\ud800", "b", "c"]),
    "a type": ("table", ["task"], ["x" * 5_000_000]),
    "a key": ("table", ["\x1b[31m" + "k" * 1_000_000], 1),
    "many keys": ("table", ["output"], {str(i): i for i in range(100_000)}),
    "an output kind": ("table", ["output", "kind"], "k" * 5_000_000),
}


@pytest.mark.parametrize("name", list(CARDS))
def test_a_hostile_card_is_refused_in_a_short_message(open_model, name):
    text = changed(open_model, *CARDS[name])
    with pytest.raises(rt.CardError) as found:
        ModelCard.from_json(text)
    assert len(str(found.value)) < 600
    assert str(found.value).isprintable()


def places(entry, path=()):
    """Yield the path of every entry of a card, however deep."""
    for key, inner in entry.items() if isinstance(entry, dict) else enumerate(entry):
        yield [*path, key]
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*path, key))


def message_about(text):
    try:
        ModelCard.from_json(text)
    except rt.CardError as error:
        return str(error)
    return ""


LARGE = {"text": "x" * 50_000, "list": ["x"] * 10_000, "object": {f"k{i}": 1 for i in range(10_000)}}


@pytest.mark.parametrize("kind", list(LARGE))
@pytest.mark.parametrize("name", ["image_classifier", "text", "denoiser_classes", "table"])
def test_a_message_about_any_field_of_a_card_is_short(open_model, name, kind):
    paths = list(places(json.loads(open_model(name).card.to_json())))
    lengths = {str(path): len(message_about(changed(open_model, name, path, LARGE[kind]))) for path in paths}
    assert sum(length > 0 for length in lengths.values()) > 10
    assert {path: length for path, length in lengths.items() if length >= 600} == {}


def test_the_limits_leave_room_for_real_cards():
    DiffusionSpec(Schedule(4000), (3, 1024, 1024))
    assert FLOAT == 1
