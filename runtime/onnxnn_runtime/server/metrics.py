"""Counters of a server, and their text for Prometheus.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Callable, Iterable, Iterator, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper ends of the buckets of latencies."""

SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Upper ends of the buckets of batch sizes."""


class Histogram:
    """How often values up to each bound occurred."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        place = next((i for i, bound in enumerate(self._bounds) if value <= bound), len(self._bounds))
        self._counts[place] += 1
        self._sum += value

    def lines(self, name: str, label: str) -> Iterator[str]:
        """Yield the lines of this histogram.

        Args:
            name: That of the metric.
            label: One label, such as `model="pets"`.
        """
        total = 0
        for bound, count in zip((*map(repr, self._bounds), "+Inf"), self._counts):
            total += count
            yield f'{name}_bucket{{{label},le="{bound}"}} {total}'
        yield f"{name}_sum{{{label}}} {self._sum!r}"
        yield f"{name}_count{{{label}}} {total}"


class Metrics:
    """What a server counts: requests by route and status, latencies, batches, and what waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._latency: dict[str, Histogram] = {}
        self._batches: dict[str, Histogram] = {}
        self._waiting: dict[str, Callable[[], int]] = {}
        self._others: list[Callable[[], Iterable[str]]] = []

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            method: "GET", "POST" or another one of few; never what a client made up.
            route: The route that answered, never what a client made up.
            status: The HTTP status.
            seconds: How long it took.
        """
        with self._lock:
            self._requests[method, route, status] += 1
            self._latency.setdefault(route, Histogram(SECONDS)).add(seconds)

    def batch(self, model: str, size: int) -> None:
        """Count a batch that ran."""
        with self._lock:
            self._batches.setdefault(model, Histogram(SIZES)).add(size)

    def watch(self, model: str, waiting: Callable[[], int]) -> None:
        """Let `/metrics` ask how many requests wait for a model."""
        self._waiting[model] = waiting

    def extend(self, lines: Callable[[], Iterable[str]]) -> None:
        """Let `/metrics` end in what a function returns: lines of other parts."""
        self._others.append(lines)

    def text(self) -> str:
        """Return everything in Prometheus' text format."""
        with self._lock:
            return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        name = "onnxnn_requests_total"
        yield f"# HELP {name} Requests by route and status."
        yield f"# TYPE {name} counter"
        for (method, route, status), count in sorted(self._requests.items()):
            yield f'{name}{{method="{method}",route="{_escaped(route)}",status="{status}"}} {count}'
        name = "onnxnn_request_seconds"
        yield f"# HELP {name} Seconds from the headers of a request to the end of its response."
        yield f"# TYPE {name} histogram"
        for route, histogram in sorted(self._latency.items()):
            yield from histogram.lines(name, f'route="{_escaped(route)}"')
        name = "onnxnn_queue"
        yield f"# HELP {name} Requests that wait for a model."
        yield f"# TYPE {name} gauge"
        for model, waiting in sorted(self._waiting.items()):
            yield f'{name}{{model="{_escaped(model)}"}} {waiting()}'
        name = "onnxnn_batch_size"
        yield f"# HELP {name} Inputs that ran together."
        yield f"# TYPE {name} histogram"
        for model, histogram in sorted(self._batches.items()):
            yield from histogram.lines(name, f'model="{_escaped(model)}"')
        for lines in self._others:
            yield from lines()


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
