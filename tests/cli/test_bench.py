"""`onnxnn bench`: tables, JSON, and what is typed wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from onnxnn_runtime.messages.columns import text_width
from support.paths import GOLDEN

MODELS = GOLDEN / "models"
QUICK = ("--seconds", "0.01", "--batch-sizes", "1,2", "--threads", "1", "--device", "cpu")


@pytest.fixture
def model(tmp_path):
    shutil.copy(str(MODELS / "image_classifier.onnx"), str(tmp_path / "pets.onnx"))
    return "pets.onnx"


def test_a_table(onnxnn, model):
    done = onnxnn("bench", model, *QUICK)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    heading = "device threads batch p50 ms p95 ms images/s of peak start s MB"
    assert heading in [" ".join(line.split()) for line in lines]
    assert [line.split()[:3] for line in lines if line.startswith("cpu ")] == [
        ["cpu", "1", "1"],
        ["cpu", "1", "2"],
    ]
    assert "  load('pets.onnx', device='cpu', threads=1)" in lines
    assert done.stderr == ""


def test_a_table_in_chinese(onnxnn, model):
    done = onnxnn("bench", model, *QUICK, ONNXNN_LANG="zh", PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    table = [line for line in lines if line.startswith(("设备", "cpu "))]
    assert len(table) == 3
    assert len({text_width(line) for line in table}) == 1
    assert max(map(text_width, table)) <= 80


def test_json(onnxnn, model):
    done = onnxnn("bench", model, MODELS / "table.onnx", *QUICK, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [each["unit"] for each in found["files"]] == ["images", "rows"]
    for each in found["files"]:
        assert [(one["threads"], one["batch_size"]) for one in each["measurements"]] == [(1, 1), (1, 2)]
        assert all(one["p50"] > 0 and one["start"] > 0 for one in each["measurements"])
        assert each["fastest"]["python"].startswith("load(")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_ctrl_c_ends_it(model, tmp_path):
    line = [sys.executable, "-m", "onnxnn_cli", "bench", model, "--seconds", "500", "--batch-sizes", "1"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has none
    try:
        process = subprocess.Popen(line, cwd=str(tmp_path), **streams)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        time.sleep(10)  # among the runs of two threads or of one
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in (1, 130)  # by the version of Typer
    assert out == b""
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["absent.onnx"], 1, "absent.onnx"),
        (["pets.onnx", "--device", "tpu"], 1, "device='tpu'"),
        (["pets.onnx", "--device", "cpu,"], 1, "device=''"),
        (["pets.onnx", "--seconds", "0"], 1, "seconds=0.0: expected a number above 0"),
        (["pets.onnx", "--batch-sizes", "99999"], 1, "batch_sizes=99999: expected an integer from 1 to 4096"),
        (["pets.onnx", "--batch-sizes", "1,a"], 2, "expected integers from 1 with commas between them"),
        (["pets.onnx", "--batch-sizes", ""], 2, "expected integers from 1"),
        (["pets.onnx", "--threads", "0"], 2, "expected integers from 1"),
        (["pets.onnx", "--threads", "²"], 2, "expected integers from 1"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_is_typed_wrong(onnxnn, model, arguments, code, message):
    done = onnxnn("bench", *arguments, PYTHONIOENCODING="utf-8")
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
