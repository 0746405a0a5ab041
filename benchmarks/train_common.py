"""What the training benchmarks share: a clock and a report of ratios."""

from __future__ import annotations

import statistics
import time

import torch


class Clock:
    """Seconds spent in a `with` block."""

    seconds = 0.0

    def __enter__(self) -> Clock:
        self._start = time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds = time.perf_counter() - self._start


def report(what: str, times: list[tuple[float, float]], peer: str, reach: float) -> None:
    """Print the fastest and the median seconds of both sides, and their ratios.

    Other work on a machine only ever makes a run slower, so the fastest runs are the ones to compare.

    Args:
        what: What was measured.
        times: (the peer's seconds, ours), run in turn.
        peer: The peer's name.
        reach: The ratio to stay below.
    """
    theirs, ours = zip(*times, strict=True)
    print(f"{what}, {torch.get_num_threads()} threads, {len(times)} runs of each in turn")
    for name, statistic in (("fastest", min), ("median", statistics.median)):
        a, b = statistic(theirs), statistic(ours)
        print(f"  {name}: {peer} {a:.3f} s, onnxnn {b:.3f} s, ratio {b / a:.2f}")
    print(f"  to reach: a ratio of at most {reach}")
