"""A share of all hostile files but models, and of hostile arguments, in one worker: it imports torch once."""

from __future__ import annotations

from fuzz import arguments, arrays, checkpoints, data_files, recipes

PARTS = (checkpoints, recipes, arrays, data_files, arguments)


def check(number: int) -> None:
    """Use a case of each kind in turn."""
    PARTS[number % len(PARTS)].check(number // len(PARTS))
