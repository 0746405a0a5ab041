"""Process start to first vector, and the peak memory on the way: onnxnn_runtime beside a bare script.

Both start a fresh interpreter, open the same MobileNetV2 file, read one 640x480 JPEG file and compute
its vector. The bare script uses ONNX Runtime and Pillow directly. They run in turns; the medians and the
ratio of the medians are printed. A first, uncounted turn compiles the modules of both. Then what opening the
file takes where everything is imported, with one thread: ONNX Runtime's session alone, and `load`, which
checks the file, too. Exported files have BatchNorm folded into convolutions already.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from embed_common import PEAK, make_files, make_model
from quick import quick_or

BARE = """
import sys
import numpy as np
import onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
image = Image.open(sys.argv[2]).convert("RGB").resize((224, 224), Image.BILINEAR)
x = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255
vector = session.run(None, {session.get_inputs()[0].name: x})[0]
result = vector[0, :3].tolist()
"""

OURS = """
import sys
import onnxnn_runtime as rt
vector = rt.load(sys.argv[1]).embed(sys.argv[2])
result = vector[0, :3].tolist()
"""


OPENING = """
import statistics, sys, time
import onnxruntime
import onnxnn_runtime as rt
data = open(sys.argv[1], "rb").read()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
ways = {
    "session": lambda: onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]),
    "load": lambda: rt.load(sys.argv[1], device="cpu", threads=1),
}
times = {name: [] for name in ways}
for _ in range(int(sys.argv[2])):
    for name, way in ways.items():
        start = time.perf_counter()
        way()
        times[name].append((time.perf_counter() - start) * 1000)
result = {name: [statistics.median(each), min(each)] for name, each in times.items()}
"""


def run(script: str, model: str, image: str, cache: str) -> tuple[float, float]:
    """Return (seconds, peak MiB) of one fresh process that keeps compiled modules in `cache`."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", script + PEAK, model, image]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return time.perf_counter() - start, float(json.loads(done.stdout)[1])


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="an ONNX file with a card; without it one is exported")
    parser.add_argument("--rounds", type=int, default=quick_or(1, 15))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        image = make_files(Path(temporary), 1)[0]
        model = options.model or str(make_model(Path(temporary) / "mobilenet_v2.onnx"))
        runs: dict[str, list[tuple[float, float]]] = {"bare": [], "onnxnn": []}
        for turn in range(options.rounds + 1):
            for name, script in (("bare", BARE), ("onnxnn", OURS)):
                measured = run(script, model, image, temporary)
                if turn:
                    runs[name].append(measured)
        command = [sys.executable, "-c", OPENING + PEAK, model, str(quick_or(2, 40))]
        opened = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)[0]
    middle = {name: [statistics.median(values) for values in zip(*each)] for name, each in runs.items()}  # noqa: B905
    for name, (seconds, peak) in middle.items():
        print(f"{name:8} {seconds * 1000:6.0f} ms   peak {peak:6.1f} MiB")
    for name, (median, least) in opened.items():
        print(f"opening, {name:8} median {median:5.1f} ms, least {least:5.1f} ms")
    time_ratio, memory_ratio = (a / b for a, b in zip(middle["onnxnn"], middle["bare"], strict=True))
    print(f"onnxnn takes {time_ratio:.3f} x the time and {memory_ratio:.3f} x the memory of the bare script")


if __name__ == "__main__":
    main()
