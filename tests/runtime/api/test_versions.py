"""NumPy 2 and an ONNX Runtime that was built for NumPy 1: said before anything crashes."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from onnxnn_runtime.api.versions import check_versions, do_not_fit
from support.paths import ROOT


@pytest.mark.parametrize(
    ("numpy", "onnxruntime", "works"),
    [
        ("1.21.6", "1.8.0", True),
        ("1.26.4", "1.18.1", True),
        ("2.0.0", "1.19.0", True),
        ("2.4.6", "1.32.0", True),
        ("2.0.0", "1.18.1", False),
        ("2.0.0rc1", "1.9.0", False),
        ("3.0", "1.17.3", False),
    ],
)
def test_which_versions_work_together(numpy, onnxruntime, works):
    problem = do_not_fit(numpy, onnxruntime)
    assert (problem is None) == works
    if problem is not None:
        assert f"NumPy {numpy}" in problem
        assert 'pip install "numpy<2"' in problem


def test_the_import_says_so_before_onnx_runtime_is_imported(tmp_path):
    package = tmp_path / "onnxruntime"
    package.mkdir()
    (package / "__init__.py").write_text(
        '__version__ = "1.17.3"\nraise SystemExit("imported")\n', encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import numpy; numpy.__version__ = '2.1.0'; import onnxnn_runtime"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    text = done.stderr.decode()
    assert done.returncode == 1
    assert "ImportError: ONNX Runtime 1.17.3 was built for NumPy 1" in text
    assert 'pip install "numpy<2"' in text


@pytest.mark.parametrize("text", ['__version__ = "1.20.1"', "nothing", ""])
def test_what_is_new_enough_or_unknown_is_imported(text, tmp_path, monkeypatch):
    monkeypatch.setattr(np, "__version__", "2.1.0")
    (tmp_path / "init.py").write_text(text, encoding="utf-8")
    check_versions(str(tmp_path / "init.py"))
    check_versions(str(tmp_path / "missing.py"))


@pytest.mark.skipif(not (ROOT / "runtime" / "pyproject.toml").exists(), reason="without the repository")
def test_the_requirements_exclude_it_where_pip_would_choose_numpy_2():
    text = (ROOT / "runtime" / "pyproject.toml").read_text(encoding="utf-8")
    for package in ("onnxruntime", "onnxruntime-gpu"):
        assert re.search(f"\"{package}>=1.19(,!=1.21.0)?; python_version >= '3.9'", text)
        assert re.search(f"\"{package}>=1.8; python_version < '3.9'\"", text)
