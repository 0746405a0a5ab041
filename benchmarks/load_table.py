"""Time and peak memory of loading a wide CSV file, beside pandas and NumPy; each in a fresh process.

60,000 x 785 numbers by default: pixels (0 to 255, of which most are 0) and decimals (0.0000 to 0.9999). The
time is that of the processor, imports apart; the figures to look at are the ratio to pandas.read_csv, where
that is installed, and the peak, Python and torch included.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from embed_common import PEAK
from quick import quick_or

READERS = {
    "onnxnn": """
        from onnxnn.data import load_table as read
        from onnxnn.data.options import TableOptions
        start = time.process_time()
        x, y = read(path, "cls", TableOptions(shuffle=False)).train.tensors()
    """,
    "pandas": """
        import pandas
        start = time.process_time()
        x = pandas.read_csv(path).to_numpy(numpy.float32)
    """,
    "numpy": """
        start = time.process_time()
        x = numpy.loadtxt(path, delimiter=",", skiprows=1, dtype=numpy.float32)
    """,
}

SCRIPT = """
import sys, time
import numpy
path = sys.argv[1]
{}
result = [list(map(int, x.shape)), time.process_time() - start]
"""


def write(path: Path, rows: int, columns: int, kind: str) -> None:
    """Write a table with a heading and the label last, a thousand rows at a time."""
    random = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join([*(f"p{number}" for number in range(columns - 1)), "label"]) + "\n")
        for start in range(0, rows, 1000):
            shape = (min(1000, rows - start), columns - 1)
            values = random.integers(0, 256, shape) * (random.random(shape) < 0.2)
            cells = (
                values if kind == "pixels" else [[f"{v:.4f}" for v in row] for row in random.random(shape)]
            )
            for row, label in zip(cells, random.integers(0, 10, len(cells)), strict=True):
                file.write(",".join(map(str, row)) + f",{label}\n")


def run(reader: str, path: Path) -> tuple[list[int], float, float]:
    """Return the shape of what a fresh process read, its seconds, and its peak in MiB."""
    lines = "\n".join(line.strip() for line in READERS[reader].strip().splitlines())
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(lines) + PEAK, str(path)],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    (shape, seconds), peak = json.loads(done.stdout)
    return shape, float(seconds), float(peak)


def main() -> None:
    """Write the tables, read them, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=quick_or(20, 60_000))
    parser.add_argument("--columns", type=int, default=quick_or(5, 785))
    parser.add_argument("--kind", choices=("pixels", "decimals"), action="append")
    parser.add_argument("--reader", choices=sorted(READERS), action="append")
    options = parser.parse_args()
    installed = [name for name in READERS if name in ("onnxnn", "numpy") or importlib.util.find_spec(name)]
    with tempfile.TemporaryDirectory() as folder:
        for kind in options.kind or quick_or(["pixels"], ["pixels", "decimals"]):
            path = Path(folder) / f"{kind}.csv"
            write(path, options.rows, options.columns, kind)
            print(f"{options.rows:,} x {options.columns} {kind}, {path.stat().st_size / 2**20:.0f} MiB")
            first = 0.0
            for reader in options.reader or installed:
                shape, seconds, peak = run(reader, path)
                first = first or seconds
                print(f"  {reader:7} {seconds:5.1f} s ({seconds / first:.2f}), peak {peak:6.0f} MiB, {shape}")


if __name__ == "__main__":
    main()
