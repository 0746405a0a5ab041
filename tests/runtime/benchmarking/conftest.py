"""A benchmark without what takes long: no processes, small matrices."""

from __future__ import annotations

import pytest
from onnxnn_runtime.benchmarking import benchmark as module
from onnxnn_runtime.benchmarking import gemm
from onnxnn_runtime.benchmarking.child import Start


@pytest.fixture
def quick(monkeypatch):
    """Let `benchmark` start no processes and multiply small matrices; returns the settings it asked for."""
    asked = []

    def start_of(path, setting, low_memory):
        asked.append((path, setting, low_memory))
        return Start(0.25, 50_000_000)

    monkeypatch.setattr(module, "start_of", start_of)
    monkeypatch.setattr(gemm, "SIZE", 8)
    return asked
