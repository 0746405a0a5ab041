"""JPEG files of 640x480 to vectors through MobileNetV2 at 224: a server beside the runtime's own folder.

In turns within one run, the same files go through model.embed(files) and, from a process of its own over 16
connections, through a server of the same model, which answers with float32 vectors. Printed are images per
second (the best round of each) and the ratio round by round (its median).
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
from embed_common import make_files, make_model
from onnxnn_runtime.session.providers import num_threads
from quick import quick_or
from serve_common import many, server

LOAD = "--load"
"""The first argument of the process that sends the requests."""


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="an ONNX file with a card; without it one is exported")
    parser.add_argument("--files", type=int, default=quick_or(6, 400))
    parser.add_argument("--rounds", type=int, default=quick_or(1, 5))
    parser.add_argument("--connections", type=int, default=quick_or(2, 16))
    options = parser.parse_args()
    rates: dict[str, list[float]] = {"folder": [], "server": []}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        files = make_files(work / "jpg", options.files)
        path = options.model or str(make_model(work / "mobilenet_v2.onnx"))
        model = rt.load(path, device="cpu")
        with server(path, device="cpu") as running:
            for run in range(options.rounds + 1):
                start = time.perf_counter()
                vectors = model.embed(files)
                folder = len(files) / (time.perf_counter() - start)
                served = load(running.port, options.connections, files, vectors)
                if run:
                    rates["folder"].append(folder)
                    rates["server"].append(served)
    print(f"{len(files)} JPEG files of 640x480, {options.connections} connections, {num_threads()} cores")
    for name, values in rates.items():
        print(f"{name:10} {max(values):6.1f} images/s")
    ratios = [a / b for a, b in zip(rates["server"], rates["folder"], strict=True)]
    print(f"server is {statistics.median(ratios):.2f} x folder")


def load(port: int, connections: int, files: list[str], vectors: np.ndarray) -> float:
    """Send the files from a process of its own, check the vectors, return images per second."""
    command = [sys.executable, __file__, LOAD, str(port), str(connections)]
    done = subprocess.run(command, input="\n".join(files), capture_output=True, text=True, check=True)
    rate, first = done.stdout.split()
    assert abs(float(first) - float(vectors.sum())) < 1e-4 * abs(vectors).sum()
    return float(rate)


def send() -> None:
    """Send the files on stdin over the connections; print images per second and the sum of all vectors."""
    port, connections = map(int, sys.argv[2:])
    bodies = [Path(path).read_bytes() for path in sys.stdin.read().split("\n")]
    start = time.perf_counter()
    answers = many(port, connections, iter(bodies), "/embed")
    seconds = time.perf_counter() - start
    assert all(answer.status == 200 for answer in answers), answers[0]
    total = sum(float(np.load(io.BytesIO(answer.body)).sum()) for answer in answers)
    print(len(bodies) / seconds, total)


if __name__ == "__main__":
    if LOAD in sys.argv[1:]:
        send()
    else:
        main()
