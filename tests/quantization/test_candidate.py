"""Layers that lose most stay in float, and channels are equalised where the output gets closer by it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnxnn_runtime import load

from onnxnn.quantization import candidate
from onnxnn.quantization.candidate import Calibrated, Trial, best_candidate
from onnxnn.quantization.choice import measure_for
from onnxnn.quantization.options import QuantizeOptions
from onnxnn.quantization.samples import read_samples


@pytest.fixture
def model(classifier):
    return onnx.load(classifier)


@pytest.fixture
def trial(classifier, held_out):
    model = load(classifier, device="cpu")
    samples = read_samples(held_out.images[:40], model.card, held_out.labels[:40])
    return Trial(samples, measure_for(model.kind, "digits"), "output", exact=False)


def test_the_order_of_layers_is_that_of_their_errors(model, trial):
    calibrated = Calibrated.of(model, trial, QuantizeOptions())
    assert sorted(calibrated.sensitive_first(trial)) == ["conv2d1", "conv2d2"]


def test_auto_leaves_layers_in_float_until_the_loss_is_small(model, trial, monkeypatch):
    options = QuantizeOptions(auto=True)
    plain = best_candidate(model, trial, QuantizeOptions())
    monkeypatch.setattr(candidate, "_SURE_COSINE", 2.0)  # never enough, so that all are tried
    monkeypatch.setattr(candidate, "tied_values", lambda model: [])
    tried = []
    monkeypatch.setattr(
        Calibrated, "candidate", lambda self, in_float=(): tried.append(list(in_float)) or plain
    )
    best_candidate(model, trial, options)
    assert [len(each) for each in tried] == [0, 0, 1, 1]
    assert tried[2][0] in ("conv2d1", "conv2d2")
    assert tried[3] == ["conv2d1"], "the first ones are tried, too"


@pytest.mark.parametrize(("given", "limit"), [(None, 0.25), (8.0, 4.0)])
def test_calibration_samples_may_lose_half_of_what_others_may(model, trial, monkeypatch, given, limit):
    limits = []
    real = type(trial.measure).compare

    def compare(self, before, after, labels, max_drop):
        limits.append(max_drop)
        return real(self, before, after, labels, max_drop)

    monkeypatch.setattr(type(trial.measure), "compare", compare)
    best_candidate(model, trial, QuantizeOptions(auto=True, max_drop=given))
    assert set(limits) == {limit}


def uneven(model):
    """Return a model whose first convolution makes channels of very different size; it computes the same."""
    tensors = {each.name: each for each in model.graph.initializer}
    first, second = (node for node in model.graph.node if node.op_type == "Conv")
    factors = 10.0 ** np.linspace(-2, 2, 8)
    for name in first.input[1:]:
        array = onnx.numpy_helper.to_array(tensors[name])
        scaled = array * factors.reshape(-1, *(1,) * (array.ndim - 1))
        tensors[name].CopyFrom(onnx.numpy_helper.from_array(scaled.astype(np.float32), name))
    name = second.input[1]
    array = onnx.numpy_helper.to_array(tensors[name]) / factors.reshape(1, -1, 1, 1)
    tensors[name].CopyFrom(onnx.numpy_helper.from_array(array.astype(np.float32), name))
    return model


def test_channels_are_equalised_where_that_is_closer(model, trial):
    uneven(model)
    right = trial.output_of(model, exact=False)
    plain = Calibrated.of(model, trial, QuantizeOptions()).candidate()
    best = best_candidate(model, trial, QuantizeOptions())
    errors = [np.square(trial.output_of(each.model, exact=False) - right).mean() for each in (plain, best)]
    assert best.way.equalized
    assert errors[1] < errors[0] / 4


def test_they_stay_as_they_are_where_that_is_closer(model, trial, monkeypatch):
    monkeypatch.setattr(candidate, "equalized", lambda model, peaks: uneven(model))
    assert not best_candidate(model, trial, QuantizeOptions()).way.equalized
