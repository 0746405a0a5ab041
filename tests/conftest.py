"""What all tests share."""

from __future__ import annotations

import importlib.util
import os

import pytest

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
