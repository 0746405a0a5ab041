"""kill -9 at random moments of `Gallery.add`: what was reported done is there, and the next call continues.

    python benchmarks/gallery_kill.py [--kills 50] [--files 400] [--seed 0]

Each time a process of its own adds files to a new gallery, a few at a time, and says on stdout how many are
done; it is killed at a random moment while it works. Its log becomes new files every few calls, so that kills
hit that, too. Then the gallery is opened, and compared with what was said; adding the files again embeds the
rest alone, and the result is the same as without a kill. Prints how many kills there were, and what they hit.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
from gallery_common import make_images, make_small_model
from quick import quick_or

WRITER = """
import sys
import onnxnn_runtime as rt
from onnxnn_runtime.gallery import folder
folder._MOST_RECORDS = 6
model, gallery, *paths = sys.argv[1:]
gallery = rt.Gallery.build(rt.load(model, device="cpu", threads=1), [], gallery)
print("start", flush=True)
def say(done, total):
    print(start + done, flush=True)
for start in range(0, len(paths), 29):
    gallery.add(paths[start : start + 29], progress=say)
print("end", flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=quick_or(2, 50))
    parser.add_argument("--files", type=int, default=quick_or(40, 400))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments, hits = random.Random(options.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        paths = make_images(folder / "images", options.files)
        model = rt.load(make_small_model(folder / "small.onnx"), device="cpu")
        expected = model.embed(paths, normalize=True)
        whole = work(folder, folder / "whole", paths, None)[1]
        for number in range(options.kills):
            path = folder / f"gallery {number}"
            said, _ = work(folder, path, paths, moments.uniform(0, whole))
            hits[check(path, model, paths, expected, said)] += 1
        print(f"{options.kills} kills within {whole:.1f} s of work: {dict(hits)}; nothing was lost")


def work(folder: Path, gallery: Path, paths: list[str], kill_after: float | None) -> tuple[int, float]:
    """Let a process add files; return how many it said were done, and how long it worked."""
    command = [sys.executable, "-c", WRITER, str(folder / "small.onnx"), str(gallery), *paths]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "start\n"
        start = time.perf_counter()
        if kill_after is not None:
            time.sleep(kill_after)
            writer.kill()
        lines = writer.stdout.read().splitlines(keepends=True)
    said = [int(line) for line in lines if line.endswith("\n") and line != "end\n"]
    return max(said, default=0), time.perf_counter() - start


def check(path: Path, model: rt.Model, paths: list[str], expected: np.ndarray, said: int) -> str:
    """Compare a gallery with what was said, and continue it; return where it was when it was killed."""
    gallery = rt.Gallery.open(path, model)
    found = len(gallery)
    assert found >= said, (found, said)
    assert gallery.names == paths[:found]
    np.testing.assert_allclose(gallery.vectors, expected[:found], atol=1e-6)
    changes = gallery.add(paths)
    assert (changes.added, changes.unchanged) == (len(paths) - found, found)
    for each in (gallery, rt.Gallery.open(path)):
        assert each.names == paths
        np.testing.assert_allclose(each.vectors, expected, atol=1e-6)
    if found in (0, len(paths)):
        return "before or after"
    return "between calls" if found % 29 == 0 else "within a call"


if __name__ == "__main__":
    main()
