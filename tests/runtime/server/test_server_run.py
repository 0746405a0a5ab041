"""Starting the server, and the signal that ends it."""

from __future__ import annotations

import contextlib
import signal

import pytest
from support.paths import GOLDEN

uvicorn = pytest.importorskip("uvicorn", reason="needs onnxnn-runtime[serve]")

from onnxnn_runtime.server.run import serve  # noqa: E402
from onnxnn_runtime.server.settings import ServerSettings  # noqa: E402


def test_a_signal_whose_exception_python_drops_ends_the_server_too(monkeypatch, capsys):
    """Python drops what is raised in a callback of a weak reference, where a signal may come."""
    stopped = []

    def run(server, sockets):
        assert not server.should_exit
        with contextlib.suppress(SystemExit):
            signal.raise_signal(signal.SIGTERM)
        stopped.append(server.should_exit)

    monkeypatch.setattr(uvicorn.Server, "run", run)
    before = signal.getsignal(signal.SIGTERM)
    try:
        serve([str(GOLDEN / "models" / "table.onnx")], ServerSettings(port=0))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stopped == [True]
    assert "Serving at http://127.0.0.1:" in capsys.readouterr().out
