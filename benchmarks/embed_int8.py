"""From 640x480 JPEG files to vectors in INT8: beside our float path and beside FastEmbed.

    python benchmarks/embed_int8.py --fastembed fe/bin/python

The network of embed_throughput.py is quantised for this processor (target "server") on other files of the
same kind, and both run on the same files, in turns within one run:

    fp32             onnxnn_runtime.load(...).embed(...) with the float file
    int8             the same with the INT8 file, JPEG files decoded in full
    int8 draft       the same with load(..., draft=True): JPEG files decoded at half their size
    int8 openvino    the same with load(..., device="openvino"), where that is installed
    fastembed        FastEmbed's ImageEmbedding on the float file, batches of 32 (only with --fastembed)

Printed are images per second (the best round of each), the ratios round by round (their median), the two
parts of the INT8 path alone (reading files, and the network, each on all cores), and how close the INT8
vectors are to those in float.

FastEmbed lives in an environment of its own: python -m venv fe && fe/bin/pip install fastembed.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
import onnxruntime
from embed_common import make_files, make_model
from embed_throughput import FastEmbed, compare, timed
from onnxnn_runtime import InputSpec
from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.session.cores import num_threads
from onnxnn_runtime.session.pipeline import batches
from quick import quick_or

from onnxnn.quantization.quantizer import quantize

RATIOS = (
    ("int8", "fp32", 1.4),
    ("int8", "fastembed", 2.0),
    ("int8 draft", "fastembed", 2.6),
    ("int8 openvino", "fastembed", 2.3),
)
"""Who is compared with whom, and what is to be reached on a quiet machine."""


def quantized(model: str, folder: Path) -> str:
    """Write the INT8 file of a model, calibrated on files that are not measured.

    Of the network without training all vectors are nearly equal, so their neighbours mean nothing: the cosine
    alone is checked.
    """
    others = make_files(folder / "calibration", quick_or(20, 80), seed=1)
    report = quantize(model, others, folder / "int8.onnx", target="server", max_drop=100)
    figures = ", ".join(f"{name} {value:.4f}" for name, value in report.facts.after.items())
    print(f"int8: {figures}; {report.speedup:.2f} x the float file for one image on one core", flush=True)
    return str(report.path)


def input_of(model: rt.Model) -> InputSpec:
    """Return what a model takes, as its card says."""
    assert model.card is not None
    return model.card.input


def reading(model: rt.Model, files: list[str]) -> float:
    """Return the images per second that are read and resized, without a network."""
    start = time.perf_counter()
    count = sum(len(batch.names) for batch in batches(files, input_of(model)))
    return count / (time.perf_counter() - start)


def network(path: str, files: list[str]) -> float:
    """Return the images per second of the network alone, one thread to a session and core."""
    model = rt.load(path, device="cpu")
    given = next(iter(batches(files[:4], input_of(model)))).array
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    runs = quick_or(2, 60) * num_threads()
    with ThreadPoolExecutor(num_threads()) as pool:
        start = time.perf_counter()
        list(pool.map(lambda _: session.run(None, {name: given}), range(runs)))
        return runs * len(given) / (time.perf_counter() - start)


def openvino(path: str) -> rt.Model | None:
    """Return the model in OpenVINO; None where that is not installed."""
    try:
        return rt.load(path, device="openvino")
    except OnnxnnError as error:
        print(f"not compared: {error}")
        return None


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="a float ONNX file with a card; without it one is exported")
    parser.add_argument("--fastembed", metavar="PYTHON", help="an interpreter that has fastembed")
    parser.add_argument("--files", type=int, default=quick_or(4, 200))
    parser.add_argument("--rounds", type=int, default=quick_or(1, 5))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, contextlib.ExitStack() as running:
        work = Path(temporary)
        files = make_files(work / "jpg", options.files)
        model = options.model or str(make_model(work / "mobilenet_v2.onnx"))
        small = quantized(model, work)
        models = {
            "fp32": rt.load(model, device="cpu"),
            "int8": rt.load(small, device="cpu"),
            "int8 draft": rt.load(small, device="cpu", draft=True),
        }
        other = openvino(small)
        if other is not None:
            models["int8 openvino"] = other
        runners: dict[str, Callable[[list[str]], float]] = {
            name: timed(each.embed) for name, each in models.items()
        }
        if options.fastembed is not None:
            fastembed = FastEmbed(options.fastembed, model, work / "fe")
            running.callback(fastembed.close)
            runners["fastembed"] = fastembed.seconds
        rounds = compare(runners, files, options.rounds)
        parts = reading(models["int8"], files), network(small, files)
        vectors = {name: each.embed(files, normalize=True) for name, each in models.items()}
    report(rounds, parts, vectors)


def report(
    seconds: dict[str, list[float]], parts: tuple[float, float], vectors: dict[str, np.ndarray]
) -> None:
    """Print images per second, the ratios, and the cosines."""
    count = len(vectors["fp32"])
    print(f"{count} JPEG files of 640x480, onnxruntime {onnxruntime.__version__}, {num_threads()} cores")
    for name, values in seconds.items():
        print(f"{name:14} {count / min(values):6.1f} images/s")
    both = 1 / (1 / parts[0] + 1 / parts[1])
    share = count / min(seconds["int8"]) / both
    print(f"parts of int8: reading {parts[0]:.1f}, network {parts[1]:.1f}, together {both:.1f} images/s")
    print(f"int8 is {share:.2f} of its parts together")
    for us, other, least in RATIOS:
        if us in seconds and other in seconds:
            ratio = statistics.median(a / b for a, b in zip(seconds[other], seconds[us], strict=True))
            print(f"{us} is {ratio:.2f} x {other} (at least {least:g} on a quiet machine)")
    for name, found in vectors.items():
        if name != "fp32":
            cosine = float((found * vectors["fp32"]).sum(axis=1).mean())
            print(f"mean cosine between fp32 and {name}: {cosine:.4f}")


if __name__ == "__main__":
    main()
