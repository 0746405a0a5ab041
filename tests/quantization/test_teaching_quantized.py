"""`teach` on files of INT8 and FP16, and with preprocessing in the graph: the encoder stays as it is."""

from __future__ import annotations

import numpy as np
import onnx
import onnxnn_runtime as rt
import pytest

from onnxnn.quantization.quantizer import quantize


def of_class(data, label, start, stop):
    return list(data.images[np.asarray(data.labels) == label][start:stop])


@pytest.fixture(scope="module")
def quantized(classifier, held_out, tmp_path_factory):
    """The same network in each precision, by its name."""
    folder = tmp_path_factory.mktemp("quantized")
    quantize(classifier, held_out.images, folder / "fp16.onnx", precision="fp16", labels=held_out.labels)
    quantize(classifier, held_out.images, folder / "int8.onnx", labels=held_out.labels, max_drop=20)
    return {"float": classifier, "fp16": folder / "fp16.onnx", "int8": folder / "int8.onnx"}


@pytest.mark.parametrize("precision", ["float", "fp16", "int8"])
def test_a_quantised_encoder_learns(quantized, held_out, tmp_path, precision):
    data = {f"n{label}": of_class(held_out, label, 0, 10) for label in (3, 5, 8)}
    taught = rt.teach(str(quantized[precision]), data)
    path = taught.save(tmp_path / "taught.onnx")
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [each.name for each in model.graph.output] == ["output", "embedding"]
    before = rt.load(quantized[precision], low_memory=True)
    after = rt.load(path, low_memory=True)
    new = {label: of_class(held_out, label, 10, 40) for label in (3, 5, 8)}
    for label, images in new.items():
        assert np.array_equal(before.embed(images), after.embed(images))
        assert [found.label for found in after.predict(images)].count(f"n{label}") >= 0.8 * len(images)
    assert after.card.quantization == before.card.quantization
    later = rt.teach(path, {"n1": of_class(held_out, 1, 0, 10)})
    assert later.counts == {"n3": 10, "n5": 10, "n8": 10, "n1": 10}
    nodes = [node.op_type for node in model.graph.node]
    assert nodes.count("Softmax") == 1  # that of the old head is gone


def test_a_taught_file_that_was_quantised_runs_and_learns_no_more(classifier, held_out, tmp_path):
    data = {f"n{label}": of_class(held_out, label, 0, 10) for label in (3, 5)}
    path = rt.teach(str(classifier), data).save(tmp_path / "taught.onnx")
    out = tmp_path / "fp16.onnx"
    images = [each for label in (3, 5) for each in of_class(held_out, label, 10, 30)]
    quantize(path, images, out, precision="fp16", max_drop=20)
    assert rt.load(out).predict(images[:1])[0].label == "n3"
    with pytest.raises(rt.CardError, match="quantised or changed"):
        rt.teach(out, {"n1": of_class(held_out, 1, 0, 10)})
