"""What a file declares about its graph is what ONNX Runtime says about it."""

from __future__ import annotations

import pytest
from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.session.declared import declared
from support.paths import GOLDEN

FILES = sorted(path.stem for path in (GOLDEN / "models").glob("*.onnx"))


@pytest.mark.parametrize("name", FILES)
def test_it_is_what_onnx_runtime_says(open_model, name):
    try:
        session = open_model(name, device="cpu")._engine._session
    except OnnxnnError:
        pytest.skip("this file is refused")
    assert declared((GOLDEN / "models" / f"{name}.onnx").read_bytes()) == session.described()
