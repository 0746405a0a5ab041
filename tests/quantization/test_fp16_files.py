"""`quantize(precision="fp16")`: measured on samples, or on made-up inputs where there are none."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from onnxnn_runtime import DataError, ExportError, load

from onnxnn import nn
from onnxnn.quantization.quantizer import quantize


def test_the_file_is_half_as_large_and_as_accurate(classifier, held_out, float_outputs, tmp_path):
    out = tmp_path / "fp16.onnx"
    report = quantize(classifier, held_out.images, out, precision="fp16", labels=held_out.labels)
    facts = report.facts
    assert (facts.precision, facts.measure, facts.samples) == ("fp16", "accuracy", len(held_out.labels))
    assert facts.before["accuracy"] > 0.9
    assert abs(facts.drop) <= 0.2
    assert facts.after["agreement"] > 0.995
    assert facts.float_layers == ()
    assert report.size < 0.6 * report.float_size
    model = load(out, device="cpu")
    before = load(classifier, device="cpu").card
    assert model.card == replace(before, parity=None, quantization=facts)
    np.testing.assert_allclose(model.embed(held_out.images), float_outputs, rtol=0.02, atol=0.02)


def test_without_samples_made_up_inputs_measure(classifier, tmp_path):
    report = quantize(classifier, None, tmp_path / "fp16.onnx", precision="fp16")
    facts = report.facts
    assert (facts.measure, facts.samples) == ("r2", 8)
    assert facts.settings == {
        "target": "any",
        "activations": "float16",
        "weights": "float16",
        "inputs": "made up",
    }
    assert facts.after["r2"] > 0.999
    assert report.seconds > 0 < report.float_seconds


def test_preprocessing_in_the_graph_stays_in_float32(classifier_in_graph, held_out, tmp_path):
    out = tmp_path / "fp16.onnx"
    report = quantize(classifier_in_graph, held_out.images, out, precision="fp16", labels=held_out.labels)
    assert report.facts.float_layers == ()
    before, after = (
        [
            node.SerializeToString()
            for node in onnx.load(path).graph.node
            if node.name.startswith("preprocess/") and not node.name.endswith("/float16/Cast")
        ]
        for path in (classifier_in_graph, out)
    )
    assert before == after != []


def test_values_keep_the_digits_of_float32(tmp_path):
    """Years need 4 digits, of which float16 has 3."""
    x = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
    years = 2000 + x @ np.array([[1.0], [2.0], [3.0]])
    network = nn("reg", verbose=0)
    network.set_seed(0)
    network.load_dataset(x, years)
    network.add("linear", size=(3, 16), activation="relu")
    network.add("linear", size=(16, 16), activation="relu")
    network.add("linear", size=(16, 1))
    network.save_fold = str(tmp_path / "ckpt")
    network.train(lr=1e-2, epochs=5)
    network.export(tmp_path / "years.onnx")
    report = quantize(tmp_path / "years.onnx", x, tmp_path / "fp16.onnx", precision="fp16", labels=years)
    assert report.facts.measure == "r2"
    assert report.facts.float_layers == ("linear2", "linear3")  # the feature vector, and the values
    old, new = (load(tmp_path / name, device="cpu").infer(x) for name in ("years.onnx", "fp16.onnx"))
    assert np.abs(old - new).max() < 0.05


def test_values_that_float16_does_not_hold_are_refused(classifier, held_out, tmp_path):
    scaled = onnx.load(classifier)
    first = [tensor for tensor in scaled.graph.initializer if tensor.name.startswith("conv2d1")]
    largest = max(np.abs(numpy_helper.to_array(tensor)).max() for tensor in first)
    for tensor in first:
        array = numpy_helper.to_array(tensor) * np.float32(6e4 / largest)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    onnx.save(scaled, tmp_path / "scaled.onnx")
    for data in (held_out.images[:40], None):
        with pytest.raises(ExportError, match=r"NaN or infinite numbers: values inside it are above 65504"):
            quantize(tmp_path / "scaled.onnx", data, tmp_path / "fp16.onnx", precision="fp16")
    assert os.listdir(tmp_path) == ["scaled.onnx"]


def test_a_loss_beyond_the_limit_writes_nothing(classifier, tmp_path, monkeypatch):
    from onnxnn.quantization import made_up

    monkeypatch.setattr(made_up, "Values", type("Worse", (made_up.Values,), {"compare": _lost}))
    with pytest.raises(
        ExportError, match=r"got 1\.00 on 8 made-up inputs .*Keep the float file, or give a larger max_drop"
    ):
        quantize(classifier, None, tmp_path / "fp16.onnx", precision="fp16")
    assert os.listdir(tmp_path) == []


def _lost(self, before, after, labels, max_drop):
    from onnxnn.quantization.measures import Comparison

    return Comparison("r2", {"r2": 1.0}, {"r2": 0.99}, 1.0, max_drop)


def test_integers_need_samples(classifier, tmp_path):
    with pytest.raises(DataError, match="expected samples that calibrate its integers, got none"):
        quantize(classifier, None, tmp_path / "int8.onnx")


def test_few_samples_are_refused(classifier, held_out, tmp_path):
    with pytest.raises(DataError, match="20 or more together, got 19"):
        quantize(classifier, held_out.images[:19], tmp_path / "a.onnx", precision="fp16")


def test_auto_is_for_integers(classifier, tmp_path):
    with pytest.raises(ExportError, match="auto=True: expected precision='int8'"):
        quantize(classifier, None, tmp_path / "a.onnx", precision="fp16", auto=True)


def test_the_graph_takes_and_returns_float32(classifier, tmp_path):
    quantize(classifier, None, tmp_path / "fp16.onnx", precision="fp16")
    graph = onnx.load(tmp_path / "fp16.onnx").graph
    ends = [*graph.input, *graph.output]
    assert {each.type.tensor_type.elem_type for each in ends} == {TensorProto.FLOAT}
