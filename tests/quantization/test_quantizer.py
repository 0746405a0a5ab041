"""A float file becomes one of integers that is as accurate, or nothing is written."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnxnn_runtime import CardError, DataError, ExportError, InputError, ModelCard, load
from onnxnn_runtime.card.card import METADATA_KEY
from onnxnn_runtime.errors import MissingInputError, OutputError

from onnxnn.datasets import Digits, write_class_folders
from onnxnn.quantization import candidate, int8, processor, quantizer
from onnxnn.quantization.processor import IntegerTypes
from onnxnn.quantization.quantizer import quantize


@pytest.fixture(scope="module")
def done(classifier, held_out, tmp_path_factory):
    out = tmp_path_factory.mktemp("int8") / "int8.onnx"
    return quantize(classifier, held_out.images, out, labels=held_out.labels)


def test_the_file_is_as_accurate_and_smaller(done, classifier, held_out, float_outputs):
    assert done.facts.measure == "accuracy"
    assert done.facts.before["accuracy"] > 0.9
    assert done.facts.drop <= 0.5
    assert done.size == done.path.stat().st_size < done.float_size
    model = load(done.path, device="cpu")
    labels = [int(each.label) for each in model.predict(held_out.images)]
    assert np.mean(np.array(labels) == held_out.labels) >= done.facts.before["accuracy"] - 0.02
    vectors = model.embed(held_out.images)
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (vectors, float_outputs))
    assert (a * b).sum(axis=1).mean() >= 0.99


def test_layers_compute_in_integers_and_the_last_in_float(done):
    graph = onnx.load(done.path).graph
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type == "Conv":
            assert makers[node.input[0]].op_type == makers[node.input[1]].op_type == "DequantizeLinear"
        if node.op_type == "Gemm":
            assert makers.get(node.input[1]) is None, "the feature vector and the scores stay in float"
    for name in ("output", "embedding"):
        assert makers[name].op_type not in ("DequantizeLinear", "QuantizeLinear")


def test_versions_names_and_card_are_those_of_the_float_file(done, classifier):
    before, after = onnx.load(classifier), onnx.load(done.path)
    assert [(each.domain, each.version) for each in after.opset_import] == [("", 13)]
    assert after.ir_version == before.ir_version
    assert after.producer_name == before.producer_name
    assert {each.key for each in after.metadata_props} == {each.key for each in before.metadata_props}
    old, new = load(classifier, device="cpu").card, load(done.path, device="cpu").card
    assert new == replace(old, parity=None, quantization=new.quantization)
    assert new.quantization == done.facts
    assert new.quantization.settings["activations"] == "uint8"
    assert new.quantization.settings["calibration"] == 128
    assert ModelCard.from_json(new.to_json()) == new


def test_folders_are_the_labels(classifier, held_out, tmp_path):
    few = type(held_out)(held_out.images[:200], held_out.labels[:200])
    write_class_folders(few, tmp_path / "images")
    report = quantize(classifier, tmp_path / "images", tmp_path / "int8.onnx", max_drop=5)
    assert report.facts.measure == "accuracy"
    assert report.facts.before["accuracy"] > 0.85


def test_without_labels_the_float_file_is_right(classifier, held_out, tmp_path):
    report = quantize(classifier, held_out.images, tmp_path / "int8.onnx", max_drop=5)
    assert report.facts.measure == "agreement"
    assert report.facts.before == {"agreement": 1.0}


def test_samples_of_their_own_measure(classifier, held_out, tmp_path):
    report = quantize(
        classifier, held_out.images[:40], tmp_path / "a.onnx", held_out=held_out.images[40:100], max_drop=10
    )
    assert report.facts.samples == 60
    assert report.facts.settings["calibration"] == 40, "none of them is needed to measure"


def test_an_arm_target_has_signed_activations(classifier, held_out, tmp_path):
    out = tmp_path / "int8.onnx"
    report = quantize(classifier, held_out.images, out, labels=held_out.labels, target="unihiker")
    assert report.facts.settings["activations"] == "int8"
    zeros = [t for t in onnx.load(out).graph.initializer if t.name.endswith("zero_point")]
    assert {each.data_type for each in zeros} <= {onnx.TensorProto.INT8, onnx.TensorProto.INT32}


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_other_ranges_print_nothing(classifier, held_out, tmp_path, capfd, method):
    report = quantize(classifier, held_out.images[:60], tmp_path / "a.onnx", method=method, max_drop=50)
    assert report.facts.settings["method"] == method
    assert capfd.readouterr() == ("", "")


def test_a_loss_beyond_the_limit_writes_nothing(classifier, held_out, tmp_path):
    blank = np.zeros((20, 12, 12), np.uint8)  # so that the ranges hold nothing of a digit
    with pytest.raises(ExportError, match=r"loses too much: expected at most 0\.5 points less, got"):
        quantize(classifier, blank, tmp_path / "a.onnx", held_out=held_out.images)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_both_files_are_timed(classifier, held_out, tmp_path, monkeypatch, precision):
    timed = []
    monkeypatch.setattr(quantizer, "fastest", lambda runners, *_: timed.extend(runners) or [2.0, 1.0])
    options = {"precision": precision, "max_drop": 100}
    report = quantize(classifier, held_out.images[:40], tmp_path / "a.onnx", **options)
    assert (report.float_seconds, report.seconds, report.speedup) == (2.0, 1.0, 2.0)
    x = held_out.images[:3, np.newaxis].astype(np.float32) / 255
    for runner, path in zip(timed, (classifier, report.path), strict=True):
        wanted = load(path, device="cpu").infer({"input": x})["output"]
        np.testing.assert_allclose(runner.run({"input": x}, ["output"])[0], wanted, atol=1e-5)
        assert runner._session.get_session_options().intra_op_num_threads == 1


@pytest.mark.parametrize(
    ("options", "exact"),
    [
        ({"target": "rpi"}, True),
        ({"target": "server"}, False),
        ({"target": "any"}, False),  # 7 bits, which every processor computes alike
        ({"precision": "fp16"}, False),
    ],
)
def test_files_for_other_processors_are_measured_in_float(
    classifier, held_out, tmp_path, monkeypatch, options, exact
):
    here = IntegerTypes("uint8", reduced=False)
    monkeypatch.setattr(quantizer, "here", lambda: here)
    monkeypatch.setattr(processor, "here", lambda: here)
    made = []

    class Runner(quantizer.Runner):
        def __init__(self, model, exact, threads=0):
            made.append(exact)
            super().__init__(model, exact, threads)

    monkeypatch.setattr(quantizer, "Runner", Runner)
    quantize(classifier, held_out.images[:40], tmp_path / "a.onnx", max_drop=100, **options)
    assert made == [False, exact, False, False]


def test_a_quantised_file_is_refused(done, held_out, tmp_path):
    with pytest.raises(ExportError, match="quantised already"):
        quantize(done.path, held_out.images, tmp_path / "a.onnx")
    assert os.listdir(tmp_path) == []


def test_a_file_without_a_card_is_refused(classifier, held_out, tmp_path):
    bare = onnx.load(classifier)
    kept = [each for each in bare.metadata_props if each.key != METADATA_KEY]
    bare.ClearField("metadata_props")
    bare.metadata_props.extend(kept)
    onnx.save(bare, tmp_path / "bare.onnx")
    with pytest.raises(CardError, match="expected a file with an onnxnn card"):
        quantize(tmp_path / "bare.onnx", held_out.images, tmp_path / "a.onnx")


def test_too_few_samples(classifier, held_out, tmp_path):
    with pytest.raises(DataError, match=r"20 or more together, got 19"):
        quantize(classifier, held_out.images[:19], tmp_path / "a.onnx")


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_ten_held_out_samples_are_enough(classifier, held_out, tmp_path, precision):
    options = {"precision": precision, "max_drop": 100}
    given = held_out.images
    report = quantize(classifier, given[:10], tmp_path / "a.onnx", held_out=given[30:40], **options)
    assert report.facts.samples == 10
    for first, second in ((9, 30), (30, 9)):
        with pytest.raises(DataError, match="expected 10 or more samples that calibrate, and as many held"):
            quantize(classifier, given[:first], tmp_path / "b.onnx", held_out=given[:second], **options)
    assert os.listdir(tmp_path) == ["a.onnx"]


def test_samples_of_the_wrong_kind(classifier, tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n" + "1,2\n" * 30, encoding="utf-8")
    with pytest.raises((InputError, DataError)):
        quantize(classifier, tmp_path / "rows.csv", tmp_path / "a.onnx")
    with pytest.raises(InputError, match="NaN"):
        quantize(classifier, np.full((30, 1, 12, 12), np.nan, np.float32), tmp_path / "a.onnx")
    with pytest.raises(InputError, match="no such file"):
        quantize(classifier, tmp_path / "nowhere", tmp_path / "a.onnx")
    assert os.listdir(tmp_path) == ["rows.csv"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": "fp8"}, "precision='fp8': expected one of int8, fp16"),
        ({"method": "max"}, "method='max': expected one of mse"),
        ({"target": "rpy"}, "Did you mean 'rpi'"),
        ({"max_drop": -1}, "max_drop=-1: expected points from 0"),
        ({"max_drop": float("nan")}, "max_drop=nan: expected points from 0"),
        ({"num_calibration": 3}, "num_calibration=3: expected an integer from 10"),
        ({"num_calibration": 20.5}, "num_calibration=20.5: expected an integer from 10"),
        ({"seed": -1}, "seed=-1: expected an integer from 0"),
        ({"labels": [0, 1]}, "labels: expected one for each"),
        ({"labels": ["cat"] * 30}, "labels: expected classes of the network"),
    ],
)
def test_wrong_options(classifier, held_out, tmp_path, options, said):
    with pytest.raises((ExportError, DataError, InputError), match=said):
        quantize(classifier, held_out.images[:30], tmp_path / "a.onnx", **options)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("file", [None, 3, b"onnx", [1]])
def test_what_is_no_path_is_refused(held_out, tmp_path, file):
    with pytest.raises(InputError, match=r"expected the path of an .onnx file, which `export` wrote"):
        quantize(file, held_out.images, tmp_path / "a.onnx")


@pytest.mark.parametrize("method", ["mse", "minmax"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_folder_for_temporary_files(classifier, held_out, tmp_path, monkeypatch, method, number):
    def save(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(onnx, "save", save)
    with pytest.raises(OutputError, match=f"folder for temporary files: {os.strerror(number)}. Free space"):
        quantize(classifier, held_out.images[:40], tmp_path / "a.onnx", method=method)
    assert os.listdir(tmp_path) == []


def test_a_sample_that_vanishes_while_it_calibrates(classifier, held_out, tmp_path, monkeypatch):
    """Its error is not taken for one of the temporary files."""
    write_class_folders(Digits(held_out.images[:40], held_out.labels[:40]), tmp_path / "images")
    real = int8.measure_ranges

    def measured(model, method, feeds):
        shutil.rmtree(tmp_path / "images")
        return real(model, method, feeds)

    monkeypatch.setattr(candidate, "measure_ranges", measured)
    with pytest.raises(MissingInputError, match="no such file"):
        quantize(classifier, tmp_path / "images", tmp_path / "a.onnx")
    assert os.listdir(tmp_path) == []


def test_an_old_opset_is_refused(classifier, held_out, tmp_path):
    old = onnx.load(classifier)
    old.opset_import[0].version = 12
    onnx.save(old, tmp_path / "old.onnx")
    with pytest.raises(ExportError, match="expected opset 13 or newer, got 12"):
        quantize(tmp_path / "old.onnx", held_out.images, tmp_path / "a.onnx")


def test_the_output_must_not_replace_the_input(classifier, held_out):
    with pytest.raises(OSError, match="expected another file than the one that is read"):
        quantize(classifier, held_out.images, classifier)


def test_preprocessing_in_the_graph_stays_in_float(classifier_in_graph, held_out, tmp_path):
    out = tmp_path / "int8.onnx"
    quantize(classifier_in_graph, held_out.images, out, labels=held_out.labels, max_drop=2)
    before, after = onnx.load(classifier_in_graph).graph, onnx.load(out).graph
    first = [node.SerializeToString() for node in before.node if node.name.startswith("preprocess")]
    kept = [node for node in after.node if node.op_type not in ("QuantizeLinear", "DequantizeLinear")]
    assert first
    assert first == [node.SerializeToString() for node in kept if node.name.startswith("preprocess")]
