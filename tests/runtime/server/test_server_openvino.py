"""`onnxnn serve --device openvino`: runs at once on all cores, with the results of the processor."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs onnxnn-runtime[serve]")
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="needs onnxnn-runtime[openvino]"
)


def rows(count):
    return np.random.RandomState(0).rand(count, 1, 2).astype(np.float32)


def test_answers_are_those_of_the_processor(serving, open_model):
    data = rows(24)
    with serving("table", device="openvino", threads=2) as client:
        served = client.state.model()
        models = served.lanes._models
        assert [model.device for model in models] == ["openvino", "openvino"]
        streams = [model._engine._session.compiled.get_property("NUM_STREAMS") for model in models]
        assert streams == [1, 2]
        found = [client.run(served.infer({"input": row})) for row in data]
    expected = open_model("table", device="cpu").infer(data[:, 0])
    np.testing.assert_allclose([each["output"][0] for each in found], expected, atol=1e-6)
