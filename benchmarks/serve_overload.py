"""Ten times more requests than a server can answer: what it refuses, how fast, and what it completes.

First as many connections as there are cores say how many requests a second the server answers. Then a process
of its own sends ten times as many over a hundred connections. Each is answered with 200 or, at once, with 503
and Retry-After. Afterwards one request alone shows that the server has recovered.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from embed_common import make_files, make_model
from onnxnn_runtime.session.cores import num_threads
from quick import quick_or
from serve_common import Connection, many, percentile, server

LOAD = "--load"
"""The first argument of the process that sends the requests."""


class Paced(Iterator[bytes]):
    """A body again and again, at a steady rate whichever thread asks.

    Args:
        body: The body.
        rate: Bodies a second.
        seconds: How long.
    """

    def __init__(self, body: bytes, rate: float, seconds: float) -> None:
        self._body = body
        self._lock = threading.Lock()
        self._begun = time.perf_counter()
        self._times = iter([number / rate for number in range(int(rate * seconds))])

    def __next__(self) -> bytes:
        """Wait until the next body is due, and return it."""
        with self._lock:
            due = next(self._times)
        time.sleep(max(0.0, self._begun + due - time.perf_counter()))
        return self._body


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--queue", type=int, default=quick_or(1, 8))
    parser.add_argument("--seconds", type=float, default=quick_or(0.5, 10.0))
    parser.add_argument("--connections", type=int, default=quick_or(20, 100))
    options = parser.parse_args()
    cores = num_threads()
    with tempfile.TemporaryDirectory() as folder:
        path = str(make_model(Path(folder) / "mobilenet_v2.onnx"))
        image = make_files(Path(folder) / "jpg", 1)[0]
        body = Path(image).read_bytes()
        with server(path, device="cpu", queue=options.queue) as running:
            start, count = time.perf_counter(), quick_or(4, 200)
            many(running.port, cores, itertools.islice(itertools.repeat(body), count), "/embed")
            rate = 10 * count / (time.perf_counter() - start)
            command = [sys.executable, __file__, LOAD, str(running.port), str(options.connections)]
            done = subprocess.run(
                [*command, image, str(rate), str(options.seconds)], capture_output=True, text=True, check=True
            )
            connection = Connection(running.port)
            after = connection.post("/embed", body)
            connection.close()
    print(f"queue of {options.queue}, {cores} cores, {rate:.0f} requests a second over {options.connections}")
    print(done.stdout, end="")
    print(f"after it: status {after.status} in {after.seconds * 1000:.0f} ms")


def send() -> None:
    """Send one file over many connections at a rate for some seconds; print what came of it."""
    port, connections, image, rate, seconds = sys.argv[2:]
    bodies = Paced(Path(image).read_bytes(), float(rate), float(seconds))
    answers = many(int(port), int(connections), bodies, "/embed")
    for status in sorted({answer.status for answer in answers}):
        times = [answer.seconds for answer in answers if answer.status == status]
        print(
            f"status {status}: {len(times)} answers, median {percentile(times, 50):.0f} ms, "
            f"p99 {percentile(times, 99):.0f} ms, longest {max(times) * 1000:.0f} ms"
        )
    assert {answer.status for answer in answers} <= {200, 503}


if __name__ == "__main__":
    if LOAD in sys.argv[1:]:
        send()
    else:
        main()
