from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.messages.shapes import shape_text


@pytest.mark.parametrize("shape", [(), (4,), (3, 8, 8)])
def test_shapes_read_as_those_of_arrays(shape):
    assert shape_text(shape) == str(np.zeros(shape).shape)


def test_axes_that_are_free(monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "en")
    assert shape_text(["batch", None, 2]) == "(batch, free, 2)"
    assert shape_text(["time"]) == "(time,)"
