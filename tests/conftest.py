"""What all tests share."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.browser import browser, opened  # noqa: F401  # fixtures of all tests

os.environ["ONNXNN_LANG"] = (
    "en"  # whatever the language of the machine; processes that tests start inherit it
)


def pytest_collection_modifyitems(items):
    """Skip what needs torch where only the runtime is installed, as on a board."""
    if importlib.util.find_spec("torch") is not None and importlib.util.find_spec("onnxnn") is not None:
        return
    for item in items:
        if item.get_closest_marker("needs_torch"):
            item.add_marker(pytest.mark.skip(reason="needs the training package, onnxnn"))


@pytest.fixture(scope="module")
def class_folders(tmp_path_factory):
    """A folder with the classes bright and dark, eight images each."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for label, low in (("bright", 150), ("dark", 0)):
        (root / label).mkdir()
        for number in range(8):
            pixels = rng.integers(low, low + 100, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(str(root / label / f"{number}.png"))
    return root


@pytest.fixture
def public_folder():
    """A folder that every user may enter; pytest's own ones are closed when the next pytest starts."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture(params=["en", "zh"])
def language(request, monkeypatch):
    """The language of the messages: the test runs once in each."""
    monkeypatch.setenv("ONNXNN_LANG", request.param)
    return request.param
