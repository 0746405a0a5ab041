"""Outputs are what the card promises, or an error says where they differ."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import DiffusionSpec, InputSpec, ModelCard, OutputSpec, Preprocess, Schedule, StateSpec
from support.models import INT64, graph, model, node, tensor, value

IMAGES = InputSpec("image", ("batch", 3, 2, 2), Preprocess("RGB", (("resize", 2, 2),)))
CLASSES = OutputSpec("classes", ("batch", 2), ("cat", "dog"))
IMAGE = np.full((2, 2, 3), 100, np.uint8)


def opened(nodes, card, constants=(), shape=("batch", 2), inputs=None, outputs=None, **options):
    inputs = inputs or [value("input", ("batch", 3, 2, 2))]
    made = graph(nodes, inputs, outputs or [value("output", shape)], constants)
    return rt.load(model(made, card, **options), device="cpu")


def card(output=CLASSES, source=IMAGES, task="cls", **options):
    return ModelCard(task, (), source, output, **options)


CONSTANT = [tensor("fixed", np.array([[0.2, 0.8]], np.float32))]
ROWS = {
    # name: (nodes that give "output", constants)
    "a constant row": ([node("Identity", ["fixed"], ["output"])], CONSTANT),
    "the mean of the batch": (
        [
            node("ReduceMean", ["input"], ["m"], axes=[0, 1, 2], keepdims=0),
            node("Unsqueeze", ["m", "zero"], ["output"]),
        ],
        [tensor("zero", np.array([0], np.int64))],
    ),
    "two rows each": (
        [node("Reshape", ["input", "size"], ["output"])],
        [tensor("size", np.array([-1, 2], np.int64))],
    ),
    "no batch at all": ([node("ReduceMean", ["input"], ["output"], axes=[0, 1, 2], keepdims=0)], []),
    "a scalar": ([node("ReduceMean", ["input"], ["output"], keepdims=0)], []),
}
OUTPUTS = {
    "classes": CLASSES,
    "binary": OutputSpec("binary", ("batch", 1), ("no", "yes")),
    "values": OutputSpec("values", ("batch", 2)),
    "embedding": OutputSpec("embedding", ("batch", 2)),
}


def uses(kind):
    return {
        "infer": lambda opened: opened.infer(np.ones((3, 3, 2, 2), np.float32)),
        "many": lambda opened: (opened.embed if kind == "embedding" else opened.predict)(
            [IMAGE] * 3, batch_size=3
        ),
    }


@pytest.mark.parametrize("use", ["infer", "many"])
@pytest.mark.parametrize("kind", list(OUTPUTS))
@pytest.mark.parametrize("rows", list(ROWS))
def test_other_rows_than_samples_are_refused(rows, kind, use):
    nodes, constants = ROWS[rows]
    with pytest.raises(rt.OnnxnnError, match=r"one row for each of|expected \(|of the graph"):
        uses(kind)[use](opened(nodes, card(OUTPUTS[kind]), constants))


def test_the_message_says_both_counts():
    nodes, constants = ROWS["a constant row"]
    # Declared only at run time: the graph promises a free batch.
    hidden = [node("Reshape", ["fixed", "size"], ["output"])]
    size = tensor("size", np.array([-1, 2], np.int64))
    with pytest.raises(rt.CardError, match=r"shape \(batch, 2\) by its card, got \(1, 2\)"):
        opened(nodes, card(), constants)
    with pytest.raises(rt.CardError, match=r"\(batch, 2\) by its card, got \(1, 2\)"):
        opened(hidden, card(), [*constants, size])
    first = [node("Flatten", ["input"], ["flat"]), node("Gather", ["flat", "columns"], ["few"], axis=1)]
    first += [node("Compress", ["few", "which"], ["output"], axis=0)]  # of an unknown number of rows
    constants = [tensor("columns", np.array([0, 1], np.int64)), tensor("which", np.array([True]))]
    found = opened(first, card(), constants)
    assert len(found.predict([IMAGE])) == 1
    with pytest.raises(rt.InputError, match="output 'output': expected one row for each of 3 samples, got 1"):
        found.predict([IMAGE] * 3, batch_size=3)


AXES = {
    "three axes for classes": (("batch", 2), [node("Reshape", ["input", "size"], ["output"])], [0, 6, 2]),
    "two axes for classes of steps": (
        ("batch", "time", 2),
        [node("Reshape", ["input", "size"], ["output"])],
        [0, 12],
    ),
    "another number of classes": (("batch", 2), [node("Reshape", ["input", "size"], ["output"])], [0, 12]),
    "five axes for an embedding": (
        ("batch", 12),
        [node("Reshape", ["input", "size"], ["output"])],
        [0, 1, 1, 1, 12],
    ),
}


@pytest.mark.parametrize("kind", ["classes", "values", "embedding"])
@pytest.mark.parametrize("axes", list(AXES))
def test_other_axes_than_promised_are_refused_when_the_file_is_opened(axes, kind):
    shape, nodes, size = AXES[axes]
    constants = [tensor("size", np.array(size, np.int64))]
    with pytest.raises(
        rt.CardError, match=r"output 'output': expected the shape .* by its card, got .* of the graph"
    ):
        opened(
            nodes,
            card(OutputSpec(kind, shape)),
            constants,
            shape=["batch"] + [f"x{i}" for i in range(len(size) - 1)],
        )


def test_other_axes_than_promised_are_refused_after_the_run():
    nodes = [node("Flatten", ["input"], ["flat"]), node("Compress", ["flat", "which"], ["output"], axis=1)]
    found = opened(nodes, card(), [tensor("which", np.array([True] * 5))], shape=("batch", "columns"))
    for use in uses("classes").values():
        with pytest.raises(rt.InputError, match=r"expected the shape \(batch, 2\) by its card, got \(3, 5\)"):
            use(found)


NOT_FINITE = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}


@pytest.mark.parametrize("number", list(NOT_FINITE))
@pytest.mark.parametrize("kind", ["classes", "binary", "values", "embedding"])
@pytest.mark.parametrize("use", ["infer", "many"])
def test_scores_are_finite(number, kind, use):
    size = 1 if kind == "binary" else 2
    constants = [tensor("size", np.array([0, 12], np.int64)), tensor("bad", np.float32([NOT_FINITE[number]]))]
    constants += [tensor("columns", np.arange(size, dtype=np.int64))]
    nodes = [
        node("Reshape", ["input", "size"], ["flat"]),
        node("Gather", ["flat", "columns"], ["few"], axis=1),
        node("Add", ["few", "bad"], ["output"]),
    ]
    promised = OutputSpec(kind, ("batch", size), OUTPUTS[kind].classes)
    with pytest.raises(
        rt.InputError, match=r"output 'output': expected finite numbers, got .* NaN or infinite"
    ):
        uses(kind)[use](opened(nodes, card(promised), constants, shape=("batch", size)))


def test_an_embedding_beside_the_scores_is_compared_too():
    nodes = [
        node("GlobalAveragePool", ["input"], ["pooled"]),
        node("Flatten", ["pooled"], ["three"]),
        node("Slice", ["three", "zero", "two", "one"], ["output"]),
        node("Compress", ["three", "first"], ["embedding"], axis=0),
    ]
    constants = [tensor(name, np.array([n], np.int64)) for name, n in (("zero", 0), ("two", 2), ("one", 1))]
    constants.append(tensor("first", np.array([True])))
    outputs = [value("output", ("batch", 2)), value("embedding", ("n", 3))]
    promised = OutputSpec("classes", ("batch", 2), ("cat", "dog"), 3)
    found = opened(nodes, card(promised), constants, outputs=outputs)
    assert len(found.predict([IMAGE] * 3)) == 3
    with pytest.raises(
        rt.InputError, match="output 'embedding': expected one row for each of 3 samples, got 1"
    ):
        found.embed([IMAGE] * 3, batch_size=3)
    with pytest.raises(
        rt.CardError, match=r"output 'embedding': expected the shape \(batch, 5\) by its card"
    ):
        opened(nodes, card(OutputSpec("classes", ("batch", 2), (), 5)), constants, outputs=outputs)


def test_scores_that_are_no_floats_are_refused():
    nodes = [node("Flatten", ["input"], ["flat"]), node("ArgMax", ["flat"], ["output"], axis=1)]
    with pytest.raises(rt.CardError, match=r"output 'output': expected float32, .* got int64 of the graph"):
        opened(nodes, card(), outputs=[value("output", ("batch", 1), INT64)])


TOKENS = InputSpec(
    "tokens",
    ("batch", "time"),
    vocabulary={"a": 0, "b": 1},
    states=(StateSpec("state0", "next_state0", ("batch", 1)),),
)


@pytest.mark.parametrize("broken", ["rows", "vocabulary", "nan"])
def test_text_is_written_by_a_network_that_keeps_its_promise(broken):
    shares = np.float32([[[0.5, 0.5]]]) if broken != "nan" else np.float32([[[np.nan, 1]]])
    axis = {"rows": 0, "vocabulary": 2, "nan": 0}[broken]
    nodes = [
        node("Cast", ["input"], ["numbers"], to=1),
        node("Unsqueeze", ["numbers", "two"], ["steps"]),
        node("Mul", ["steps", "zero"], ["zeros"]),
        node("Add", ["zeros", "shares"], ["one"]),
        node("Concat", ["one", "one"] if broken != "nan" else ["one"], ["output"], axis=axis),
        node("Identity", ["state0"], ["next_state0"]),
    ]
    constants = [
        tensor("two", np.array([2], np.int64)),
        tensor("zero", np.float32(0)),
        tensor("shares", shares),
    ]
    made = graph(
        nodes,
        [value("input", ("batch", "time"), INT64), value("state0", ("batch", 1))],
        [value("output", ("n", "time", "tokens")), value("next_state0", ("batch", 1))],
        constants,
    )
    source = ModelCard("gen", (), TOKENS, OutputSpec("tokens", ("batch", "time", 2)))
    with pytest.raises(rt.OnnxnnError, match=r"one row for each of|of the graph|NaN or infinite"):
        rt.load(model(made, source), device="cpu").generate("a", length=4)


@pytest.mark.parametrize("broken", ["rows", "channels", "scalar", "nan"])
def test_a_network_that_samples_keeps_its_promise(broken):
    nodes = {
        "rows": [node("Concat", ["x", "x"], ["output"], axis=0)],
        "channels": [node("Concat", ["x", "x"], ["output"], axis=1)],
        "scalar": [node("ReduceMean", ["x"], ["output"], keepdims=0)],
        "nan": [node("Sqrt", ["below"], ["root"]), node("Add", ["x", "root"], ["output"])],
    }[broken]
    made = graph(
        [*nodes, node("Identity", ["t"], ["same"])],
        [value("x", ("batch", 1, 4, 4)), value("t", ("batch",), INT64)],
        [value("output", None), value("same", ("batch",), INT64)],
        [tensor("below", np.float32(-1))],
    )
    diffusion = DiffusionSpec(Schedule(10), (1, 4, 4))
    source = InputSpec("image", ("batch", 1, 4, 4), Preprocess("grayscale", (("resize", 4, 4),)))
    draws = ModelCard("gen", (), source, OutputSpec("image", ("batch", 1, 4, 4)), diffusion=diffusion)
    with pytest.raises(rt.OnnxnnError, match=r"expected \(|of the graph|expected finite"):
        rt.load(model(made, draws), device="cpu").sample(3, steps=2, seed=0)


@pytest.mark.parametrize("options", [{}, {"batch_size": 1}, {"batch_size": 5}])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_the_last_part_of_a_fixed_batch_alone_is_filled_up(size, options, monkeypatch):
    nodes = [node("GlobalAveragePool", ["input"], ["pooled"]), node("Flatten", ["pooled"], ["output"])]
    found = opened(
        nodes,
        card(OutputSpec("embedding", ("batch", 3)), task="embed"),
        inputs=[value("input", (size, 3, 2, 2))],
        outputs=[value("output", (size, 3))],
    )
    run, parts = found._engine._run, []
    monkeypatch.setattr(found._engine, "_run", lambda *given: parts.append(size) or run(*given))
    images = [np.full((2, 2, 3), n, np.uint8) for n in range(0, 250, 50)]
    expected = [[n / 255] * 3 for n in range(0, 250, 50)]
    np.testing.assert_allclose(found.embed(images, **options), expected, rtol=1e-6)
    assert len(parts) == -(-5 // size)


@pytest.mark.parametrize("use", ["infer", "many"])
def test_fewer_scores_than_classes_are_refused(use):
    three = OutputSpec("classes", ("batch", "k"), ("cat", "dog", "cow"))
    nodes = [node("ReduceMean", ["input"], ["output"], axes=[2, 3], keepdims=0)]
    assert opened(nodes, card(three), shape=("batch", "k")).predict(IMAGE)[0].label == "cat"
    four = OutputSpec("classes", ("batch", "k"), ("cat", "dog", "cow", "hen"))
    with pytest.raises(rt.InputError, match=r"expected 4 scores for a sample, .* got 3"):
        uses("classes")[use](opened(nodes, card(four), shape=("batch", "k")))


@pytest.mark.parametrize("part", ["input", "output"])
def test_a_card_without_axes(part):
    source = InputSpec("table", () if part == "input" else ("batch", 2))
    output = OutputSpec("values", () if part == "output" else ("batch", 2))
    shape = ("batch", 2)
    made = graph([node("Relu", ["input"], ["output"])], [value("input", shape)], [value("output", shape)])
    with pytest.raises(rt.CardError, match="of input and output in its card, got one without axes"):
        rt.load(model(made), device="cpu", card=card(output, source))
