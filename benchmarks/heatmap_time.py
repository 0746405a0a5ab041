"""How much longer a file with heat maps takes than the same network without.

    python benchmarks/heatmap_time.py [THREADS]

Exports MobileNetV2's features and one `linear` for 10 classes twice, with and without `heatmap=True`, and
runs both on the same 224 x 224 image: in turns, so that both see the same machine. Prints the median of each,
and the median of the ratios of neighbouring runs; and the largest difference of the map from torch's, beside
the largest value.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
from quick import quick_or

from onnxnn import nn

SIZE = quick_or(32, 224)
ROUNDS = quick_or(3, 300)


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    """Print the figures."""
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    images = np.random.default_rng(0).random((20, 3, SIZE, SIZE), dtype=np.float32)
    network = nn("cls", verbose=0)
    network.set_seed(0)
    network.load_dataset(images, np.arange(20) % 10)
    network.add("mobilenet_backbone")
    network.add("linear", size=(1280, 10), activation="softmax")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("plain.onnx", "maps.onnx")]
        plain = network.export(paths[0])
        maps = network.export(paths[1], heatmap=True)
        print(f"{plain.size / 1e6:.3f} MB, {(maps.size - plain.size) / 1e3:.1f} kB more with heat maps")
        models = [rt.load(path, threads=threads) for path in paths]
        found = models[1].heatmap(images[0])
    expected = network.heatmap(images[0]).values
    difference = np.abs(found.values - expected).max() / np.abs(expected).max()
    print(f"map {found.values.shape}: differs from torch's by at most {difference:.2g} of its largest value")
    runs: list[Callable[[], object]] = [
        lambda model=model: model.infer({"input": images[:1]})  # type: ignore[misc]  # bound now
        for model in models
    ]
    for run in runs:
        run()
    taken = np.array([[seconds(run) for run in runs] for _ in range(ROUNDS)])
    ratio = float(np.median(taken[:, 1] / taken[:, 0]))
    without, with_maps = 1e3 * np.median(taken, axis=0)
    print(
        f"{threads} threads: {without:.2f} ms without, {with_maps:.2f} ms with heat maps: {ratio:.4f} times"
    )


if __name__ == "__main__":
    main()
