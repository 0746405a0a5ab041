"""How many mutants the slow jobs try: all of them with FUZZ_SHARE=1, as `make fuzz` does."""

from __future__ import annotations

import os

__all__ = ["WHOLE", "share"]

WHOLE = {
    "onnx_files": 20_000,
    "checkpoints": 5_000,
    "recipes": 3_800,
    "data_files": 2_500,
    "arrays": 1_000,
    "arguments": 24_000,
}
"""Module of this folder -> how many cases the whole has."""


def share(what: str) -> range:
    """Return the numbers of the cases to try: the first of the whole, as many as FUZZ_SHARE (0..1) says."""
    wanted = float(os.environ.get("FUZZ_SHARE", "0.03"))
    return range(max(1, round(wanted * WHOLE[what])))
