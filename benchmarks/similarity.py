"""get_similarity of many vectors against one, beside the bare NumPy product: time and peak memory.

    python benchmarks/similarity.py [--vectors 100000] [--length 512] [--repeats 15]

Prints the smallest time of each, their ratio (at most 1.3 is wanted), and the memory that was needed beside
the vectors. Calls take turns, so that other programs disturb both alike.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from onnxnn_runtime import get_similarity
from quick import quick_or


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=quick_or(100, 100_000))
    parser.add_argument("--length", type=int, default=quick_or(8, 512))
    parser.add_argument("--repeats", type=int, default=quick_or(1, 15))
    options = parser.parse_args()
    stream = np.random.default_rng(0)
    gallery = stream.standard_normal((options.vectors, options.length), dtype=np.float32)
    query = stream.standard_normal(options.length, dtype=np.float32)
    calls: dict[str, Callable[[], object]] = {
        "bare product": lambda: gallery @ query,
        "cosine": lambda: get_similarity(gallery, query),
        "dot": lambda: get_similarity(gallery, query, "dot"),
        "cosine, query first": lambda: get_similarity(query, gallery),
    }
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(options.repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    for name, call in calls.items():
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        ratio = best[name] / best["bare product"]
        print(f"{name:<20} {best[name] * 1000:8.1f} ms  {ratio:5.2f} x  {peak:6.1f} MB beside the vectors")


if __name__ == "__main__":
    main()
