"""What a model may take of its machine: threads, time and memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from dataclasses import dataclass

from onnxnn_runtime.arrays.numbers import check_integer

MOST_THREADS = 1024
"""The most threads that a model may be asked to take."""

FEW = 2
"""Threads that work where memory is short and no number is given: each has a stack and buffers of its own."""

_TRIM_THRESHOLD, _KEPT = -1, 2**20
"""The parameter M_TRIM_THRESHOLD of glibc's mallopt, and the bytes that it may keep."""


@dataclass(frozen=True)
class Tuned:
    """What was measured to be fastest for a model on this machine; see `onnxnn_runtime.tuning`.

    Args:
        threads: Threads that work on one run.
        workers: Of many inputs, how many threads each run some of their own, on one core; 1: all `threads`
            work on one batch after the other.
        batch_size: Of many inputs, how many run together; None follows the device.
    """

    threads: int
    workers: int
    batch_size: int | None = None


@dataclass(frozen=True)
class Resources:
    """How much a model may take.

    Args:
        threads: Processor cores to use; None takes all that this process may use.
        timeout: Seconds that one run may take; None sets no limit, but for loops that may run forever.
        low_memory: Whether memory counts more than time, see `load`.
        tuned: What was measured to be fastest; its threads count where `threads` is None.
        runs: How many threads run it at once, with one processor core each.

    Raises:
        InputError: `threads` is no integer from 1.
    """

    threads: int | None = None
    timeout: float | None = None
    low_memory: bool = False
    tuned: Tuned | None = None
    runs: int = 1

    def __post_init__(self) -> None:
        if self.threads is not None:
            check_integer("threads", self.threads, highest=MOST_THREADS)


def give_back_freed_memory() -> None:
    """Have the C library give freed memory back to the system at once, for the whole process.

    Otherwise glibc's malloc keeps up to 64 MB of blocks that it has seen once, such as a model's file and the
    activations of a network. Elsewhere nothing changes, nor where the environment sets it already.
    """
    if sys.platform != "linux" or "MALLOC_TRIM_THRESHOLD_" in os.environ:
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library, such as musl
        ctypes.CDLL(None).mallopt(_TRIM_THRESHOLD, _KEPT)


def trim_memory() -> None:
    """Give back the freed memory that lies between blocks that are used, as glibc's malloc alone can."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library, such as musl
            ctypes.CDLL(None).malloc_trim(0)
