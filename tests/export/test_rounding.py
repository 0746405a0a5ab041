"""Networks that amplify rounding: the file is compared with how exact torch's own float32 is."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime import ExportError

from onnxnn import nn
from onnxnn.definition.definition import Definition


def amplifying(tmp_path, offset: float) -> nn:
    """Return a network whose batch normalisation subtracts `offset` from values that lie around it."""
    model = nn("cls", save_fold=str(tmp_path), verbose=0)
    model.set_seed(0)
    model.load_dataset(np.random.default_rng(0).random((8, 3, 8, 8), np.float32), [0, 1] * 4)
    model.add("conv2d", size=(3, 4), kernel_size=3)
    model.add("batchnorm2d", size=4)
    model.add("conv2d", size=(4, 4), kernel_size=3)
    model.add("flatten")
    model.add("linear", size=(64, 2), activation="softmax")
    model.train(epochs=1)
    with torch.no_grad():
        model.model.conv2d1.bias += offset
        model.model.batchnorm2d2.running_mean += offset
    return model


def test_a_file_as_exact_as_float32_in_torch_is_written_with_a_warning(tmp_path):
    model = amplifying(tmp_path, 3_000.0)
    with pytest.warns(UserWarning, match=r"amplifies rounding: .* in torch, and by .* in the exported file"):
        model.export(tmp_path / "a.onnx")
    assert rt.load(tmp_path / "a.onnx").predict(np.zeros((1, 3, 8, 8), np.float32))


def test_no_warning_where_a_network_is_exact(tmp_path, recwarn):
    amplifying(tmp_path, 0.0).export(tmp_path / "a.onnx")
    assert not [each for each in recwarn if "rounding" in str(each.message)]


@pytest.mark.parametrize("offset", [0.0, 3_000.0])
def test_a_wrong_file_is_refused_all_the_same(tmp_path, monkeypatch, offset):
    model = amplifying(tmp_path, offset)
    emit = Definition.emit

    def emit_wrong(self, graph, *rest):
        found = emit(self, graph, *rest)
        name = next(name for name in graph.weights if name.startswith("conv2d3") and "weight" in name)
        graph.weights[name] = graph.weights[name] * 1.05
        return found

    monkeypatch.setattr(Definition, "emit", emit_wrong)
    with pytest.raises(ExportError, match="differs from torch"):
        model.export(tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()


def test_a_stricter_tolerance_is_meant_as_it_stands(tmp_path):
    with pytest.raises(ExportError, match=r"differs from torch by .* expected at most 1e-05"):
        amplifying(tmp_path, 3_000.0).export(tmp_path / "a.onnx", tolerance=1e-5)
    assert not (tmp_path / "a.onnx").exists()
