"""How long MobileNetV2 takes from a torch module to a verified ONNX file, and how fast that file runs.

    python benchmarks/export.py              # all three; about two minutes
    python benchmarks/export.py --no-current # without torch's current exporter

Times are wall seconds in one run: the median of five for ours and for torch's older exporter, one run for
its current exporter (a warm process, after one export of a small module). Inference is ONNX Runtime with
default settings at 224 x 224, alternating between the files.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnxnn_runtime import InputSpec, ModelCard, OutputSpec, Preprocess
from quick import QUICK, quick_or

from onnxnn.definition.definition import Definition
from onnxnn.export.exporter import export_onnx
from onnxnn.graph.shape import Shape
from onnxnn.kinds import kind_of

SIDE = quick_or(32, 224)


@contextlib.contextmanager
def silent() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def seconds(work: Callable[[], object], runs: int = quick_or(1, 5)) -> float:
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def inference(files: dict[str, Path], batch: int, runs: int = quick_or(1, 25)) -> dict[str, float]:
    """Return milliseconds per image of each file, measured in turns."""
    x = np.random.default_rng(0).random((batch, 3, SIDE, SIDE), np.float32)
    sessions = {
        name: onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for name, path in files.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(runs):
        for name, session in sessions.items():
            start = time.perf_counter()
            session.run(["output"], {session.get_inputs()[0].name: x})
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) * 1000 / batch for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-current", action="store_true", help="leave torch's current exporter out")
    with_current = not (parser.parse_args().no_current or QUICK)
    folder = Path(tempfile.mkdtemp())
    torch.manual_seed(0)
    definition = Definition(Shape.image(3, SIDE, SIDE))
    definition = definition.with_layer(1, "mobilenet", options={"num_classes": 1000})
    net = definition.build().eval()
    classes = tuple(f"class {i}" for i in range(1000))
    preprocess = Preprocess("RGB", (("resize", SIDE, SIDE),))
    card = ModelCard("cls", (), InputSpec("image", (), preprocess), OutputSpec("classes", (), classes))
    x = torch.rand(2, 3, SIDE, SIDE)
    names: dict[str, Any] = {"input_names": ["input"], "output_names": ["output"]}
    files = {"onnxnn": folder / "ours.onnx", "torch, older": folder / "older.onnx"}

    def ours() -> None:
        export_onnx(kind_of("cls", definition), net, card, files["onnxnn"])

    def older() -> None:
        axes = {"input": {0: "batch", 2: "height", 3: "width"}, "output": {0: "batch"}}
        torch.onnx.export(
            net, (x,), str(files["torch, older"]), dynamo=False, opset_version=13, dynamic_axes=axes, **names
        )

    def current() -> None:
        free = torch.export.Dim.DYNAMIC
        torch.onnx.export(
            net,
            (x,),
            str(files["torch, current"]),
            dynamo=True,
            dynamic_shapes=({0: free, 2: free, 3: free},),
            external_data=False,
            **names,
        )

    times = {}
    with silent():
        ours()  # warm up
        older()
        times["onnxnn"] = seconds(ours)
        times["torch, older"] = seconds(older)
        if with_current:
            small = torch.nn.Linear(2, 2)
            torch.onnx.export(small, (torch.rand(1, 2),), str(folder / "small.onnx"), dynamo=True)
            files["torch, current"] = folder / "current.onnx"
            times["torch, current"] = seconds(current, runs=1)
        running = {batch: inference(files, batch) for batch in (1, 16)}
    print(f"{'':16}{'export s':>10}{'ratio':>8}{'batch 1 ms':>12}{'ratio':>8}{'batch 16 ms':>13}{'ratio':>8}")
    for name, taken in times.items():
        cells = [f"{name:16}{taken:10.2f}{taken / times['onnxnn']:8.2f}"]
        for width, batch in ((12, 1), (13, 16)):
            mine, base = running[batch][name], running[batch]["onnxnn"]
            cells.append(f"{mine:{width}.2f}{mine / base:8.2f}")
        print("".join(cells))
    print("Ratios are to onnxnn, whose export includes the comparison with torch; torch's compare nothing.")


if __name__ == "__main__":
    main()
