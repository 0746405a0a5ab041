"""Drawing with the runtime: what is spent outside the network, the loop inside the graph, and peak memory.

    python benchmarks/diffusion_sample.py

The network is the default one for 28 x 28 grey images, with random weights. What passes between two runs
of ONNX Runtime's session is the time outside the network of a step; what passes before the first and after
the last one (options, table, noise, result) is printed beside it, spread over the 20 steps. Each is the
median of all runs. The file that holds the loop and the denoiser draw from the same noise in turns. Memory
is that of fresh processes that draw 16 images, and of one that only imports the packages.

Reach: at most 2 % outside the network, the loop in the graph not slower and the same to 1e-4, at most
250 MB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxnn_runtime as rt
import torch
from embed_common import PEAK
from quick import quick_or

from onnxnn import nn

STEPS = quick_or(2, 20)

DRAW = """
import sys
import onnxnn_runtime as rt
model = rt.load(sys.argv[1], device="cpu")
result = list(model.sample(16, seed=0).shape)
"""

IDLE = """
import sys
import numpy, onnxruntime, PIL.Image
result = []
"""


class Watched:
    """A session that notes when each of its runs begins and ends."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.engine, self.device = session.engine, session.device
        self.times: list[tuple[float, float]] = []

    def run(self, *given: Any) -> Any:
        start = time.perf_counter()
        found = self._session.run(*given)
        self.times.append((start, time.perf_counter()))
        return found


def export(folder: Path) -> tuple[Path, Path]:
    """Write the denoiser alone, and the whole loop."""
    model = nn(verbose=0)
    model.color = "grayscale"
    model.add("diffusion_model", img_size=28)
    for parameter in model.model.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)  # some begin with zeros, and images with grey
    paths = folder / "denoiser.onnx", folder / "loop.onnx"
    model.export(paths[0])
    model.export(paths[1], sampler="dpm++", steps=STEPS)
    return paths


def outside(path: Path, runs: int) -> None:
    """Print the share of the time that is not the session's."""
    model = rt.load(path, device="cpu")
    engine: Any = model._engine
    watched = engine._session = Watched(engine._session)
    for sampler in ("dpm++", "ddim", "ddpm"):
        for num in (1, 16):
            inside, between, around = [], [], []
            for turn in range(runs + 1):
                watched.times.clear()
                start = time.perf_counter()
                model.sample(num, STEPS, sampler, seed=0)
                end = time.perf_counter()
                if turn == 0:
                    continue
                begins, ends = zip(*watched.times, strict=True)
                inside += [b - a for a, b in watched.times]
                between += [b - a for a, b in zip(ends[:-1], begins[1:], strict=True)]
                around.append((begins[0] - start + end - ends[-1]) / STEPS)
            run, step, once = (statistics.median(each) for each in (inside, between, around))
            print(
                f"  {sampler:5} batch {num:2}: {step * 1e6:3.0f} µs beside {run * 1e3:5.2f} ms, "
                f"{100 * step / (run + step):.2f} %; with beginning and end "
                f"{100 * (step + once) / (run + step + once):.2f} %"
            )


def in_turns(denoiser: Path, loop: Path, runs: int) -> None:
    """Print how long 16 images take with the loop in Python and in the graph, and how far they differ."""
    models = [rt.load(path, device="cpu") for path in (denoiser, loop)]
    asked: list[dict[str, Any]] = [{"steps": STEPS}, {}]
    for num in (1, 16):
        times: list[list[float]] = [[], []]
        drawn = [np.empty(0)] * 2
        for _ in range(runs + 1):
            for i, (model, options) in enumerate(zip(models, asked, strict=True)):
                start = time.perf_counter()
                drawn[i] = model.sample(num, seed=0, **options)
                times[i].append(time.perf_counter() - start)
        python, graph = (statistics.median(each[1:]) for each in times)
        off = float(abs(drawn[0] - drawn[1]).max())
        print(
            f"  batch {num:2}: Python {python * 1e3:.0f} ms, graph {graph * 1e3:.0f} ms "
            f"({python / graph:.3f} x as fast), largest difference {off:.1g}"
        )


def peak(script: str, path: Path) -> float:
    """Return the peak memory in MB of a fresh process."""
    command = [sys.executable, "-c", script + PEAK, str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout)[1]) * 2**20 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=quick_or(1, 15))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        denoiser, loop = export(Path(folder))
        print("outside the network, of a step (to reach: 2 %)")
        outside(denoiser, options.runs)
        print("the loop in the graph (to reach: not slower)")
        in_turns(denoiser, loop, options.runs)
        print("peak memory, 16 images (to reach: 250 MB)")
        print(f"  the interpreter with its packages {peak(IDLE, denoiser):.0f} MB")
        print(f"  denoiser {peak(DRAW, denoiser):.0f} MB, loop in the graph {peak(DRAW, loop):.0f} MB")


if __name__ == "__main__":
    main()
