"""Writing targets with a cache: the same as running the whole network for every token."""

from __future__ import annotations

import importlib.util
import itertools

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.generation.options import GenerationOptions
from onnxnn_runtime.generation.seq2seq import search, translate, whole
from support.paths import GOLDEN
from support.reversals import SIZES, made

from onnxnn import nn


def uncached(model):
    """Return what runs the whole file for every token."""
    return whole(lambda source, target: model.infer({"input": source, "target": target})["output"])


def exported(folder, **options):
    """Return a network with random weights, and its file."""
    network = nn("gen", verbose=0)
    network.set_seed(options.pop("seed", 0))
    network.add("transformer", **{**SIZES, "dropout": 0.0, **options})
    path = folder / "net.onnx"
    network.export(path)
    return network, rt.load(path, device="cpu")


def ragged(draw, rows, longest=12):
    return [draw.integers(3, 13, draw.integers(1, longest + 1)).tolist() for _ in range(rows)]


SHAPES = [
    {"size": (8, 8), "num_heads": 1, "num_layers": 1},
    {"size": (12, 20), "num_heads": 3, "num_layers": 3},
    {"size": (16, 8), "num_heads": 16, "num_layers": 2, "target_vocab": 4},
    {"size": (6, 7), "num_heads": 2, "num_layers": 1, "target_vocab": 40},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_tokens_are_those_without_a_cache(shape, tmp_path):
    network, model = exported(tmp_path, **shape)
    draw = np.random.default_rng(0)
    for rows, beams, max_length in itertools.product((1, 3), (1, 2, 5), (1, 12)):
        options = GenerationOptions(ragged(draw, rows), max_length=max_length, beams=beams)
        expected = translate(uncached(model), model.card.input, options)
        assert model.generate(options.prompt, max_length=max_length, beams=beams) == expected
        assert network.generate(options.prompt, max_length=max_length, beams=beams) == expected


@pytest.mark.parametrize("seed", range(4))
def test_probabilities_are_those_without_a_cache_whatever_each_row_continues(seed, tmp_path):
    from onnxnn.inference.seq2seq import follower

    network, model = exported(tmp_path, seed=seed, **SHAPES[seed])
    draw = np.random.default_rng(seed)
    source = draw.integers(0, 13, (3, 9))
    source[1, 4:] = 0
    source[2] = 0  # nothing but padding
    ways = [model.decoder(source), follower(network.model, source), uncached(model)(source)]
    targets, rows = np.ones((3, 1), np.int64), None
    for _ in range(8):
        first, *others = (follow(targets, rows) for follow in ways)
        for each in others:
            np.testing.assert_allclose(each, first, rtol=0, atol=1e-5)
        rows = draw.integers(0, len(targets), draw.integers(1, 7))  # twice, not at all, in any order
        new = draw.integers(0, 4, (len(rows), 1))
        targets = np.concatenate([targets[rows], new], axis=1)


def test_a_source_in_a_batch_is_written_as_alone(tmp_path):
    _, model = exported(tmp_path)
    sources = ragged(np.random.default_rng(3), 6)
    for beams in (1, 4):
        alone = [model.generate(source, beams=beams) for source in sources]
        assert model.generate(sources, beams=beams) == alone


def test_the_encoder_and_past_tokens_are_not_computed_again(tmp_path, monkeypatch):
    _, model = exported(tmp_path)
    run, seen = model._engine._run, []

    def noted(session, feeds, outputs):
        seen.append((feeds["input"].shape, feeds["target"].shape))
        return run(session, feeds, outputs)

    monkeypatch.setattr(model._engine, "_run", noted)
    source = np.full((2, 5), 4)
    search(model._engine.translator(), source, 4, beams=3)
    assert seen[0] == ((2, 5), (2, 1))
    assert set(seen[1:]) == {((6, 0), (6, 1))}


@pytest.mark.parametrize("beams", [1, 3])
def test_openvino_writes_the_same_without_the_cache(beams, tmp_path):
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("needs onnxnn-runtime[openvino]")
    _, model = exported(tmp_path)
    other = rt.load(tmp_path / "net.onnx", device="openvino")
    assert list(other.outputs) == list(model.outputs)
    sources = ragged(np.random.default_rng(0), 3)
    assert other.generate(sources, max_length=8, beams=beams) == model.generate(
        sources, max_length=8, beams=beams
    )


def test_a_program_that_does_not_know_the_states_runs_the_file(tmp_path):
    from onnxnn_runtime.session.providers import onnxruntime

    _, model = exported(tmp_path)
    options = onnxruntime().SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime().InferenceSession(
        str(tmp_path / "net.onnx"), options, providers=["CPUExecutionProvider"]
    )
    assert [each.name for each in session.get_inputs()] == ["input", "target"] == list(model.inputs)
    assert [each.name for each in session.get_overridable_initializers()] == ["state0", "state1", "state2"]
    assert list(model.outputs) == ["output"]
    feeds = {"input": np.array([[4, 5, 0], [7, 0, 0]]), "target": np.array([[1, 5], [1, 6]])}
    np.testing.assert_array_equal(session.run(["output"], feeds)[0], model.infer(feeds)["output"])


def test_an_engine_that_takes_an_empty_default_for_a_scalar_runs_the_file(tmp_path):
    from onnx import numpy_helper

    def make_scalars(graph):
        for tensor in graph.initializer:
            if tensor.name.startswith("state"):
                tensor.CopyFrom(numpy_helper.from_array(np.zeros((), np.float32), tensor.name))
        del graph.input[2:]  # what has a default is a constant there

    feeds = {"input": np.array([[4, 5, 0], [7, 0, 0]]), "target": np.array([[1, 5], [1, 6]])}
    found = broken(tmp_path, make_scalars).infer(feeds)["output"]
    expected = rt.load(tmp_path / "net.onnx", device="cpu").infer(feeds)["output"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_a_file_of_0_1_0_writes_what_it_wrote():
    model = rt.load(GOLDEN / "models/seq2seq-0.1.0.onnx", device="cpu")
    source = [[5, 7, 3], [4, 8, 9, 12, 3, 3], [6]]
    assert model.generate(source, max_length=7) == [[12, 4, 12, 4], [3, 4, 10], [8, 8, 8, 8, 9, 9, 9]]
    beams = [[7, 7, 4, 12], [4, 10], [8, 8, 8, 8, 8, 8, 9]]
    assert model.generate(source, max_length=7, beams=3) == beams
    assert rt.verify(model).passed


@pytest.mark.parametrize("opset", [9, 10, 13, 17])
def test_opsets(opset, tmp_path):
    network = made(dropout=0.0)
    network.export(tmp_path / "net.onnx", opset_version=opset, ir_version=4 if opset == 9 else 7)
    model = rt.load(tmp_path / "net.onnx", device="cpu")
    assert model.generate([[5, 7, 3], [4]], beams=2) == network.generate([[5, 7, 3], [4]], beams=2)


def test_verify_follows_the_tokens(tmp_path):
    _, model = exported(tmp_path)
    report = rt.verify(model)
    assert report.passed
    assert "output is the same token by token" in [each.name for each in report.checks]


def broken(folder, change):
    """Return a file whose cache was changed."""
    import onnx

    exported(folder)
    file = onnx.load(folder / "net.onnx")
    change(file.graph)
    return rt.load(file.SerializeToString(), device="cpu")


def test_verify_finds_a_cache_that_is_wrong(tmp_path):
    def swap(graph):
        by_name = {node.output[0]: node for node in graph.node}
        packed = by_name["next_state2"].input
        packed[0], packed[1] = packed[1], packed[0]  # values for keys

    report = rt.verify(broken(tmp_path, swap))
    assert [each.name for each in report.checks if not each.passed] == ["output is the same token by token"]


def test_a_cache_with_other_rows_is_refused(tmp_path):
    def cut(graph):
        from onnx import helper

        node = next(node for node in graph.node if node.output[0] == "next_state2")
        node.output[0] = "all_rows"
        graph.node.append(helper.make_node("Slice", ["all_rows", "starts", "ends"], ["next_state2"]))
        for name, value in (("starts", 0), ("ends", 1)):
            graph.initializer.append(helper.make_tensor(name, 7, [1], [value]))

    model = broken(tmp_path, cut)
    with pytest.raises(rt.InputError, match="'next_state2': expected one row for each of 2 samples, got 1"):
        model.generate([[5, 7], [3]])
    assert not rt.verify(model).passed


def test_a_decoder_of_one_s_own_search(tmp_path):
    _, model = exported(tmp_path)
    follow = model.decoder([5, 7, 3])
    first = follow(np.array([[1]]), None)
    assert first.shape == (1, 13)
    wanted = model.infer({"input": [[5, 7, 3]], "target": [[1, 4]]})["output"][:, -1]
    np.testing.assert_allclose(follow(np.array([[1, 4]]), None), wanted, atol=1e-6)
    with pytest.raises(rt.InputError, match="expected at least one token id"):
        model.decoder([])
    with pytest.raises(
        rt.CardError, match=r"expected a model from sequence to sequence, .* Use model.predict"
    ):
        rt.load(GOLDEN / "models" / "table.onnx").decoder([[3]])


@pytest.fixture(scope="module")
def with_and_without_cache(tmp_path_factory):
    """Return a model that keeps a cache, and one of version 0.1.0, which has none."""
    _, model = exported(tmp_path_factory.mktemp("cache"))
    return model, rt.load(GOLDEN / "models" / "seq2seq-0.1.0.onnx", device="cpu")


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("calls", "says"),
    [
        ([([[1]], None)], r"targets: expected the shape \(2, 1\) in the first call.* got \(1, 1\)"),
        ([([[1], [1]], [0, 1])], r"in the first call.* and rows=\[0, 1\]"),
        ([([1, 1], None)], r"targets: expected token ids \(targets, time\), .* got \(2,\)"),
        ([([[], []], None)], r"targets: expected token ids \(targets, time\), .* got \(2, 0\)"),
        ([([[1], [13]], None)], r"targets: expected token ids 0\.\.12, .* got 1\.\.13"),
        ([([[1], [-1]], None)], r"targets: expected token ids 0\.\.12, .* got -1\.\.1"),
        ([([[1.5], [1]], None)], r"targets: expected integers as token ids"),
        (
            [([[1], [1]], None), ([[1, 3, 4], [1, 3, 4]], None)],
            r"last call, each with one more token, \(2, 2\)",
        ),
        (
            [([[1], [1]], None), ([[1], [1]], None)],
            r"got \(2, 1\)\. Call decoder\(\) again for another search",
        ),
        ([([[1], [1]], None), ([[4, 3], [4, 3]], None)], r"targets: expected those of the last call"),
        (
            [([[1], [1]], None), ([[1, 3], [1, 3]], [0, 2])],
            r"rows=\[0, 2\]: expected integers of the shape \(2,\), from 0 to 1",
        ),
        (
            [([[1], [1]], None), ([[1, 3], [1, 3]], [0, -1])],
            r"rows=\[0, -1\]: expected integers of the shape \(2,\)",
        ),
        ([([[1], [1]], None), ([[1, 3], [1, 3]], [0])], r"rows=\[0\]: expected integers of the shape \(2,\)"),
        ([([[1], [1]], None), ([[1, 3], [1, 3]], [0.0, 1.0])], r"expected integers of the shape \(2,\)"),
    ],
)
def test_a_search_of_one_s_own_continues_its_last_call(with_and_without_cache, old, calls, says):
    """A cache would compute something else without a word."""
    follow = with_and_without_cache[old].decoder([[5, 7, 3], [4]])
    for targets, rows in calls[:-1]:
        follow(np.array(targets), rows)
    with pytest.raises(rt.InputError, match=says):
        follow(calls[-1][0], calls[-1][1])


@pytest.mark.parametrize("old", [False, True])
def test_a_search_of_one_s_own_may_write_into_its_array(with_and_without_cache, old):
    model = with_and_without_cache[old]
    written = np.ones((2, 4), np.int64)
    follow = model.decoder([[5, 7, 3], [4]])
    for step in range(1, 4):
        found = follow(written[:, :step], None)
        written[:, step] = found[:, 3:].argmax(axis=1) + 3
    pair = {"input": np.array([[5, 7, 3], [4, 0, 0]]), "target": written[:, :3]}
    np.testing.assert_allclose(found, model.infer(pair)["output"][:, -1], atol=1e-5)


def test_a_graph_without_a_cache_is_still_written(tmp_path, monkeypatch):
    from functools import partial

    from onnxnn.export import model as export_model
    from onnxnn.graph.builder import GraphBuilder

    monkeypatch.setattr(export_model, "GraphBuilder", partial(GraphBuilder, keeps_cache=False))
    network, model = exported(tmp_path)
    assert not model._engine._cache
    assert model.generate([[5, 7, 3], [4]], beams=2) == network.generate([[5, 7, 3], [4]], beams=2)
