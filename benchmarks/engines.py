"""MobileNetV2 at 224 x 224 with ONNX Runtime and OpenVINO, in float32, bfloat16 and INT8.

Each runs the same batch in turns within one run; printed are images per second (the best round of each), the
median of the ratios to ONNX Runtime's float32 round by round, and how far its vectors are from those (the
largest difference, relative to the largest number).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
import onnxruntime
from embed_common import SIZE, make_files, make_model
from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.session.cores import num_threads
from quick import quick_or

from onnxnn.quantization.quantizer import quantize

DEVICES = ("cpu", "openvino", "openvino:bf16")


def opened(files: dict[str, Path], threads: int) -> dict[str, rt.Model]:
    """Return the models by name; those whose device is not here are left out, and named."""
    models = {}
    for precision, path in files.items():
        for device in DEVICES if precision == "float32" else DEVICES[:2]:
            name = f"{device} {precision}" if ":" not in device else device
            try:
                models[name] = rt.load(path, device=device, threads=threads)
            except DeviceError as error:
                print(error, file=sys.stderr)
    return models


def measure(models: dict[str, rt.Model], x: np.ndarray, rounds: int, runs: int) -> None:
    """Print the figures of all models on one batch."""
    vectors = {name: model.infer(x) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(rounds + 1):
        for name, model in models.items():
            start = time.perf_counter()
            for _ in range(runs):
                model.infer(x)
            if turn:
                seconds[name].append((time.perf_counter() - start) / runs)
    first = next(iter(models))
    for name, values in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(seconds[first], values, strict=True))
        off = np.abs(vectors[name] - vectors[first]).max() / np.abs(vectors[first]).max()
        print(f"  {name:18} {len(x) / min(values):7.1f} images/s  {ratio:5.2f} x  differs by {off:.1e}")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=quick_or(1, 9))
    parser.add_argument("--runs", type=int, default=quick_or(1, 10))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        files = {"float32": make_model(work / "float32.onnx", measured=True), "int8": work / "int8.onnx"}
        # Weights that learned nothing have no accuracy that could be lost.
        quantize(files["float32"], make_files(work / "jpg", 40), files["int8"], max_drop=100)
        print(f"onnxruntime {onnxruntime.__version__}, {num_threads()} cores")
        random = np.random.default_rng(0)
        for threads in sorted({1, num_threads()}):
            for batch in (1, 4):
                print(f"batch {batch}, threads {threads}:")
                x = random.random((batch, 3, SIZE, SIZE), np.float32)
                measure(opened(files, threads), x, options.rounds, options.runs)


if __name__ == "__main__":
    main()
