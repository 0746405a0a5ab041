"""What an option is where nobody gives it: lessons rely on these."""

from __future__ import annotations

import inspect

import numpy as np
import onnx
import onnxnn_runtime as rt
import pytest
import torch

from onnxnn import nn
from onnxnn.export.exporter import export_onnx
from onnxnn.graph.shape import Shape
from onnxnn.kinds import kind_of
from onnxnn.layers import make

RECURRENT = {"num_layers": 1, "bidirectional": False, "return_sequences": True, "dropout": 0.0}
SIZES = {"source_vocab": 9, "target_vocab": 9, "size": (8, 16), "max_length": 6}


@pytest.mark.parametrize(
    ("kind", "given", "options"),
    [
        ("rnn", {"size": (4, 8)}, {**RECURRENT, "nonlinearity": "tanh"}),
        ("gru", {"size": (4, 8)}, RECURRENT),
        ("lstm", {"size": (4, 8)}, RECURRENT),
        ("embedding", {"size": (9, 8)}, {"channels_first": False, "padding": 0}),
        ("transformer_encoder", {"size": (8, 16)}, {"num_heads": 4, "num_layers": 1, "dropout": 0.1}),
        ("transformer", SIZES, {"num_heads": 4, "num_layers": 2, "dropout": 0.1}),
        ("auxiliary_head", {"size": (8, 3)}, {"weight": 0.3}),
        ("lrn", {}, {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0}),
        ("leakyrelu", {}, {"slope": 0.2}),
        ("branches", {"paths": [[], []]}, {"merge": "concat"}),
        ("res_block", {"size": (4, 8)}, {"num_blocks": 1, "stride": 1}),
        ("res_bottleneck", {"size": (4, 8)}, {"num_blocks": 1, "stride": 1}),
        ("separable_conv2d", {"size": (4, 8), "kernel_size": 3}, {"stride": 1, "padding": 0}),
        ("em_lstm", {"size": (4, 8)}, {"num_layers": 1}),
        ("dropout", {}, {"p": 0.5}),
    ],
)
def test_options_of_layers(kind, given, options):
    made = make(kind, given)
    assert {name: getattr(made, name) for name in options} == options


def test_positions_are_learned():
    shape = Shape.sequence(4, 8)
    (learned,) = make("positional_embedding", {"size": (6, 8)}).build(shape).parameters()
    assert learned.shape == (6, 8)
    fixed = make("positional_embedding", {"size": (6, 8), "kind": "sinusoidal"}).build(shape)
    assert not list(fixed.parameters())


@pytest.mark.parametrize(
    ("kind", "x", "expected"),
    [
        ("leakyrelu", [[-1.0, 2.0]], [[-0.2, 2.0]]),
        ("lrn", [[[[3.0]], [[4.0]]]], [[[[3 / 1.0005**0.75]], [[4 / 1.0005**0.75]]]]),  # 1 + 1e-4/5 (9 + 16)
    ],
)
def test_what_they_compute(kind, x, expected):
    shape = Shape.image(2, 1, 1) if kind == "lrn" else Shape.vector(2)
    torch.testing.assert_close(make(kind, {}).build(shape)(torch.tensor(x)), torch.tensor(expected))


def network():
    model = nn("cls", verbose=0)
    model.load_dataset(np.eye(4), np.arange(4))
    model.add("linear", size=(4, 4), activation="softmax")
    return model


@pytest.mark.parametrize("way", ["convert", "export", "export_onnx"])
def test_exported_files_are_of_opset_13_and_ir_7(tmp_path, way):
    model, path = network(), tmp_path / "net.onnx"
    if way == "convert":
        model.convert(out_file=path)
    elif way == "export":
        model.export(path)
    else:
        export_onnx(kind_of("cls", model._definition), model.model, model.card(), path)
    written = onnx.load(path)
    assert written.ir_version == 7
    assert [(entry.domain, entry.version) for entry in written.opset_import] == [("", 13)]


@pytest.mark.parametrize(
    ("task", "y", "last", "metrics"),
    [
        ("cls", [0, 1, 2, 3], {"size": (4, 4), "activation": "softmax"}, {"loss", "acc"}),
        ("reg", [0.5, 1.0, 2.0, 4.0], {"size": (4, 1)}, {"loss", "mae"}),
        ("gen", [0.5, 1.0, 2.0, 4.0], {"size": (4, 1)}, {"loss", "mae"}),
    ],
)
def test_what_evaluation_reports(task, y, last, metrics):
    model = nn(task, verbose=0)
    model.load_dataset(np.eye(4), y)
    model.add("linear", **last)
    found = model.evaluate((np.eye(4), np.array(y)), **({"loss": "mse"} if task == "gen" else {}))
    assert set(found) == metrics
    if task == "reg":
        wrong = np.abs(model.inference(np.eye(4, dtype=np.float32))[:, 0] - y)
        assert found["mae"] == pytest.approx(wrong.mean(), rel=1e-5)
        assert found["loss"] == pytest.approx((wrong**2).mean(), rel=1e-5)


def test_generate_is_the_same_call_on_both_sides():
    here, there = (inspect.signature(kind.generate).parameters for kind in (nn, rt.Model))
    assert [(p.name, p.default) for p in here.values()] == [(p.name, p.default) for p in there.values()]
    model = nn("gen", verbose=0)
    model.load_dataset([[0, 1, 0, 1]], word2idx={"a": 0, "b": 1})
    model.add("em_lstm", size=(2, 4))
    text = model.generate("a", seed=0)
    assert len(text) == 24
    assert text == model.generate("a", length=24, temperature=1.0, seed=0)
