"""Fuzz by hand, or the whole of it as a slow job.

python tests/fuzz/run.py onnx_files --count 20000
python tests/fuzz/run.py onnx_files --start 4711 --count 1    (one case again)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), *(str(TESTS.parent / part) for part in (".", "runtime", "cli"))]

from fuzz.counts import whole  # noqa: E402
from support.fuzzing import fuzz  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", help="a module of tests/fuzz, such as onnx_files")
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--megabytes", type=float, default=1024)
    options = parser.parse_args()
    last = options.start + options.count
    numbers = range(options.start, min(last, whole(options.what) or last))
    report = fuzz(f"fuzz.{options.what}:check", numbers, options.seconds, options.megabytes)
    print(report)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
