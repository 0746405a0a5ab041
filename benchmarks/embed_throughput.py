"""From 640x480 JPEG files to vectors: onnxnn_runtime beside what people write today.

Compares, on the same ONNX file and the same files, in turns within one run:

    plain       a loop with Pillow and ONNX Runtime in batches of 32, ONNX Runtime's own threads
    fastembed   FastEmbed's ImageEmbedding, batches of 32 (only with --fastembed)
    onnxnn      onnxnn_runtime.load(...).embed(...)
    draft       the same with load(..., draft=True): JPEG files decoded at half their size
    DEVICE      the same with load(..., device=DEVICE), for each --device

and prints images per second (the best round of each) and the ratios round by round (their median).
Images are resized to 224x224, bilinear, and scaled to 0..1 by all three.

FastEmbed lives in an environment of its own: python -m venv fe && fe/bin/pip install fastembed, then
--fastembed fe/bin/python.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxnn_runtime as rt
import onnxruntime
from embed_common import FASTEMBED_NAME, SIZE, make_files, make_model, write_for_fastembed
from onnxnn_runtime.session.cores import num_threads
from PIL import Image
from quick import quick_or

BATCH = 32


def plain(model: str) -> Callable[[list[str]], np.ndarray]:
    """Return the loop that a careful user writes without a library."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def embed(files: list[str]) -> np.ndarray:
        vectors = []
        for start in range(0, len(files), BATCH):
            images = []
            for path in files[start : start + BATCH]:
                image = Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
                images.append(np.asarray(image, np.float32).transpose(2, 0, 1) / 255)
            vectors.append(session.run(None, {name: np.stack(images)})[0])
        return np.concatenate(vectors)

    return embed


_FASTEMBED = """
import json, sys, time
import numpy as np
from fastembed import ImageEmbedding
name, folder, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
model = ImageEmbedding(name, specific_model_path=folder)
print("ready", flush=True)
for line in sys.stdin:
    files = json.loads(line)
    start = time.perf_counter()
    vectors = np.stack(list(model.embed(files, batch_size=batch)))
    print(json.dumps([time.perf_counter() - start, vectors[0][:8].tolist()]), flush=True)
"""


class FastEmbed:
    """FastEmbed in a process of its own, given the same file under the name of one of its models."""

    def __init__(self, python: str, model: str, folder: Path) -> None:
        write_for_fastembed(model, folder)
        self._process = subprocess.Popen(
            [python, "-c", _FASTEMBED, FASTEMBED_NAME, str(folder), str(BATCH)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def seconds(self, files: list[str]) -> float:
        """Embed the files and return how long it took there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(files) + "\n")
        self._process.stdin.flush()
        return float(json.loads(self._process.stdout.readline())[0])

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def timed(embed: Callable[[list[str]], Any]) -> Callable[[list[str]], float]:
    """Turn a function of files into one that returns its seconds."""

    def seconds(files: list[str]) -> float:
        start = time.perf_counter()
        embed(files)
        return time.perf_counter() - start

    return seconds


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="an ONNX file with a card; without it one is exported")
    parser.add_argument("--fastembed", metavar="PYTHON", help="an interpreter that has fastembed")
    parser.add_argument(
        "--device", action="append", default=[], help="e.g. openvino; may stand several times"
    )
    parser.add_argument("--files", type=int, default=quick_or(4, 200))
    parser.add_argument("--rounds", type=int, default=quick_or(1, 5))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        files = make_files(work / "jpg", options.files)
        model = options.model or str(make_model(work / "mobilenet_v2.onnx"))
        ours, loop = rt.load(model, device="cpu"), plain(model)
        difference = np.abs(ours.embed(files[:BATCH]) - loop(files[:BATCH])).max()
        draft = rt.load(model, device="cpu", draft=True)
        runners = {"plain": timed(loop), "onnxnn": timed(ours.embed), "draft": timed(draft.embed)}
        for device in options.device:
            runners[device] = timed(rt.load(model, device=device).embed)
        fastembed = FastEmbed(options.fastembed, model, work / "fe") if options.fastembed else None
        if fastembed is not None:
            runners["fastembed"] = fastembed.seconds
        rounds = compare(runners, files, options.rounds)
        if fastembed is not None:
            fastembed.close()
    report(rounds, len(files), float(difference))


def compare(
    runners: dict[str, Callable[[list[str]], float]], files: list[str], rounds: int
) -> dict[str, list[float]]:
    """Run everyone in turns after one round for warming up."""
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for run in range(rounds + 1):
        for name, runner in runners.items():
            taken = runner(files)
            if run:
                seconds[name].append(taken)
        print(f"round {run} of {rounds}", file=sys.stderr)
    return seconds


def report(seconds: dict[str, list[float]], count: int, difference: float) -> None:
    """Print images per second and the ratios."""
    cores = num_threads()
    print(f"{count} JPEG files of 640x480, onnxruntime {onnxruntime.__version__}, {cores} cores")
    for name, values in seconds.items():
        print(f"{name:10} {count / min(values):6.1f} images/s")
    for us in ("onnxnn", "draft"):
        for other in ("plain", "fastembed"):
            if other in seconds:
                ratio = statistics.median(a / b for a, b in zip(seconds[other], seconds[us], strict=True))
                print(f"{us} is {ratio:.2f} x {other}")
    print(f"largest difference between onnxnn's and plain's vectors: {difference:.1e}")


if __name__ == "__main__":
    main()
