"""A cache folder of its own for each test."""

from __future__ import annotations

import pytest
from onnxnn_runtime.tuning import cache, tune


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The cache folder, which does not exist yet; nothing is remembered."""
    folder = tmp_path / "缓存"
    monkeypatch.setenv(cache.VARIABLE, str(folder))
    monkeypatch.setattr(tune, "_remembered", {})
    return folder


@pytest.fixture
def measured(monkeypatch):
    """Let `tune` find a setting at once; returns the list of what it measured, and of what it finds."""
    calls = []

    def _measured(open_model, size, deadline):
        calls.append(open_model)
        return _measured.found

    _measured.found = cache.Tuned(2, 3, 5)
    _measured.calls = calls
    monkeypatch.setattr(tune, "_measured", _measured)
    return _measured
