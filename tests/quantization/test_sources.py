"""Which files are refused before anything becomes smaller, and that nothing is written then."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxnn_runtime import DataError, ExportError, InputError
from onnxnn_runtime.card.card import METADATA_KEY

from onnxnn import nn
from onnxnn.quantization.quantizer import quantize

PRECISIONS = ("int8", "fp16")


@pytest.fixture(scope="module")
def samples(held_out):
    return held_out.images[:40]


@pytest.fixture(scope="module")
def smaller(classifier, samples, tmp_path_factory):
    """The paths of the classifier in INT8 and in FP16."""
    folder = tmp_path_factory.mktemp("smaller")
    for precision in PRECISIONS:
        quantize(classifier, samples, folder / f"{precision}.onnx", precision=precision, max_drop=100)
    return {precision: folder / f"{precision}.onnx" for precision in PRECISIONS}


def without_facts(path, folder):
    """Return the path of the same file without its card: as another tool might have made it."""
    model = onnx.load(path)
    kept = [each for each in model.metadata_props if each.key != METADATA_KEY]
    model.ClearField("metadata_props")
    model.metadata_props.extend(kept)
    onnx.save(model, folder / "foreign.onnx")
    return folder / "foreign.onnx"


@pytest.mark.parametrize("foreign", [False, True])
@pytest.mark.parametrize("to", PRECISIONS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_file_of_smaller_numbers_is_refused(smaller, samples, tmp_path, precision, to, foreign):
    path = without_facts(smaller[precision], tmp_path) if foreign else smaller[precision]
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ExportError, match=rf"quantised already \({precision}\). Quantise the file"):
        quantize(path, samples, tmp_path / "again.onnx", precision=to)
    assert sorted(os.listdir(tmp_path)) == before


@pytest.fixture
def newer(classifier, tmp_path):
    """The path of a file of opset 21 and IR 10."""
    model = onnx.load(classifier)
    model.opset_import[0].version, model.ir_version = 21, 10
    onnx.save(model, tmp_path / "newer.onnx")
    return tmp_path / "newer.onnx"


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("target", ["ort1.13", "unihiker", "any"])
def test_a_target_older_than_the_file_is_refused(newer, samples, tmp_path, precision, target):
    with pytest.raises(ExportError, match=rf"target='{target}' takes, got opset 21 and IR 10"):
        quantize(newer, samples, tmp_path / "a.onnx", precision=precision, target=target)
    assert os.listdir(tmp_path) == ["newer.onnx"]


@pytest.mark.parametrize("target", [None, "ort1.20", "server"])
def test_versions_stay_where_the_target_takes_them(newer, samples, tmp_path, target):
    quantize(newer, samples, tmp_path / "a.onnx", precision="fp16", target=target)
    found = onnx.load(tmp_path / "a.onnx")
    assert (found.opset_import[0].version, found.ir_version) == (21, 10)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_batches_of_a_fixed_size_are_refused(classifier, samples, tmp_path, precision):
    model = onnx.load(classifier)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 4
    onnx.save(model, tmp_path / "fixed.onnx")
    with pytest.raises(ExportError, match="got one for batches of 4"):
        quantize(tmp_path / "fixed.onnx", samples, tmp_path / "a.onnx", precision=precision)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_weights_in_another_file_are_refused(classifier, samples, tmp_path, precision):
    onnx.save(
        onnx.load(classifier),
        tmp_path / "outside.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    with pytest.raises(InputError, match="expected its weights in the file"):
        quantize(tmp_path / "outside.onnx", samples, tmp_path / "a.onnx", precision=precision)
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_custom_operators_are_refused(classifier, samples, tmp_path, precision):
    model = onnx.load(classifier)
    model.graph.node[0].domain = "my.operators"
    model.opset_import.append(helper.make_opsetid("my.operators", 1))
    onnx.save(model, tmp_path / "custom.onnx")
    with pytest.raises(InputError, match="which is a custom operator"):
        quantize(tmp_path / "custom.onnx", samples, tmp_path / "a.onnx", precision=precision)
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_three_gigabytes_are_refused_before_they_are_read(samples, tmp_path, precision):
    with open(tmp_path / "large.onnx", "wb") as file:
        file.truncate(3 * 2**30)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"expected less than 2 GiB.*got 3\.0 GiB"):
            quantize(tmp_path / "large.onnx", samples, tmp_path / "a.onnx", precision=precision)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_input_is_not_replaced(classifier, samples, precision):
    before = classifier.read_bytes()
    with pytest.raises(OSError, match="expected another file than the one that is read"):
        quantize(classifier, samples, classifier, precision=precision)
    assert classifier.read_bytes() == before


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The path of a classifier of a table with two named columns."""
    folder = tmp_path_factory.mktemp("table")
    rows = np.random.default_rng(0).normal(size=(60, 2))
    lines = [f"{a:.4f},{b:.4f},{'left' if a < b else 'right'}" for a, b in rows]
    (folder / "train.csv").write_text("a,b,side\n" + "\n".join(lines) + "\n", encoding="utf-8")
    network = nn("cls", verbose=0)
    network.load_tab_data(str(folder / "train.csv"))
    network.add("linear", size=(2, 8), activation="relu")
    network.add("linear", size=(8, 8), activation="relu")
    network.add("linear", size=(8, 2), activation="softmax")
    network.export(folder / "table.onnx")
    return folder / "table.onnx"


@pytest.mark.parametrize("precision", PRECISIONS)
def test_other_columns_are_refused(table, tmp_path, precision):
    (tmp_path / "other.csv").write_text("a,c\n" + "1,2\n" * 30, encoding="utf-8")
    with pytest.raises(InputError, match="b"):
        quantize(table, tmp_path / "other.csv", tmp_path / "a.onnx", precision=precision)
    with pytest.raises(InputError, match="expected"):
        quantize(table, np.zeros((30, 3), np.float32), tmp_path / "a.onnx", precision=precision)
    assert os.listdir(tmp_path) == ["other.csv"]


def test_a_table_with_its_columns_is_taken(table, tmp_path):
    report = quantize(table, table.with_name("train.csv"), tmp_path / "a.onnx", precision="fp16", max_drop=5)
    assert report.facts.measure == "accuracy"


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    "data",
    [
        ["a sentence, not an image"] * 30,
        np.zeros((30, 3, 12, 12), np.float32),
        np.zeros((30, 5), np.float32),
        [1.5] * 30,
        {"a": 1},
    ],
    ids=["texts", "channels", "rows", "numbers", "dict"],
)
def test_samples_of_another_kind_are_refused(classifier, tmp_path, precision, data):
    with pytest.raises((InputError, DataError)):
        quantize(classifier, data, tmp_path / "a.onnx", precision=precision)
    assert os.listdir(tmp_path) == []


def test_a_file_whose_weights_are_all_too_large_is_refused(classifier, tmp_path):
    model = onnx.load(classifier)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(tensor) * np.float32(1e9)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    onnx.save(model, tmp_path / "large.onnx")
    with pytest.raises(ExportError, match="a layer that float16 makes smaller"):
        quantize(tmp_path / "large.onnx", None, tmp_path / "a.onnx", precision="fp16")
