"""Peak memory of embedding 10,000 files beside that of embedding 100.

Each count runs in a fresh process: 640x480 JPEG files in one folder, MobileNetV2 at 224. `stream` hands
the vectors out batch by batch and keeps none; `embed` returns them all in one array, whose size (10,000 x
1,280 float32 are 49 MiB) is taken off for the comparison and printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from embed_common import PEAK, make_files, make_model

SCRIPT = """
import sys
import onnxnn_runtime as rt
model = rt.load(sys.argv[1], device="cpu")
kept = 0
if sys.argv[3] == "stream":
    count = sum(len(part.names) for part in model.embed_stream(sys.argv[2]))
else:
    vectors = model.embed(sys.argv[2])
    count, kept = len(vectors), vectors.nbytes / 2**20
result = [count, kept]
"""


def peak(model: str, folder: Path, how: str) -> tuple[int, float, float]:
    """Return (files embedded, peak MiB, MiB of the result) of one fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT + PEAK, model, str(folder), how],
        check=True,
        capture_output=True,
        text=True,
    )
    (count, kept), mebibytes = json.loads(done.stdout)
    return int(count), float(mebibytes), float(kept)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", help="an ONNX file with a card; without it one is exported")
    parser.add_argument("--many", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        model = options.model or str(make_model(work / "mobilenet_v2.onnx"))
        make_files(work / "few", 100)
        make_files(work / "many", options.many)
        for how in ("stream", "embed"):
            beyond = []
            for folder in ("few", "many"):
                count, mebibytes, kept = peak(model, work / folder, how)
                beyond.append(mebibytes - kept)
                print(f"{how:7} {count:6} files: peak {mebibytes:6.1f} MiB, of it the result {kept:5.1f} MiB")
            print(f"{how:7} difference beyond the result: {beyond[1] - beyond[0]:+.1f} MiB")


if __name__ == "__main__":
    main()
