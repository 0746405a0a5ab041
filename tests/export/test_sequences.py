"""Recurrent networks at every opset, after many steps, and with states as inputs and outputs."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxnn_runtime as rt
import pytest
import torch
from support.definitions import network
from support.onnx_check import largest_difference

from onnxnn import nn
from onnxnn.graph.shape import Shape

SEQUENCE = Shape.sequence(5, 6)


@pytest.mark.parametrize("opset", [9, 10, 11, 13, 17, 18, 21])
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_every_opset_gives_the_same(kind, opset):
    torch.manual_seed(0)
    made = network(
        SEQUENCE,
        (kind, {"size": 4, "num_layers": 2, "bidirectional": True}),
        (kind, {"size": 5}),
        ("unsqueeze", {}),
        ("squeeze", {}),
        ("linear", {"size": 3}),
    )
    shapes = [SEQUENCE, Shape.sequence(9, 6)]
    assert largest_difference(made, made.build(), shapes, opset=opset) <= 1e-5


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_sixteen_steps_and_more(kind):
    torch.manual_seed(0)
    made = network(Shape.sequence(16, 20), (kind, {"size": 64, "num_layers": 2}), ("linear", {"size": 3}))
    shapes = [Shape.sequence(16, 20), Shape.sequence(50, 20)]
    assert largest_difference(made, made.build(), shapes) <= 1e-4


# ---- states --------------------------------------------------------------------------------------

WORDS = {word: number for number, word in enumerate("春江花月夜，。")}


def writer(*layers, seed=0):
    torch.manual_seed(seed)
    model = nn("gen", verbose=0)
    rows = np.random.default_rng(seed).integers(0, 7, (4, 9))
    model.load_dataset(rows, word2idx=WORDS)
    for name, options in layers:
        model.add(name, **options)
    return model


EM_LSTM = [("em_lstm", {"size": (5, 8), "num_layers": 2})]
STACKED = [
    ("embedding", {"size": 5}),
    ("gru", {"size": 8, "num_layers": 3}),
    ("dropout", {}),
    ("rnn", {"size": 6}),
    ("linear", {"size": 7, "activation": "softmax"}),
]
COUNTING = [("embedding", {"size": 5}), ("linear", {"size": 7, "activation": "softmax"})]


@pytest.mark.parametrize("layers", [EM_LSTM, STACKED, COUNTING], ids=["em_lstm", "stacked", "counting"])
@pytest.mark.parametrize("opset", [9, 13, 18])
def test_states_go_in_and_out(tmp_path, layers, opset):
    model = writer(*layers)
    report = model.export(tmp_path / "w.onnx", opset_version=opset)
    assert report.parity["absolute"] <= 1e-5
    served = rt.load(tmp_path / "w.onnx")
    tokens = np.random.default_rng(1).integers(0, 7, (2, 20))
    with torch.no_grad():
        whole, after = model.model.eval().step(torch.from_numpy(tokens))
    states, found = {}, []
    for step in range(20):
        given = served.infer({"input": tokens[:, step : step + 1], **states})
        states = {state.name: given[state.next] for state in served.card.input.states}
        found.append(given["output"])
    np.testing.assert_allclose(np.concatenate(found, axis=1), whole.numpy(), atol=1e-4)
    for state, expected in zip(states.values(), after, strict=True):
        np.testing.assert_allclose(state, expected.numpy(), atol=1e-4)


def test_the_file_names_its_states(tmp_path):
    writer(*EM_LSTM).export(tmp_path / "w.onnx")
    served = rt.load(tmp_path / "w.onnx")
    assert served.inputs == {
        "input": ("int64", ("batch", "time")),
        "state0": ("float32", (2, "batch", 8)),
        "state1": ("float32", (2, "batch", 8)),
    }
    assert list(served.outputs) == ["output", "next_state0", "next_state1"]
    assert json.loads(served.card.to_json())["input"]["states"] == [
        {"name": f"state{i}", "next": f"next_state{i}", "shape": [2, "batch", 8]} for i in range(2)
    ]


@pytest.mark.parametrize(
    "layers",
    [
        [("embedding", {"size": 5}), ("lstm", {"size": 8, "bidirectional": True}), STACKED[-1]],
        [("embedding", {"size": 5}), ("lstm", {"size": 8}), ("linear", {"size": 3, "activation": "softmax"})],
        [("embedding", {"size": 5}), ("lstm", {"size": 8}), ("linear", {"size": 7})],
        [("embedding", {"size": 5}), ("lstm", {"size": 8, "return_sequences": False}), STACKED[-1]],
    ],
    ids=["looks ahead", "other classes", "no probabilities", "one output"],
)
def test_networks_that_do_not_write_text_have_no_states(tmp_path, layers):
    model = writer(*layers)
    model.export(tmp_path / "w.onnx")
    served = rt.load(tmp_path / "w.onnx")
    assert list(served.inputs) == ["input"]
    with pytest.raises(rt.CardError, match="expected a model that generates text"):
        served.generate("春")


def test_an_export_whose_states_are_wrong_is_refused(tmp_path, monkeypatch):
    """The second call continues the first; a file that forgets must not pass."""
    from onnxnn.graph.builder import GraphBuilder

    monkeypatch.setattr(GraphBuilder, "next_state", lambda self, state, x: self._after.update({state: state}))
    with pytest.raises(rt.ExportError, match="differs from torch"):
        writer(*EM_LSTM).export(tmp_path / "w.onnx")
    assert not (tmp_path / "w.onnx").exists()


def test_nodes_are_named_after_the_layers(tmp_path):
    writer(*EM_LSTM).export(tmp_path / "w.onnx")
    graph = onnx.load(tmp_path / "w.onnx").graph
    kinds = {node.name: node.op_type for node in graph.node}
    assert kinds["em_lstm1/embedding"] == "Gather"
    assert [name for name, kind in kinds.items() if kind == "LSTM"] == [
        "em_lstm1/lstm/LSTM",
        "em_lstm1/lstm/LSTM2",
    ]
