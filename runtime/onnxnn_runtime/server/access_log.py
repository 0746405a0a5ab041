"""The log of requests: a line of JSON each, written by a thread, so that no request waits for its reader."""

from __future__ import annotations

import contextlib
import json
import queue
import sys
import threading
from typing import Mapping

__all__ = ["AccessLog"]

_MOST = 10_000
"""Lines that may wait; where nobody reads the log, further ones are lost."""

_SECONDS = 2.0
"""How long the end of the server waits for the last lines."""


class AccessLog:
    """Writes lines to stdout, until there is nobody who reads them any longer."""

    def __init__(self) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(_MOST)
        self._thread: threading.Thread | None = None

    def write(self, line: Mapping[str, object]) -> None:
        """Take a line."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="onnxnn access log", daemon=True)
            self._thread.start()
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(json.dumps(line))

    def close(self) -> None:
        """Wait until all lines are written."""
        if self._thread is not None:
            with contextlib.suppress(queue.Full):
                self._lines.put(None, timeout=_SECONDS)
            self._thread.join(_SECONDS)
            self._thread = None

    def _run(self) -> None:
        can_write = True
        while True:
            line = self._lines.get()
            if line is None:
                return
            if can_write:
                try:
                    print(line, file=sys.stdout, flush=True)
                except (OSError, ValueError):  # the other end of a pipe is closed
                    can_write = False
