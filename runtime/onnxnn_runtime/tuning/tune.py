"""`load(..., tune=True)`: measures for a few seconds how a model runs fastest here, or remembers it."""

from __future__ import annotations

import time
from typing import Callable, Mapping, Sequence, TypeVar

import numpy as np

from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.model import Model
from onnxnn_runtime.session.cores import num_threads
from onnxnn_runtime.session.devices import is_processor
from onnxnn_runtime.session.pipeline import default_batch_size
from onnxnn_runtime.session.providers import offers_cuda
from onnxnn_runtime.session.resources import Tuned

from . import cache
from .machine import machine
from .timing import Job, Timing, measure
from .workload import fixed_batch, takes_many, workload

_SECONDS = 3.0
"""How long all of it takes, where one run is short."""

_EACH = 0.15
"""Seconds of each setting."""

_BETTER = 1.05
"""How many times as fast another setting must be before it is taken: less than that is noise."""

_SESSIONS = 512 * 2**20
"""Bytes of the file in all sessions that are compared at the same time."""

_remembered: dict[tuple[str, ...], Tuned] = {}
"""What this process has measured: a folder for it may be missing."""

_Some = TypeVar("_Some")

Open = Callable[[int, int], Model]
"""Opens the model with a number of threads, for so many runs at once."""


def thread_counts(most: int) -> list[int]:
    """Return the numbers of threads that are tried on a number of cores: powers of two, and all of them."""
    powers = [1 << bit for bit in range(most.bit_length()) if 1 << bit < most]
    return [*powers, most]


def setting_for(model: str, size: int, name: str, device: str, open_model: Open) -> Tuned | None:
    """Return how a model runs fastest on this machine.

    Args:
        model: Its fingerprint.
        size: The bytes of its file.
        name: What messages call it.
        device: Where it runs, as it was asked for.
        open_model: Opens it with a number of threads, for so many runs at once.

    Returns:
        The setting; None where the model cannot be run on made-up inputs, which a note on stderr says. What
        is measured now is said there, too, and kept in the cache folder.
    """
    begun = time.perf_counter()
    try:
        here = machine(_place_of(device, open_model))
        key = (model, *here.values())
        found = cache.read(model, here) or _remembered.get(key)
        if found is not None:
            return found
        found = _measured(open_model, size, begun + _SECONDS)
    except OnnxnnError as error:
        say(gettext("{name}: not tuned: {reason}", name=printable(name), reason=error.text), to="stderr")
        return None
    _remembered[key] = found
    kept = cache.write(model, here, found)
    _announce(name, found, time.perf_counter() - begun, kept is not None)
    return found


def _place_of(device: str, open_model: Open) -> str:
    """Return where a model runs: "auto" takes a GPU that is offered only if it starts."""
    if device != "auto":
        return device
    return open_model(num_threads(), 1).device if offers_cuda() else "cpu"


def _measured(open_model: Open, size: int, deadline: float) -> Tuned:
    """Measure how many threads a single run likes, then how many inputs run best."""
    counts = thread_counts(num_threads())
    counts = counts[-max(2, _SESSIONS // max(size, 1)) :][::-1]
    models = {threads: open_model(threads, 1) for threads in counts}
    first = models[counts[0]]
    if not is_processor(first.device):
        return Tuned(counts[0], 1, _batch_of_device(first, deadline))
    batch = fixed_batch(first) or 1
    half = deadline - (_SECONDS / 2 if takes_many(first) else 0)
    jobs = [Job(workload(model, batch).run) for model in models.values()]
    alone = _best(counts, measure(jobs, _EACH, 3, half))
    if not takes_many(first):
        return Tuned(alone, alone)
    return _many(models[alone], open_model(1, num_threads()), alone, deadline)


def _many(model: Model, one: Model, threads: int, deadline: float) -> Tuned:
    """Return the best setting for many inputs: one session on all of them, or each core with its own batch.

    Args:
        model: Opened with `threads`, the best number for a single input.
        one: The same with one thread for each run, which all cores share.
        threads: See above.
        deadline: When to stop measuring.
    """
    cores = num_threads()
    default = default_batch_size(model.input_spec, model.device)
    fixed = fixed_batch(model)
    sizes = [fixed] if fixed is not None else [default, default * 2, default // 2, default * 4, default * 8]
    candidates = [
        Tuned(threads, workers, None if fixed is not None else batch)
        for batch in sizes
        for workers in dict.fromkeys((cores, 1))
    ]
    jobs, counts = [], []
    for each in candidates:
        work = workload(one if each.workers > 1 else model, each.batch_size or 1)
        jobs.append(Job(work.run, each.workers))
        counts.append(work.count)
    timings = measure(jobs, _EACH, 3, deadline)
    return _best(candidates, timings, counts)


def _batch_of_device(model: Model, deadline: float) -> int | None:
    """Return the best batch on a GPU, where the processor's threads do not count."""
    if not takes_many(model) or fixed_batch(model) is not None:
        return None
    default = default_batch_size(model.input_spec, model.device)
    sizes = [default, default * 2, default // 2, default * 4]
    timings = measure([Job(workload(model, size).run) for size in sizes], _EACH, 3, deadline)
    return _best(sizes, timings, sizes)


def _best(candidates: Sequence[_Some], timings: Sequence[Timing], counts: Sequence[int] = ()) -> _Some:
    """Return the first candidate that no other one surpasses clearly, the fastest of those that do.

    Clearly is by the median, and in every turn: on a busy machine turns differ, and the usual setting stays.

    Args:
        candidates: Settings, the usual one first.
        timings: Theirs.
        counts: How many inputs a run of each has; () for one.
    """
    speeds = [
        [count * rate for rate in timing.rates] or [0.0]
        for count, timing in zip(counts or [1] * len(timings), timings)
    ]
    medians = [float(np.median(each)) for each in speeds]
    better = [
        place
        for place, each in enumerate(speeds)
        if medians[place] > _BETTER * medians[0] and min(each) > max(speeds[0])
    ]
    return candidates[max(better, key=medians.__getitem__, default=0)]


def _announce(name: str, setting: Tuned, seconds: float, kept: bool) -> None:
    facts: Mapping[str, object] = {"threads": setting.threads, "batch_size": setting.batch_size}
    text = ", ".join(f"{key}={value}" for key, value in facts.items() if value is not None)
    if kept:
        line = gettext(
            "{name}: measured for {seconds:.1f} s how it runs fastest here: {setting}. This is remembered.",
            name=printable(name),
            seconds=seconds,
            setting=text,
        )
    else:
        line = gettext(
            "{name}: measured for {seconds:.1f} s how it runs fastest here: {setting}. The cache folder "
            "cannot be written, so the next program measures again.",
            name=printable(name),
            seconds=seconds,
            setting=text,
        )
    say(line, to="stderr")
