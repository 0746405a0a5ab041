"""Exact search of a gallery beside the bare NumPy matmul and argpartition, and the time of opening it.

    python benchmarks/gallery_search.py [--vectors 100000] [--dimension 1280] [--repeats 15] [--dtype float32]

Prints the smallest time of each for query batches of 1 and of 16 and their ratio (at most 1.2 is wanted
with float32), and the median time of opening the folder (at most 50 ms). The bare product has the vectors
in memory, the gallery maps them. Calls take turns, so that other programs disturb both alike.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnxnn_runtime import Gallery
from quick import quick_or

K = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=quick_or(200, 100_000))
    parser.add_argument("--dimension", type=int, default=quick_or(8, 1280))
    parser.add_argument("--repeats", type=int, default=quick_or(2, 15))
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    stream = np.random.default_rng(0)
    vectors = stream.standard_normal((options.vectors, options.dimension), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gallery"
        names = [f"photos/{number // 500:04d}/image {number:06d}.jpg" for number in range(options.vectors)]
        Gallery.from_vectors(vectors, names, "photo", dtype=options.dtype).save(path)
        gallery, opening = opened(path, options.repeats)
        print(f"opening {len(gallery)} entries: {opening * 1000:.1f} ms, median of {options.repeats}")
        for batch in (1, 16):
            queries = stream.standard_normal((batch, options.dimension), dtype=np.float32)
            compare(gallery, vectors, queries, options.repeats)


def opened(path: Path, repeats: int) -> tuple[Gallery, float]:
    """Return a gallery and the median time of opening it."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        gallery = Gallery.open(path)
        times.append(time.perf_counter() - start)
    return gallery, statistics.median(times)


def compare(gallery: Gallery, vectors: np.ndarray, queries: np.ndarray, repeats: int) -> None:
    """Print how long a search takes, and the bare product with the largest of each row."""

    def bare() -> np.ndarray:
        scores = queries @ vectors.T
        return np.argpartition(scores, -K, axis=1)[:, -K:]

    best = {"bare": float("inf"), "gallery": float("inf")}
    calls: dict[str, Callable[[], object]] = {"bare": bare, "gallery": lambda: gallery.search(queries, K)}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    found = gallery.search(list(queries), K)
    for matches, rows in zip(found, bare(), strict=True):
        names = {gallery.names[row] for row in rows} if gallery.dtype == "float32" else None
        assert names is None or {each.name for each in matches} == names
    ratio = best["gallery"] / best["bare"]
    print(
        f"batch of {len(queries):2d}: bare {best['bare'] * 1000:7.1f} ms  "
        f"gallery {best['gallery'] * 1000:7.1f} ms  {ratio:.2f} x"
    )


if __name__ == "__main__":
    main()
