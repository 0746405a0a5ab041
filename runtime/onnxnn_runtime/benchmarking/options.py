"""What is measured: the options of `benchmark`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Sequence

from onnxnn_runtime.arrays.numbers import check_integer, is_number, plain_number
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.session.resources import MOST_THREADS

BATCH_SIZES = (1, 4, 16)

_MOST_SAMPLES = 4096
_LONGEST = 600.0
"""Seconds of one setting."""


@dataclass(frozen=True)
class BenchmarkOptions:
    """What is measured, and for how long.

    Args:
        batch_sizes: How many inputs run together, one number or several, 1 to 4096 each; a file whose batch
            is fixed runs as many as it takes.
        threads: Threads that work on a model, one number or several, 1 to 1024 each; None takes powers of two
            up to the cores that this process may use, and all of them.
        devices: Devices as `load` takes them, one or several; None takes all that are offered here.
        seconds: How long each setting is timed, in five turns, above 0 up to 600.
        low_memory: Whether models are opened with `low_memory=True`.
        progress: Whether a line on stderr says how far it is, where that is a terminal.

    Raises:
        InputError: An option is none of these.
    """

    batch_sizes: int | Sequence[int] = BATCH_SIZES
    threads: int | Sequence[int] | None = None
    devices: str | Sequence[str] | None = None
    seconds: float = 1.0
    low_memory: bool = False
    progress: bool = False

    def __post_init__(self) -> None:
        _integers("batch_sizes", self.batch_sizes, _MOST_SAMPLES)
        if self.threads is not None:
            _integers("threads", self.threads, MOST_THREADS)
        if self.devices is not None:
            _several("devices", [self.devices] if isinstance(self.devices, str) else self.devices)
        seconds = plain_number(self.seconds)
        if not (is_number(seconds) and 0 < seconds <= _LONGEST):
            raise InputError.coded(
                "E-INPUT-06",
                "seconds={seconds}: expected a number above 0, up to {longest:g}.",
                seconds=shortened(self.seconds),
                longest=_LONGEST,
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """The batch sizes in order, each once."""
        return _integers("batch_sizes", self.batch_sizes, _MOST_SAMPLES)

    @property
    def thread_counts(self) -> tuple[int, ...] | None:
        """The numbers of threads in order, each once; None where they are to be chosen."""
        return None if self.threads is None else _integers("threads", self.threads, MOST_THREADS)

    @property
    def device_names(self) -> tuple[str, ...] | None:
        """The devices, each once; None where all are taken."""
        if self.devices is None or isinstance(self.devices, str):
            return None if self.devices is None else (self.devices,)
        given = list(self.devices)
        return tuple(each for place, each in enumerate(given) if each not in given[:place])


def _integers(name: str, given: object, highest: int) -> tuple[int, ...]:
    """Return integers from 1, each once, in order.

    Raises:
        InputError: There is none, or something else.
    """
    found = []
    for each in _several(name, given):
        check_integer(name, each, highest=highest)
        found.append(int(str(each)))
    return tuple(sorted(set(found)))


def _several(name: str, given: object) -> list[object]:
    """Return one value, or several, as a list.

    Raises:
        InputError: There is none.
    """
    given = plain_number(given)
    if isinstance(given, int):
        return [given]
    found: list[object] = []
    if isinstance(given, Collection) and not isinstance(given, (str, bytes, dict)):
        found = list(given)
    if not found:
        raise InputError.coded(
            "E-INPUT-06",
            "{name}={value}: expected a list with at least one value, such as {example}.",
            name=name,
            value=shortened(given),
            example="['cpu']" if name == "devices" else "[1, 2]",
        )
    return found
