"""JPEG files of 640x480 to vectors through MobileNetV2 at 224: a server beside the runtime's own folder.

In turns within one run, the same files go through model.embed(files) and, from a process of its own over 16
connections, through a server of the same model, which answers with float32 vectors. Printed are images per
second (the best round of each) and the ratio round by round (its median).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import onnxnn_runtime as rt
from embed_common import make_files, make_model
from onnxnn_runtime.session.cores import num_threads
from quick import quick_or
from serve_common import server
from serve_load import check, load


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
                served, total = load(running.port, options.connections, files)
                check(total, vectors.sum(0))
                if run:
                    rates["folder"].append(folder)
                    rates["server"].append(served)
    print(f"{len(files)} JPEG files of 640x480, {options.connections} connections, {num_threads()} cores")
    for name, values in rates.items():
        print(f"{name:10} {max(values):6.1f} images/s")
    ratios = [a / b for a, b in zip(rates["server"], rates["folder"], strict=True)]
    print(f"server is {statistics.median(ratios):.2f} x folder")


if __name__ == "__main__":
    main()
