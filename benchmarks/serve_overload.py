"""Ten times more requests at once than a server takes: what it refuses, how fast, and what it completes.

A process with ten times as many connections as the server works on and keeps waiting sends one request after
the other. Each is answered with 200 or, at once, with 503 and Retry-After. Afterwards one request alone shows
that the server has recovered.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from embed_common import make_files, make_model
from onnxnn_runtime.session.providers import num_threads
from quick import quick_or
from serve_common import Connection, many, percentile, server

LOAD = "--load"
"""The first argument of the process that sends the requests."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--queue", type=int, default=quick_or(1, 8))
    parser.add_argument("--seconds", type=float, default=quick_or(0.5, 10.0))
    options = parser.parse_args()
    connections = 10 * (options.queue + num_threads())
    with tempfile.TemporaryDirectory() as folder:
        path = str(make_model(Path(folder) / "mobilenet_v2.onnx"))
        image = make_files(Path(folder) / "jpg", 1)[0]
        with server(path, device="cpu", queue=options.queue) as running:
            command = [sys.executable, __file__, LOAD, str(running.port), str(connections)]
            done = subprocess.run(
                [*command, image, str(options.seconds)], capture_output=True, text=True, check=True
            )
            connection = Connection(running.port)
            after = connection.post("/embed", Path(image).read_bytes())
            connection.close()
    print(f"queue of {options.queue}, {num_threads()} cores, {connections} connections")
    print(done.stdout, end="")
    print(f"after it: status {after.status} in {after.seconds * 1000:.0f} ms")


def send() -> None:
    """Send one file over many connections for some seconds; print what came of it."""
    port, connections, image, seconds = sys.argv[2:]
    body, end = Path(image).read_bytes(), time.perf_counter() + float(seconds)
    bodies = iter(lambda: body if time.perf_counter() < end else b"", b"")
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
