"""What waits together runs together, and requests never change what others are answered."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import threading
import time

import httpx
import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.server.errors import Overloaded
from onnxnn_runtime.server.lanes import largest_batch
from onnxnn_runtime.server.metrics import Histogram, Metrics
from support.lanes import sizes, together
from support.paths import GOLDEN
from support.posix import posix

MODELS = GOLDEN / "models"


def rows(count):
    return np.random.default_rng(0).random((count, 2)).astype(np.float32)


def test_what_waits_together_runs_as_one_batch(serving, open_model):
    data = rows(20)
    with serving("table", threads=1) as client:
        found = client.run(together(client.state.model(), [{"input": row[np.newaxis]} for row in data]))
        batches, samples = sizes(client)
    assert samples == 20
    assert batches <= 2, "the first may run before the others are sent"
    expected = open_model("table").infer(data)
    assert np.allclose([each["output"][0] for each in found], expected, atol=1e-6)


def test_requests_of_several_rows_and_types_are_answered_each_with_its_own(serving, open_model):
    data = rows(9)
    feeds = [{"input": data[:4]}, {"input": data[4:5].astype(np.float64)}, {"input": data[5:]}]
    with serving("table", threads=1) as client:
        found = client.run(together(client.state.model(), feeds))
    assert np.allclose(np.concatenate([each["output"] for each in found]), open_model("table").infer(data))


def test_a_wrong_request_fails_alone(serving):
    bad = np.array([[np.nan, 1]], np.float32)
    feeds = [{"input": rows(1)}, {"input": bad}, {"input": np.zeros((1, 3), np.float32)}, {"input": rows(1)}]
    with serving("table", threads=1) as client:
        found = client.run(together(client.state.model(), feeds))
    assert [isinstance(each, rt.InputError) for each in found] == [False, True, True, False]
    assert np.allclose(found[0]["output"], found[3]["output"])


def test_images_of_other_sizes_run_apart(serving, open_model):
    draw = np.random.default_rng(1)
    images = [draw.random((1, 3, 6 + i % 3, 5)).astype(np.float32) for i in range(6)]
    with serving("image_any_size", threads=1) as client:
        found = client.run(together(client.state.model(), [{"input": each} for each in images]))
    model = open_model("image_any_size")
    for image, outputs in zip(images, found):
        assert np.allclose(outputs["embedding"], model.infer({"input": image})["embedding"], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "most"), [("table", 32), ("image_classifier", 2), ("text", 1), ("no_card", 1), ("two_inputs", 1)]
)
def test_inputs_run_together_where_the_batch_axis_is_known(open_model, name, most):
    assert largest_batch(open_model(name, device="cpu")) == most


def test_many_threads_and_requests_mix_nothing_up(serving, open_model):
    data = rows(300)
    with serving("table", threads=4, queue=400) as client:
        answers = client.gather(*(("POST", "/predict", {"json": {"input": row.tolist()}}) for row in data))
    expected = open_model("table").predict(data)
    assert [each.json()["predictions"][0]["label"] for each in answers] == [each.label for each in expected]


def test_a_client_that_leaves_frees_its_place(serving):
    async def leave(served):
        gate, begun = threading.Event(), threading.Event()
        blocked = asyncio.ensure_future(served.call(lambda model: (begun.set(), gate.wait(10))))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        ran = []
        gone = asyncio.ensure_future(served.call(lambda model: ran.append(1)))
        await asyncio.sleep(0.02)
        gone.cancel()
        await asyncio.sleep(0.02)
        gate.set()
        await blocked
        await served.call(lambda model: None)
        return ran, served.lanes.waiting

    with serving("table", threads=1) as client:
        assert client.run(leave(client.state.model())) == ([], 0)


@posix
def test_a_changed_file_is_opened_again(serving, tmp_path):
    path = tmp_path / "model.onnx"
    shutil.copy(str(MODELS / "table.onnx"), str(path))
    with serving(path, reload_interval=0.05) as client:
        first = client.post("/predict", json={"input": [1, 2]}).json()["predictions"][0]
        assert set(first) == {"label", "score", "top"}
        shutil.copy(str(MODELS / "values.onnx"), str(tmp_path / "new.onnx"))
        os.replace(str(tmp_path / "new.onnx"), str(path))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = client.post("/predict", json={"input": [1, 2]}).json()["predictions"][0]
            if "values" in found:
                break
            assert found == first
        assert "values" in found
        path.write_bytes(b"no model")
        client.run(asyncio.sleep(0.3))
        assert client.post("/predict", json={"input": [1, 2]}).json()["predictions"] == [found]
        assert client.get("/healthz").json()["ready"]


def test_a_file_whose_opening_fails_unexpectedly_is_opened_when_it_changes_again(
    serving, tmp_path, monkeypatch, caplog
):
    path = tmp_path / "model.onnx"
    shutil.copy(str(MODELS / "table.onnx"), str(path))

    def fail(*args, **options):
        raise RuntimeError("no memory")

    with serving(path, reload_interval=0.02) as client:
        served = client.state.model()
        with monkeypatch.context() as patch:
            patch.setattr("onnxnn_runtime.server.served.load", fail)
            os.utime(str(path), (1, 1))
            client.run(asyncio.sleep(0.2))
        assert "RuntimeError" in caplog.text
        before = served.lanes
        os.utime(str(path), (2, 2))
        client.run(asyncio.sleep(0.5))
        assert served.lanes is not before


def test_a_stopped_server_takes_nothing(serving):
    with serving("table") as client:
        served = client.state.model()
        served.stop()
        with pytest.raises(Overloaded):
            client.run(served.infer({"input": rows(1)}))
        assert client.post("/predict", json={"input": [1, 2]}).status_code == 503
        assert client.get("/healthz").status_code == 503


def test_two_files_of_one_name_are_refused(serving, tmp_path):
    shutil.copy(str(MODELS / "table.onnx"), str(tmp_path / "table.onnx"))
    with pytest.raises(rt.InputError, match="got two called table"):
        serving("table", tmp_path / "table.onnx")


def test_metrics_are_in_the_format_of_prometheus(serving):
    with serving("table") as client:
        client.post("/predict", json={"input": [1, 2]})
        client.post("/predict", json={"input": [1]})
        client.get('/made"up')
        answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    pattern = r'(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [0-9.e+-]+)'
    assert all(re.fullmatch(pattern, line) for line in answer.text.splitlines())
    assert 'onnxnn_requests_total{method="POST",route="/predict",status="200"} 1' in answer.text
    assert 'onnxnn_requests_total{method="POST",route="/predict",status="400"} 1' in answer.text
    assert 'onnxnn_requests_total{method="",route="",status="404"} 1' in answer.text
    assert 'onnxnn_request_seconds_count{route="/predict"} 2' in answer.text
    assert 'onnxnn_queue{model="table"} 0' in answer.text


def test_a_histogram_counts_up_to_each_bound():
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.add(value)
    assert list(histogram.lines("a", 'b="c"')) == [
        'a_bucket{b="c",le="1.0"} 2',
        'a_bucket{b="c",le="2.0"} 3',
        'a_bucket{b="c",le="+Inf"} 4',
        'a_sum{b="c"} 12.0',
        'a_count{b="c"} 4',
    ]
    metrics = Metrics()
    metrics.watch('a"\\\n', lambda: 1)
    assert 'onnxnn_queue{model="a\\"\\\\\\n"} 1' in metrics.text()


@pytest.mark.slow
@posix
def test_several_processes_serve(server_process):
    server = server_process("table", workers=2)
    with httpx.Client(base_url=server.url, timeout=30) as client:
        assert {client.post("/predict", json={"input": [1, 2]}).status_code for _ in range(20)} == {200}
    assert server.terminate()[0] == 0
