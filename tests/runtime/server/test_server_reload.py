"""Models that are replaced or cannot be warmed up leave no threads over, and lose no request."""

from __future__ import annotations

import os
import shutil
import threading
import time

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.server.errors import Overloaded
from onnxnn_runtime.server.lanes import Lanes
from support.paths import GOLDEN

TABLE = GOLDEN / "models" / "table.onnx"

ROW = {"json": {"input": [1, 2]}}


def feeds(model):
    return {"input": np.zeros((1, 2), np.float32)}


def lanes_end(before):
    """Wait until the lanes that were begun since have ended."""
    deadline = time.monotonic() + 20
    while True:
        names = {each.name for each in set(threading.enumerate()) - before}
        if "onnxnn table" not in names or time.monotonic() > deadline:
            return "onnxnn table" not in names
        time.sleep(0.01)


@pytest.fixture
def path(tmp_path):
    return shutil.copy(str(TABLE), str(tmp_path / "table.onnx"))


def fail(self):
    raise RuntimeError("no memory")


def test_what_was_read_for_a_replaced_model_is_answered_by_it(serving, path):
    with serving(path) as client:
        served = client.state.model()
        before = served.lanes
        os.utime(path, (1, 1))
        client.run(served.reload())
        assert served.lanes is not before
        assert client.run(before.run([feeds]))
        before.stop()
        with pytest.raises(Overloaded, match="the model replaced"):
            client.run(before.run([feeds]))
        assert client.post("/predict", **ROW).status_code == 200


def test_a_new_model_that_cannot_be_warmed_up_is_not_served(serving, path, monkeypatch):
    with serving(path) as client:
        served = client.state.model()
        before, threads = served.lanes, set(threading.enumerate())
        monkeypatch.setattr(Lanes, "warm_up", fail)
        os.utime(path, (1, 1))
        with pytest.raises(RuntimeError):
            client.run(served.reload())
        assert served.lanes is before
        assert lanes_end(threads)
        assert client.post("/predict", **ROW).status_code == 200


def test_a_server_that_cannot_start_leaves_no_threads(serving, path, monkeypatch):
    before = set(threading.enumerate())
    with pytest.raises(rt.InputError):
        serving(path, TABLE)
    assert lanes_end(before)
    monkeypatch.setattr(Lanes, "warm_up", fail)
    client = serving(path)
    with pytest.raises(RuntimeError):
        client.__enter__()
    assert lanes_end(before)
