"""The index of a gallery (HNSW by usearch): its recall against exact search, and the time of a query.

    python benchmarks/gallery_hnsw.py [--vectors 1000000] [--dimension 128] [--kind clustered] [--queries 500]
        [--connectivity 16] [--expansion-add 128] [--recall 0.98] [--folder DIR]

Wanted at 1,000,000 x 128: recall@10 of at least 0.95 at 1 ms a query at most (median of `Gallery.search` of
one vector, k=10, one thread). Queries are vectors of the same distribution that the gallery does not hold.

--kind clustered draws vectors as embeddings lie: centers for one in 250 vectors in a space of 32 dimensions
that is embedded in all of them, and normal noise around them, most of it in that space. --kind noise draws
uniformly from the sphere, which no model does and no graph searches well.
--folder keeps the gallery there, and uses the one that is there with its index.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from onnxnn_runtime import Gallery, IndexFacts
from quick import quick_or

K = 10
CENTERS = 250  # vectors of a center
INNER = 32  # dimensions in which embeddings differ


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=quick_or(2000, 1_000_000))
    parser.add_argument("--dimension", type=int, default=quick_or(40, 128))
    parser.add_argument("--kind", choices=["clustered", "noise"], default="clustered")
    parser.add_argument("--queries", type=int, default=quick_or(5, 500))
    parser.add_argument("--connectivity", type=int, default=16)
    parser.add_argument("--expansion-add", type=int, default=128)
    parser.add_argument("--recall", type=float, default=0.98)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    drawn = draw(options.vectors + options.queries, options.dimension, options.kind)
    vectors, queries = drawn[: options.vectors], drawn[options.vectors :]
    with tempfile.TemporaryDirectory() as temporary:
        path = options.folder or Path(temporary) / "gallery"
        if not path.exists():
            names = [f"photos/{number:07d}.jpg" for number in range(len(vectors))]
            Gallery.from_vectors(vectors, names).save(path)
        gallery = Gallery.open(path)
        index = gallery.index or build(gallery, options)
        print(
            f"index of {len(gallery)} x {gallery.dimension}, {options.kind}: {index.size / 1e6:.0f} MB, "
            f"recall {index.recall:.4f} with {index.expansion_search} candidates"
        )
        start = time.perf_counter()
        gallery = Gallery.open(path)
        gallery.search(queries[0], K)
        print(f"opening and first query: {(time.perf_counter() - start) * 1000:.0f} ms")
        measure(gallery, queries)


def build(gallery: Gallery, options: argparse.Namespace) -> IndexFacts:
    """Return the index, built now; print how long that takes."""
    start = time.perf_counter()
    index = gallery.build_index(
        recall=options.recall, connectivity=options.connectivity, expansion_add=options.expansion_add
    )
    print(
        f"building with connectivity {options.connectivity}, expansion_add {options.expansion_add}: "
        f"{time.perf_counter() - start:.0f} s"
    )
    return index


def measure(gallery: Gallery, queries: np.ndarray) -> None:
    """Print the recall of queries that are no entries, and how long one takes."""
    exact = gallery.search(list(queries), K, exact=True)
    times, hits = [], 0
    for query, right in zip(queries, exact, strict=True):
        start = time.perf_counter()
        found = gallery.search([query], K)[0]
        times.append(time.perf_counter() - start)
        hits += len({each.name for each in found} & {each.name for each in right})
    median, high = np.quantile(times, [0.5, 0.99]) * 1000
    recall = hits / sum(map(len, exact))
    print(f"queries that are no entries: recall@{K} {recall:.4f}, {median:.2f} ms median, {high:.2f} ms p99")


def draw(count: int, dimension: int, kind: str) -> np.ndarray:
    """Return float32 vectors (count, dimension) of length 1."""
    stream = np.random.default_rng(0)
    if kind == "noise":
        vectors = stream.standard_normal((count, dimension), dtype=np.float32)
    else:
        space = stream.standard_normal((INNER, dimension), dtype=np.float32) / np.sqrt(INNER)
        centers = stream.standard_normal((max(1, count // CENTERS), INNER), dtype=np.float32)
        inner = centers[stream.integers(0, len(centers), count)]
        inner += 0.5 * stream.standard_normal(inner.shape, dtype=np.float32)
        vectors = inner @ space
        vectors += 0.1 * stream.standard_normal(vectors.shape, dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


if __name__ == "__main__":
    main()
