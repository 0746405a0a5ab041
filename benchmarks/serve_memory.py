"""How much the memory of a server grows over 100,000 small requests, and whether all of them are answered.

Eight connections send images, tensors as JSON and requests that are refused. The growth is counted from when
a tenth of the requests has been answered.
"""

from __future__ import annotations

import argparse
import io
import itertools
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from quick import quick_or
from serve_common import make_small_model, many, server


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=quick_or(100, 100_000))
    options = parser.parse_args()
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, format="JPEG")
    good = file.getvalue()
    bodies = [good, good, good, good[:40], b"", good[:-200], b"<svg></svg>"]
    parts = 10
    with tempfile.TemporaryDirectory() as folder:
        path = str(make_small_model(Path(folder) / "small.onnx"))
        with server(path) as running:
            memory, statuses = [], set()
            for _ in range(parts):
                left = itertools.islice(itertools.cycle(bodies), options.requests // parts)
                answers = many(running.port, 8, left, "/predict")
                statuses |= {answer.status for answer in answers}
                assert len(answers) == options.requests // parts
                memory.append(running.memory())
    assert statuses <= {200, 400, 415}, statuses
    print(f"{options.requests} requests; statuses {', '.join(map(str, sorted(statuses)))}")
    print("memory in MB after each tenth: " + " ".join(f"{each:.1f}" for each in memory))
    print(f"growth {memory[-1] - memory[0]:.1f} MB")


if __name__ == "__main__":
    main()
