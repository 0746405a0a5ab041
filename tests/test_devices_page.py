"""docs/devices.md: its example runs, and its table has the names that `load` takes."""

from __future__ import annotations

import importlib.util
import re
import shutil

import numpy as np
import pytest
from onnxnn_runtime.session.devices import NAMED, OPENVINO, PRECISIONS, TARGETS
from PIL import Image
from support.paths import GOLDEN, ROOT
from support.prepared import run_python

PAGES = [ROOT / "docs/devices.md", ROOT / "docs/zh-CN/devices.md"]

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="the sources are not here")


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="needs onnxnn-runtime[openvino]")
def test_the_example_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(encoding="utf-8"), flags=re.DOTALL)
    shutil.copy(str(GOLDEN / "models" / "image_classifier.onnx"), str(tmp_path / "pets.onnx"))
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(str(tmp_path / "cat.jpg"))
    done = run_python(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "openvino"


@pytest.mark.parametrize("page", PAGES, ids=["en", "zh"])
def test_every_name_is_there(page):
    text = page.read_text(encoding="utf-8")
    names = ["auto", "cpu", *NAMED, OPENVINO, *(f"{OPENVINO}:{each}" for each in (*TARGETS[1:], *PRECISIONS))]
    assert [name for name in names if f"`{name}`" not in text] == []
