"""Peak memory of embedding JPEG files of 640x480 with MobileNetV2 at 224; each count in a fresh process.

Without options: 200 files with one thread, also with preprocessing in the graph; one file with low_memory,
beside what the imports alone take; then 10,000 files beside 100 with all threads. `stream` hands the vectors
out batch by batch and keeps none; `embed` returns them all in one array, whose size (10,000 x 1,280 float32
are 49 MiB) is taken off for the comparison and printed.

--against FOLDER runs another checkout of the repository (git worktree) in turns on the same files, and
prints both peaks and the ratio of the times (the median of the rounds).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from embed_common import PEAK, make_files, make_model
from quick import quick_or

IMPORTS = """
import onnxnn_runtime.loading, onnxnn_runtime.session.engine, onnxnn_runtime.session.providers
onnxnn_runtime.session.providers.onnxruntime()
result = [0, 0, 0]
"""

SCRIPT = """
import sys, time
import onnxnn_runtime as rt
model = rt.load(sys.argv[1], device="cpu", threads=int(sys.argv[4]) or None, **LOADING)
kept, start = 0, time.perf_counter()
if sys.argv[3] == "stream":
    count = sum(len(part.names) for part in model.embed_stream(sys.argv[2]))
else:
    vectors = model.embed(sys.argv[2])
    count, kept = len(vectors), vectors.nbytes / 2**20
result = [count, kept, time.perf_counter() - start]
"""


class Run(NamedTuple):
    """One fresh process: files embedded, peak MiB, MiB of the result, seconds."""

    files: int
    peak: float
    kept: float
    seconds: float


def run(
    model: str,
    folder: Path,
    how: str,
    threads: int = 0,
    checkout: Path | None = None,
    loading: dict[str, object] | None = None,
) -> Run:
    """Embed a folder in a fresh process, with the runtime of another checkout where one is given.

    Args:
        model: The file; "" only imports what is needed.
        folder: Of images, or one file.
        how: "embed" or "stream".
        threads: Processor cores; 0 takes all.
        checkout: The other checkout.
        loading: More options of `load`.
    """
    environment = dict(os.environ)
    if checkout is not None:
        environment["PYTHONPATH"] = str(checkout / "runtime")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"LOADING = {loading or {}}" + (SCRIPT if model else IMPORTS) + PEAK,
            model,
            str(folder),
            how,
            str(threads),
        ],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    (count, kept, seconds), mebibytes = json.loads(done.stdout)
    return Run(int(count), float(mebibytes), float(kept), float(seconds))


def compare_counts(model: str, few: Path, many: Path) -> None:
    """Print what many files take beside few."""
    for how in ("stream", "embed"):
        beyond = []
        for folder in (few, many):
            found = run(model, folder, how)
            beyond.append(found.peak - found.kept)
            print(
                f"{how:7} {found.files:6} files: peak {found.peak:6.1f} MiB, of it the result "
                f"{found.kept:5.1f} MiB"
            )
        print(f"{how:7} difference beyond the result: {beyond[1] - beyond[0]:+.1f} MiB")


def compare_checkouts(model: str, folder: Path, other: Path, threads: int, rounds: int) -> None:
    """Print the peaks of this checkout and another one, and the ratio of their times."""
    here = Path(__file__).parent.parent
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(run(model, folder, "embed", threads, here))
        theirs.append(run(model, folder, "embed", threads, other))
    for name, runs in (("here", ours), ("there", theirs)):
        best = min(each.seconds for each in runs)
        print(f"{name:6} peak {max(each.peak for each in runs):6.1f} MiB, best {best:.2f} s")
    ratio = statistics.median(a.seconds / b.seconds for a, b in zip(ours, theirs, strict=True))
    print(f"time here / there: {ratio:.3f} (median of {rounds})")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="an ONNX file with a card; without it one is exported")
    parser.add_argument("--many", type=int, default=quick_or(3, 10_000), help="0 leaves this part out")
    parser.add_argument("--files", type=int, default=quick_or(2, 200))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        model = options.model or str(make_model(work / "mobilenet_v2.onnx"))
        one = make_files(work / "files", options.files)[0]
        if options.against:
            compare_checkouts(model, work / "files", options.against, options.threads, options.rounds)
            return
        found = run(model, work / "files", "embed", options.threads)
        print(f"{found.files} files, {options.threads} thread(s): peak {found.peak:.1f} MiB")
        if not options.model:
            in_graph = str(make_model(work / "in_graph.onnx", "graph"))
            found = run(in_graph, work / "files", "embed", options.threads)
            print(f"the same with preprocessing in the graph: peak {found.peak:.1f} MiB")
        found = run(model, Path(one), "embed", loading={"low_memory": True})
        bare = run("", Path(one), "embed").peak
        print(f"1 file, low_memory: peak {found.peak:.1f} MiB, of it imports {bare:.1f} MiB")
        if options.many:
            make_files(work / "few", quick_or(2, 100))
            make_files(work / "many", options.many)
            compare_counts(model, work / "few", work / "many")


if __name__ == "__main__":
    main()
