"""What is compared where no samples are given, and which models need that."""

from __future__ import annotations

import os

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import ExportError

from onnxnn import nn
from onnxnn.quantization import made_up
from onnxnn.quantization.made_up import NUM_INPUTS, compare_made_up
from onnxnn.quantization.quantizer import quantize

WORDS = {letter: number for number, letter in enumerate("abcdef")}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The folder of files of free and of fixed sizes: of values, of texts, and of sequence to sequence."""
    folder = tmp_path_factory.mktemp("files")
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    values = nn("reg", verbose=0)
    values.load_dataset(x, 1000 + x.sum(axis=1))
    values.add("linear", size=(3, 16), activation="relu")
    values.add("linear", size=(16, 16), activation="relu")
    values.add("linear", size=(16, 1))
    texts = nn("gen", verbose=0)
    texts.load_dataset(np.arange(400).reshape(40, 10) % 6, word2idx=WORDS)
    texts.add("embedding", size=8)
    texts.add("gru", size=16)
    texts.add("linear", size=32, activation="relu")
    texts.add("linear", size=6, activation="softmax")
    for name, network in (("values", values), ("texts", texts)):
        network.set_seed(0)
        network.export(folder / f"{name}.onnx")
        network.export(folder / f"{name}_fixed.onnx", fixed_shapes=True)
    return folder


@pytest.mark.parametrize("name", ["values", "values_fixed", "texts", "texts_fixed"])
def test_eight_inputs_whatever_a_file_takes_at_once(files, tmp_path, name):
    """One value alone would have no R²: any rounding of it would count as all of it lost."""
    facts = quantize(files / f"{name}.onnx", None, tmp_path / "a.onnx", precision="fp16").facts
    assert facts.samples == NUM_INPUTS
    assert facts.after["r2"] > 0.999


def test_they_differ_from_each_other(files):
    runs = made_up._made_up(rt.load(files / "values_fixed.onnx", device="cpu"))
    rows = np.concatenate([run["input"] for run in runs])
    assert len(np.unique(rows, axis=0)) == NUM_INPUTS
    free = made_up._made_up(rt.load(files / "values.onnx", device="cpu"))
    np.testing.assert_array_equal(rows, np.concatenate([run["input"] for run in free]))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("last", [False, True])
def test_every_output_has_to_be_finite(files, monkeypatch, bad, last):
    """The states of a network are not compared with its card, so nobody else looks at them."""
    model = rt.load(files / "texts.onnx", device="cpu")
    old = made_up._outputs(model, made_up._made_up(model))
    name = list(old)[-1 if last else 0]
    found = iter([old, {**old, name: np.full_like(old[name], bad)}])
    monkeypatch.setattr(made_up, "_outputs", lambda *_: next(found))
    with pytest.raises(ExportError, match=r"returns NaN or infinite numbers"):
        compare_made_up(model, (files / "texts.onnx").read_bytes(), None)


def test_a_file_of_one_token_at_a_time_is_not_measured_on_texts(files, tmp_path):
    texts = ["abcdef" * 3] * 30
    with pytest.raises(ExportError, match=r"takes one token at a time\. Export it without fixed_shapes"):
        quantize(files / "texts_fixed.onnx", texts, tmp_path / "a.onnx")
    with pytest.raises(ExportError, match="Leave the samples out"):
        quantize(files / "texts_fixed.onnx", texts, tmp_path / "a.onnx", precision="fp16")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("seq2seq-0.1.0", r"got one for generate\(\).*Use the float file, or FP16"),
        ("loop", "the denoiser alone"),
    ],
)
def test_what_to_do_with_models_that_are_not_measured(golden_models, tmp_path, name, said):
    samples = np.zeros((30, 4), np.int64)
    with pytest.raises(ExportError, match=said):
        quantize(golden_models / f"{name}.onnx", samples, tmp_path / "a.onnx")
    with pytest.raises(ExportError, match=r"compared on made-up inputs\. Leave the samples out"):
        quantize(golden_models / f"{name}.onnx", samples, tmp_path / "a.onnx", precision="fp16")


@pytest.fixture
def golden_models():
    from support.paths import GOLDEN

    return GOLDEN / "models"
