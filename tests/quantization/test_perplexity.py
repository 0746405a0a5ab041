"""A language model is measured by its perplexity, which may grow by a few percent."""

from __future__ import annotations

import numpy as np
import onnx
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import DataError, ExportError

from onnxnn import nn
from onnxnn.quantization.measures import Comparison
from onnxnn.quantization.perplexity import Perplexity
from onnxnn.quantization.quantizer import quantize

WORDS = {word: number for number, word in enumerate("春江花月夜，。")}
ROWS = np.tile(np.arange(7), 5)[np.arange(40)[:, np.newaxis] % 7 + np.arange(12)]
"""Texts in which the next token follows from the last one."""


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    """The path of a file that continues texts, with a state and two linear layers."""
    network = nn("gen", verbose=0)
    network.set_seed(0)
    network.load_dataset(ROWS, word2idx=WORDS, batch_size=8)
    network.add("embedding", size=8)
    network.add("gru", size=16)
    network.add("linear", size=32, activation="relu")
    network.add("linear", size=7, activation="softmax")
    folder = tmp_path_factory.mktemp("writer")
    network.save_fold = str(folder / "ckpt")
    network.train(lr=1e-2, epochs=6)
    network.export(folder / "writer.onnx")
    return folder / "writer.onnx"


def test_a_language_model_is_quantised_and_measured(writer, tmp_path):
    report = quantize(writer, ROWS, tmp_path / "int8.onnx", max_drop=20)
    facts = report.facts
    assert facts.measure == "perplexity"
    assert 1 < facts.before["perplexity"] < 4, "it knows more than chance, which is 7"
    assert facts.drop == pytest.approx(100 * (facts.after["perplexity"] / facts.before["perplexity"] - 1))
    model = rt.load(tmp_path / "int8.onnx", device="cpu")
    assert model.card.quantization == facts
    assert len(model.generate("春", length=5, seed=0)) >= 5
    graph = onnx.load(tmp_path / "int8.onnx").graph
    makers = {name: node for node in graph.node for name in node.output}
    (gru,) = (node for node in graph.node if node.op_type == "GRU")
    assert all(makers[each].op_type != "DequantizeLinear" for each in gru.input if each in makers)
    products = [node for node in graph.node if node.op_type == "MatMul"]
    inside = [node for node in products if makers[node.input[0]].op_type == "DequantizeLinear"]
    assert len(inside) == 1
    assert len(products) == 2


def test_its_perplexity_is_that_of_the_next_tokens(writer, tmp_path):
    report = quantize(writer, ROWS, tmp_path / "int8.onnx", held_out=ROWS[:20], max_drop=20)
    found = rt.load(writer, device="cpu").infer({"input": ROWS[:20]})["output"].astype(np.float64)
    likely = np.take_along_axis(found[:, :-1], ROWS[:20, 1:, np.newaxis], axis=2)
    assert report.facts.before["perplexity"] == pytest.approx(np.exp(-np.log(likely).mean()), rel=1e-5)


def test_a_perplexity_that_grows_too_much_is_refused(writer, tmp_path, monkeypatch):
    found = Comparison("perplexity", {"perplexity": 2.0}, {"perplexity": 2.1}, drop=5.0, max_drop=1.0)
    monkeypatch.setattr(Perplexity, "compare", lambda *given: found)
    with pytest.raises(ExportError, match=r"expected perplexity to grow by at most 1 %, got 5\.00 % on"):
        quantize(writer, ROWS, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_single_tokens_are_refused(writer, tmp_path):
    with pytest.raises(DataError, match="expected sequences of two tokens or more"):
        quantize(writer, np.zeros((20, 1), np.int64), tmp_path / "a.onnx")


def test_tokens_that_are_ruled_out_leave_it_finite():
    found = Perplexity("input", ()).compare(np.ones(4), np.zeros(4), None, 1.0)
    assert np.isfinite(found.drop)
    assert not found.passed


def test_a_language_model_in_float16_is_measured_likewise(writer, tmp_path):
    facts = quantize(writer, ROWS, tmp_path / "fp16.onnx", precision="fp16").facts
    assert (facts.precision, facts.measure, facts.samples) == ("fp16", "perplexity", len(ROWS))
    assert abs(facts.drop) < 0.5
    texts = [
        rt.load(each, device="cpu").generate("春", length=5, seed=0)
        for each in (writer, tmp_path / "fp16.onnx")
    ]
    assert texts[0] == texts[1]
