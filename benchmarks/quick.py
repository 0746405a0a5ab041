"""What the option --quick of every benchmark does: it runs through with sizes too small to measure anything.

    python benchmarks/train_iris.py --quick

So a test can say whether a benchmark still runs. Without the option nothing differs.
"""

from __future__ import annotations

import sys
from typing import TypeVar

__all__ = ["QUICK", "quick_or"]

T = TypeVar("T")

QUICK = "--quick" in sys.argv[1:]
if QUICK:
    sys.argv.remove("--quick")  # the options that are left are the benchmark's own


def quick_or(quick: T, full: T) -> T:
    """Return the first where the option is given, else what is measured."""
    return quick if QUICK else full
