"""Layers that lose most stay in float."""

from __future__ import annotations

import onnx
import pytest
from onnxnn_runtime import load

from onnxnn.quantization import candidate
from onnxnn.quantization.candidate import Calibrated, best_candidate
from onnxnn.quantization.measures import measure_for
from onnxnn.quantization.options import QuantizeOptions
from onnxnn.quantization.samples import read_samples


@pytest.fixture
def calibration(classifier, held_out):
    model = load(classifier, device="cpu")
    samples = read_samples(held_out.images[:40], model.card, held_out.labels[:40])
    return onnx.load(classifier), samples, measure_for(model.kind, "digits")


def test_the_order_of_layers_is_that_of_their_errors(calibration):
    model, samples, _ = calibration
    calibrated = Calibrated.of(model, samples, QuantizeOptions())
    order = calibrated.sensitive_first(samples, "embedding", exact=False)
    assert sorted(order) == ["conv2d1", "conv2d2"]


def test_auto_leaves_layers_in_float_until_the_loss_is_small(calibration, monkeypatch):
    model, samples, measure = calibration
    options = QuantizeOptions(auto=True)
    plain = best_candidate(model, samples, measure, "output", QuantizeOptions(), exact=False)
    monkeypatch.setattr(candidate, "_SURE_COSINE", 2.0)  # never enough, so that all are tried
    tried = []
    monkeypatch.setattr(
        Calibrated, "candidate", lambda self, in_float=(): tried.append(list(in_float)) or plain
    )
    best_candidate(model, samples, measure, "output", options, exact=False)
    assert [len(each) for each in tried] == [0, 1]
    assert tried[1][0] in ("conv2d1", "conv2d2")
