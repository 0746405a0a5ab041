"""Building a gallery again: how long a folder of files takes of which none, or few, have changed.

    python benchmarks/gallery_build.py [--files 10000] [--repeats 5]

Prints the time of the first build with a small network, and the smallest time of the same call on unchanged
files (at most 1 s is wanted for 10,000), and with a new time on one file in a hundred.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import onnxnn_runtime as rt
from gallery_common import make_images, make_small_model
from quick import quick_or


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=quick_or(20, 10_000))
    parser.add_argument("--repeats", type=int, default=quick_or(1, 5))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder, gallery = Path(temporary) / "images", Path(temporary) / "gallery"
        paths = make_images(folder, options.files)
        model = rt.load(make_small_model(Path(temporary) / "small.onnx"), device="cpu")
        print(f"first build of {options.files} files: {seconds(model, folder, gallery, options.files):.2f} s")
        best = min(seconds(model, folder, gallery, 0) for _ in range(options.repeats))
        print(f"again, nothing has changed: {best:.2f} s, smallest of {options.repeats}")
        for path in paths[::100]:
            os.utime(path)
        print(f"again, one in a hundred has another time: {seconds(model, folder, gallery, 0):.2f} s")


def seconds(model: rt.Model, folder: Path, gallery: Path, added: int) -> float:
    """Return how long a build takes, which adds so many entries."""
    start = time.perf_counter()
    built = rt.Gallery.build(model, folder, gallery)
    took = time.perf_counter() - start
    assert (built.changes.added, built.changes.changed, built.changes.removed) == (added, 0, 0)
    return took


if __name__ == "__main__":
    main()
