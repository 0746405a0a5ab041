"""Timing several things against each other: in turns, so that what disturbs one disturbs all."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Callable, NamedTuple, Sequence

import numpy as np

from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.messages.catalogue import gettext

ROUNDS = 5
"""How often each one has its turn."""

_ENOUGH = 3
"""Runs that are enough of what takes long."""


class Job(NamedTuple):
    """What is timed.

    Args:
        run: Makes one run.
        workers: Threads that make runs at the same time.
    """

    run: Callable[[], object]
    workers: int = 1


@dataclass
class Timing:
    """How long the runs of a job took.

    Args:
        latencies: Seconds of each run.
        rates: Runs in a second, in each turn.
        problem: Why it was given up; "" where it was not.
    """

    latencies: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    problem: str = ""

    @property
    def p50(self) -> float:
        """The seconds that half of the runs took at most."""
        return float(np.percentile(self.latencies, 50))

    @property
    def p95(self) -> float:
        """The seconds that 95 of 100 runs took at most."""
        return float(np.percentile(self.latencies, 95))

    @property
    def rate(self) -> float:
        """Runs in a second: the median of all turns."""
        return float(np.median(self.rates))

    @property
    def spread(self) -> float:
        """How far the turns differ: the fastest from the slowest, relative to the median."""
        return (max(self.rates) - min(self.rates)) / self.rate


def measure(
    jobs: Sequence[Job],
    seconds: float,
    rounds: int = ROUNDS,
    deadline: float | None = None,
    progress: Callable[[int], object] | None = None,
) -> list[Timing]:
    """Time jobs in turns.

    Each turn begins with a run that is not timed, unless a run takes longer than all turns of its job should.

    Args:
        jobs: What to time.
        seconds: How long the runs of each job take together, at least.
        rounds: How often each has its turn.
        deadline: When to stop, by `time.perf_counter`; jobs that had no turn by then have no latencies.
        progress: Called with the number of turns that are done.

    Returns:
        One for each job. A job that raises an error of ours or lacks memory is given up, with the reason.
    """
    timings = [Timing() for _ in jobs]
    for turn in range(rounds):
        for place, (job, timing) in enumerate(zip(jobs, timings)):
            if deadline is not None and time.perf_counter() > deadline:
                return timings
            spent = sum(timing.latencies) / job.workers
            if not timing.problem and not (spent > seconds and len(timing.latencies) >= _ENOUGH):
                _turn(job, timing, seconds, rounds)
            if progress is not None:
                progress(turn * len(jobs) + place + 1)
    return timings


def _turn(job: Job, timing: Timing, seconds: float, rounds: int) -> None:
    try:
        if not timing.latencies or timing.latencies[-1] < seconds / rounds:
            job.run()
        found, elapsed = _runs(job, seconds / rounds)
    except OnnxnnError as error:
        timing.problem = error.text
    except MemoryError:
        timing.problem = gettext("there is not enough memory")
    else:
        timing.latencies += found
        timing.rates.append(len(found) / elapsed)


def _runs(job: Job, seconds: float) -> tuple[list[float], float]:
    """Run a job for some seconds, at least once; return how long each run took, and all of them."""

    stopped = threading.Event()

    def repeat() -> list[float]:
        found = []
        now = time.perf_counter()
        end = now + seconds
        while now < end and not stopped.is_set():
            before = now
            job.run()
            now = time.perf_counter()
            found.append(now - before)
        return found

    if job.workers == 1:
        found = repeat()
        return found, sum(found)
    from concurrent.futures import ThreadPoolExecutor  # here, because one thread does without

    begun = time.perf_counter()
    with ThreadPoolExecutor(job.workers) as pool:
        try:
            parts = [pool.submit(repeat) for _ in range(job.workers)]
            found = [each for part in parts for each in part.result()]
        finally:
            stopped.set()  # also where somebody interrupts it
    return found, time.perf_counter() - begun
