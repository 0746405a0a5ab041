"""`onnxnn quantize`, through the real entry point."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.needs_torch


def test_quantize_and_info(onnxnn, exported, tmp_path):
    arguments = (str(exported / "cnn.onnx"), "--data", str(exported / "images"), "-o", "int8.onnx")
    done = onnxnn("quantize", *arguments, "--max-drop", "100", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["precision"] == "int8"
    assert found["measure"] == "accuracy"
    assert found["size"] == (tmp_path / "int8.onnx").stat().st_size
    assert {"float", "quantized", "drop", "seconds", "float_seconds"} <= set(found)
    shown = onnxnn("info", "int8.onnx")
    assert shown.returncode == 0, shown.stderr
    assert "int8, accuracy" in shown.stdout

    again = onnxnn("quantize", "int8.onnx", "--data", str(exported / "images"), "-o", "again.onnx")
    assert again.returncode == 1
    assert "quantised already" in again.stderr
    assert "[E-QUANT-01]" in again.stderr
    assert not (tmp_path / "again.onnx").exists()
