"""Uploaded JPEG files of 640x480 to vectors: our server beside FastAPI with FastEmbed.

All serve the same ONNX file of MobileNetV2's size at 224x224, get the same multipart forms with one file each
from a process of its own over 16 connections, and answer with JSON:

    fastapi         FastAPI with FastEmbed's ImageEmbedding in a function, which FastAPI runs in a thread
    fastapi async   the same in a coroutine, as most examples write it
    onnxnn          onnxnn serve
    onnxnn npy      the same with the file as the body and float32 in NumPy's format as the answer

In turns within one run. Printed are images per second (the best round of each) and the ratios round by round
(their median) to the faster of the two others.

FastEmbed and FastAPI live in an environment of their own, then --fastembed fe/bin/python:

    python -m venv fe && fe/bin/pip install fastembed "fastapi[standard]"
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
from embed_common import FASTEMBED_NAME, make_files, make_model, write_for_fastembed
from onnxnn_runtime.session.cores import num_threads
from quick import QUICK, quick_or
from serve_common import server
from serve_load import check, load

_APP = """
import sys
import uvicorn
from fastapi import FastAPI, UploadFile
from fastembed import ImageEmbedding
from PIL import Image

name, folder, port = sys.argv[1:]
app = FastAPI()
model = ImageEmbedding(name, specific_model_path=folder)


@app.post("/embed")
{function} embed(image: UploadFile):
    vectors = model.embed([Image.open(image.file)])
    return {{"embeddings": [vector.tolist() for vector in vectors]}}


uvicorn.run(app, port=int(port), access_log=False, log_level="warning")
"""

_HOW = 'Install them: python -m venv fe && fe/bin/pip install fastembed "fastapi[standard]"; then give '
_HOW += "--fastembed fe/bin/python."

Sender = Callable[[], "tuple[float, np.ndarray]"]
"""Sends all files once; returns images per second and the sum of the vectors."""


@contextlib.contextmanager
def fastapi(python: str, folder: Path, function: str) -> Iterator[int]:
    """Run the other server in a process of its own; yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [python, "-c", _APP.format(function=function), FASTEMBED_NAME, str(folder), str(port)]
    with subprocess.Popen(command) as process:
        try:
            _wait(process, python, port)
            yield port
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], python: str, port: int) -> None:
    """Wait until a server answers."""
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"{python} cannot run FastAPI with FastEmbed. {_HOW}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    sys.exit("FastAPI with FastEmbed does not begin.")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="an ONNX file with a card; without it one is exported")
    parser.add_argument("--fastembed", metavar="PYTHON", help="an interpreter that has both")
    parser.add_argument("--files", type=int, default=quick_or(6, 400))
    parser.add_argument("--rounds", type=int, default=quick_or(1, 5))
    parser.add_argument("--connections", type=int, default=quick_or(2, 16))
    options = parser.parse_args()
    if options.fastembed is None and not QUICK:
        parser.error(f"this needs FastEmbed and FastAPI. {_HOW}")
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as running:
        work = Path(temporary)
        files = make_files(work / "jpg", options.files)
        model = options.model or str(make_model(work / "mobilenet_v2.onnx"))
        expected = rt.load(model, device="cpu").embed(files, normalize=True).sum(0)
        ports: dict[str, int] = {}
        if options.fastembed is not None:
            write_for_fastembed(model, work / "fe")
            for name, function in (("fastapi", "def"), ("fastapi async", "async def")):
                ports[name] = running.enter_context(fastapi(options.fastembed, work / "fe", function))
        ports["onnxnn"] = running.enter_context(server(model, device="cpu")).port
        senders = {name: sender(port, options.connections, files) for name, port in ports.items()}
        senders["onnxnn npy"] = sender(ports["onnxnn"], options.connections, files, "image")
        rates = compare(senders, expected, options.rounds)
    print(f"{len(files)} JPEG files of 640x480, {options.connections} connections, {num_threads()} cores")
    report(rates)


def sender(port: int, connections: int, files: list[str], form: str = "upload") -> Sender:
    """Return what sends all files to a server; FastAPI ignores the query, as FastEmbed always normalizes."""
    return lambda: load(port, connections, files, path="/embed?normalize=true", form=form)


def compare(senders: dict[str, Sender], expected: np.ndarray, rounds: int) -> dict[str, list[float]]:
    """Send all files to every server in turns, after one round for warming up, and check the vectors."""
    rates: dict[str, list[float]] = {name: [] for name in senders}
    for run in range(rounds + 1):
        for name, send in senders.items():
            rate, total = send()
            check(total, expected)
            if run:
                rates[name].append(rate)
        print(f"round {run} of {rounds}", file=sys.stderr)
    return rates


def report(rates: dict[str, list[float]]) -> None:
    """Print images per second and the ratios."""
    for name, values in rates.items():
        print(f"{name:14} {max(values):6.1f} images/s")
    others = [name for name in rates if name.startswith("fastapi")]
    if not others:
        print(f"not compared: FastEmbed and FastAPI are missing. {_HOW}")
        return
    best = max(others, key=lambda name: statistics.median(rates[name]))
    for us in ("onnxnn", "onnxnn npy"):
        ratio = statistics.median(a / b for a, b in zip(rates[us], rates[best], strict=True))
        print(f"{us} is {ratio:.2f} x {best}")


if __name__ == "__main__":
    main()
