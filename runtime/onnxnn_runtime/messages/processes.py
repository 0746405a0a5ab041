"""Which of several processes this one is, where `torchrun` or `train(devices=2)` started them."""

from __future__ import annotations

import os

__all__ = ["is_main_process", "num_processes", "rank"]


def num_processes() -> int:
    """Return how many processes run the same script, by what started them; 1 where this is the only one."""
    return max(_number("WORLD_SIZE"), 1) if "LOCAL_RANK" in os.environ else 1


def rank() -> int:
    """Return the number of this process among them, from 0."""
    if num_processes() == 1:
        return 0
    return _number("RANK" if "RANK" in os.environ else "LOCAL_RANK")


def is_main_process() -> bool:
    """Return whether this process is the one that writes and reports."""
    return rank() == 0


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else 0
