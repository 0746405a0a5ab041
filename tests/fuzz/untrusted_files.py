"""A share of all hostile files but models, in one worker: torch is imported once."""

from __future__ import annotations

from fuzz import arrays, checkpoints, data_files, recipes

PARTS = (checkpoints, recipes, arrays, data_files)


def check(number: int) -> None:
    """Use a case of each kind in turn."""
    PARTS[number % len(PARTS)].check(number // len(PARTS))
