"""Filters are rounded so that their errors cancel, and the tools find the same integers in them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from onnxnn.quantization.candidate import Calibrated, Trial, Way
from onnxnn.quantization.choice import measure_for
from onnxnn.quantization.options import QuantizeOptions
from onnxnn.quantization.processor import IntegerTypes
from onnxnn.quantization.rounding import rounded
from onnxnn.quantization.samples import read_samples
from onnxnn.quantization.selection import select


def filters(model):
    tensors = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    return {node.name: tensors[node.input[1]] for node in model.graph.node if node.op_type == "Conv"}


@pytest.mark.parametrize("reduced", [False, True])
def test_the_errors_of_each_filter_cancel(classifier, reduced):
    model = onnx.load(classifier)
    types = IntegerTypes("uint8", reduced)
    before, after = filters(model), filters(rounded(model, select(model), types))
    assert len(before) == 2
    for name, old in before.items():
        new = after[name]
        scale = np.abs(old).max(axis=(1, 2, 3), keepdims=True) / (64 if reduced else 127)
        integers = new / scale
        np.testing.assert_allclose(integers, np.round(integers), atol=1e-3)
        np.testing.assert_allclose(
            np.abs(new).max(axis=(1, 2, 3)), np.abs(old).max(axis=(1, 2, 3)), rtol=1e-6
        )
        assert np.abs((new - old) / scale).max() < 1.01, "no weight moves by more than a step"
        assert np.abs(((new - old) / scale).sum(axis=(2, 3))).max() < 0.501
        nearest = np.round(old / scale) - old / scale
        assert np.abs(nearest.sum(axis=(2, 3))).max() > 0.6, "rounded each by itself, they do not"


def test_what_stays_in_float_and_zeros_stay(classifier):
    model = onnx.load(classifier)
    tensor = next(each for each in model.graph.initializer if len(each.dims) == 4)
    tensor.CopyFrom(numpy_helper.from_array(np.zeros(tuple(tensor.dims), np.float32), tensor.name))
    types = IntegerTypes("uint8", reduced=False)
    assert not filters(rounded(model, select(model), types))["conv2d1"].any()
    assert rounded(model, select(model, ["conv2d1", "conv2d2"]), types) == model


def test_the_quantised_file_has_these_integers(classifier, held_out):
    from onnxnn_runtime import load

    loaded, model = load(classifier, device="cpu"), onnx.load(classifier)
    samples = read_samples(held_out.images[:40], loaded.card)
    trial = Trial(samples, measure_for(loaded.kind, "digits"), "output", exact=False)
    calibrated = Calibrated.of(model, trial, QuantizeOptions(target="unihiker"))
    sums = {}
    for way in (Way(), Way(keeps_sums=False)):
        made = Calibrated(model, calibrated.ranges, calibrated.means, calibrated.types, way).candidate().model
        tensors = {each.name: numpy_helper.to_array(each) for each in made.graph.initializer}
        errors = []
        for node in model.graph.node:
            if node.op_type == "Conv":
                name = node.input[1]
                scale = tensors[f"{name}_scale"].reshape(-1, 1, 1, 1)
                old = numpy_helper.to_array(next(e for e in model.graph.initializer if e.name == name))
                errors.append(np.abs((tensors[f"{name}_quantized"] - old / scale).sum(axis=(2, 3))).max())
        sums[way.keeps_sums] = max(errors)
    assert sums[True] < 0.51
    assert sums[False] > 0.6
