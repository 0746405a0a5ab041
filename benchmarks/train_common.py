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
    """Print the median seconds of both sides and the median ratio of neighbouring runs.

    Args:
        what: What was measured.
        times: (the peer's seconds, ours), run next to each other.
        peer: The peer's name.
        reach: The ratio to stay below.
    """
    theirs, ours = (statistics.median(column) for column in zip(*times, strict=True))
    ratios = sorted(mine / their for their, mine in times)
    print(f"{what}, {torch.get_num_threads()} threads: {peer} {theirs:.3f} s, onnxnn {ours:.3f} s")
    spread = f"{ratios[0]:.2f}..{ratios[-1]:.2f}"
    print(f"ratio {statistics.median(ratios):.2f} ({spread}), to reach: at most {reach}")
