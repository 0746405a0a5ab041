"""How many mutants the slow jobs try: all of them with FUZZ_SHARE=1, as `make fuzz` does."""

from __future__ import annotations

import importlib
import os

__all__ = ["WHOLE", "share", "whole"]

WHOLE = {
    "onnx_files": 20_000,
    "checkpoints": 5_000,
    "recipes": 3_800,
    "data_files": 2_500,
    "vocabularies": 5_000,
    "arrays": 1_000,
}
"""Module of this folder -> how many cases the whole has, where it does not count them itself."""


def whole(what: str) -> int | None:
    """Return how many cases a module of this folder has; None where it has any number."""
    count = getattr(importlib.import_module(f"fuzz.{what}"), "count", None)
    return None if count is None else int(count())


def share(what: str) -> range:
    """Return the numbers of the cases to try: the first of the whole, as many as FUZZ_SHARE (0..1) says."""
    wanted = float(os.environ.get("FUZZ_SHARE", "0.03"))
    return range(max(1, round(wanted * (WHOLE.get(what) or whole(what) or 0))))
