"""`onnxnn doctor`."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def small_packages(tmp_path):
    """Modules in the working folder in place of packages whose import takes seconds."""
    names = ("lightning_fabric", "matplotlib", "onnx", "onnxnn", "onnxscript")
    for name in (*names, "lancedb", "pyarrow", "qdrant_client", "ray", "usearch"):
        (tmp_path / f"{name}.py").write_text("", encoding="utf-8")
    text = "class cuda:\n    device_count = staticmethod(lambda: 0)\n"
    (tmp_path / "torch.py").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "fixture",
    [pytest.param("tmp_path", marks=pytest.mark.slow), "small_packages"],
    ids=["all", "most are small"],
)
def test_doctor_finds_what_is_installed(onnxnn, request, fixture):
    request.getfixturevalue(fixture)
    done = onnxnn("doctor", "--json")
    assert done.returncode == 0, done.stdout
    packages = {entry["package"]: entry for entry in json.loads(done.stdout)["packages"]}
    assert packages["onnxnn-runtime"]["version"]
    assert "CPUExecutionProvider" in packages["onnxruntime"]["devices"]


@pytest.mark.usefixtures("small_packages")
def test_doctor_reports_an_onnx_runtime_that_crashes(onnxnn, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "onnxruntime.py").write_text("import os; os.abort()", encoding="utf-8")
    done = onnxnn("doctor", PYTHONPATH=str(tmp_path / "broken"))
    assert done.returncode == 1
    assert "PROBLEM onnxruntime: importing it crashes the process" in done.stdout
    assert "numpy" in done.stdout


@pytest.mark.skipif(importlib.util.find_spec("onnxnn") is not None, reason="onnxnn is installed")
@pytest.mark.parametrize(
    "arguments", [["train", "x.yaml"], ["export", "x.pth", "-o", "x.onnx"], ["layers"], ["demo"]]
)
def test_commands_that_train_say_what_to_install(onnxnn, arguments):
    done = onnxnn(*arguments)
    assert done.returncode == 1
    assert 'pip install "./runtime[cpu]" "./cli[cpu]" ".[cpu]"' in done.stderr
    assert len(done.stderr.splitlines()) <= 2


@pytest.mark.usefixtures("small_packages")
def test_doctor_works_where_onnx_runtime_is_missing(tmp_path):
    script = (
        "import sys; sys.modules['onnxruntime'] = None; sys.argv[1:] = ['doctor']\n"
        "from onnxnn_cli.main import main\n"
        "try: main()\n"
        "finally: print('imported:', 'onnxnn_runtime' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=str(tmp_path),
        env={**os.environ, "ONNXNN_LANG": "zh", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert "onnxruntime" in done.stdout
    assert "运行模型" in done.stdout
    assert "imported: False" in done.stdout
