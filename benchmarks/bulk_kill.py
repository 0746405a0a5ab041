"""kill -9 at random moments of an embedding into shards: what was reported done stays, the next run resumes.

Each run embeds a folder with `onnxnn_runtime.bulk.embed_files` and is killed after a random part of the time
that a whole run takes. After every kill all shards are read: the inputs that the run reported done are there,
each once, with the vectors that `Model.embed` computes. Runs resume in the same folder until it is complete,
then a new one begins.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
import pyarrow.parquet as pq
from PIL import Image
from quick import quick_or

MODEL = Path(__file__).parent.parent / "tests" / "golden" / "models" / "image_embedder.onnx"

SCRIPT = """
import sys
from onnxnn_runtime.bulk import embed_files
model, photos, folder, size = sys.argv[1:]
say = lambda done, total: print(done, flush=True)
embed_files(model, photos, folder, shard_size=int(size), device="cpu", progress=say)
print("complete", flush=True)
"""


def make_files(folder: Path, count: int) -> list[str]:
    """Write images of noise; return their paths."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(count):
        pixels = draw.integers(0, 256, (240, 320, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05d}.png")
    return sorted(map(str, folder.glob("*.png")))


def run(photos: Path, folder: Path, size: int, seconds: float | None) -> list[str]:
    """Start a run, kill it after some seconds, and return the lines that it printed."""
    command = [sys.executable, "-c", SCRIPT, str(MODEL), str(photos), str(folder), str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            printed, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
    assert process.returncode in (0, -9), printed
    return printed.split()


def check(folder: Path, expected: dict[str, np.ndarray], reported: int) -> int:
    """Compare all shards with what was reported, and with `Model.embed`; return how many inputs are done."""
    paths = sorted(folder.glob("*.parquet"))
    names: list[str] = []
    for path in paths:
        table = pq.read_table(path)
        names += table["name"].to_pylist()
        for name, vector in zip(table["name"].to_pylist(), table["vector"].to_pylist(), strict=True):
            assert np.array_equal(np.array(vector, np.float32), expected[name]), name
    assert len(names) == len(set(names)), "an input stands in two shards"
    assert len(names) >= reported, f"{reported} inputs were reported done, {len(names)} are there"
    return len(names)


def main() -> None:
    """Kill runs and check what they leave."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=quick_or(2, 50))
    parser.add_argument("--files", type=int, default=quick_or(20, 400))
    parser.add_argument("--shard-size", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        photos = Path(temporary) / "photos"
        names = make_files(photos, options.files)
        expected = dict(zip(names, rt.load(MODEL, device="cpu").embed(names), strict=True))
        start = time.perf_counter()
        run(photos, Path(temporary) / "whole", options.shard_size, None)
        whole = time.perf_counter() - start
        check(Path(temporary) / "whole", expected, options.files)
        kills = working = resumed = complete = done = 0
        folder = Path(temporary) / "vectors0"
        while kills < options.kills:
            lines = run(photos, folder, options.shard_size, moments.uniform(0, whole))
            counts = [int(line) for line in lines if line != "complete"]
            if counts and done:
                assert counts[0] >= done, f"resumed at {counts[0]} where {done} inputs were done"
                resumed += 1
            done = check(folder, expected, max([done, *counts]))
            if "complete" in lines:
                assert done == options.files
                complete += 1
                folder, done = Path(temporary) / f"vectors{complete}", 0
                continue
            kills += 1
            working += 0 < done < options.files
    print(f"a whole run: {options.files} files, shards of {options.shard_size}: {whole:.1f} s")
    print(f"{kills} kills, {working} of them with some inputs done and others not; nothing reported was lost")
    print(f"{resumed} runs resumed where the one before was killed, {complete} folders were completed")


if __name__ == "__main__":
    main()
