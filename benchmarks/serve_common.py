"""What the benchmarks of the server share: a server in a process of its own, and connections to it."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

_RUN = """
import json, sys
from onnxnn_runtime.server.run import serve
from onnxnn_runtime.server.settings import ServerSettings
serve(sys.argv[2:], ServerSettings(port=0, access_log=False, **json.loads(sys.argv[1])))
"""


class Answer(NamedTuple):
    """What a request came to.

    Args:
        status: The HTTP status.
        seconds: From the first byte sent to the last one received.
        body: What was answered.
    """

    status: int
    seconds: float
    body: bytes


class Connection:
    """One kept-alive connection that sends one request after the other.

    Args:
        port: The server's.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def post(
        self, path: str, body: bytes, kind: str = "image/jpeg", accept: str = "application/x-npy"
    ) -> Answer:
        """Send a body and wait for the answer, vectors as NumPy's files if not said otherwise."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
            f"Accept: {accept}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        start = time.perf_counter()
        self._socket.sendall(head.encode() + body)
        status = int(self._file.readline().split()[1])
        length = 0
        while (line := self._file.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        content = self._file.read(length)
        return Answer(status, time.perf_counter() - start, content)

    def close(self) -> None:
        """Close the connection."""
        self._file.close()
        self._socket.close()


class Running(NamedTuple):
    """A server that runs.

    Args:
        port: Where it listens.
        pid: Its process.
    """

    port: int
    pid: int

    def memory(self) -> float:
        """Return the memory that its process holds now, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1e3


@contextlib.contextmanager
def server(model: str, **settings: object) -> Iterator[Running]:
    """Run a server of one model file in a process of its own."""
    command = [sys.executable, "-c", _RUN, json.dumps(settings), model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            yield Running(int(line.rsplit(":", 1)[1]), process.pid)
        finally:
            process.send_signal(signal.SIGTERM)


def many(port: int, connections: int, bodies: Iterator[bytes], path: str, **headers: str) -> list[Answer]:
    """Send bodies over several connections at once, each the next one; return the answers.

    Args:
        port: The server's.
        connections: How many.
        bodies: What is sent.
        path: Where to.
        headers: `kind` and `accept`, as `Connection.post` takes them.
    """
    answers: list[Answer] = []

    def work() -> None:
        connection = Connection(port)
        while (body := next(bodies, None)) is not None:
            answers.append(connection.post(path, body, **headers))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def make_small_model(path: Path) -> Path:
    """Export a classifier of images of 32 x 32, which runs in a fraction of a millisecond."""
    import torch

    from onnxnn import nn

    torch.manual_seed(0)
    model = nn("cls", verbose=0)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    model.load_dataset(images, np.array([0, 1, 0, 1]), classes=["a", "b"], batch_size=2)
    model.add("conv2d", size=(3, 4), kernel_size=(3, 3), activation="relu")
    model.add("maxpool", kernel_size=(2, 2))
    model.add("linear", size=(4 * 15 * 15, 8), activation="relu")
    model.add("linear", size=(8, 2), activation="softmax")
    with tempfile.TemporaryDirectory() as folder:
        model.train(lr=0.01, epochs=1, save_fold=folder)
    model.export(str(path))
    return path


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile of seconds, in milliseconds."""
    return float(np.percentile(values, share)) * 1000
