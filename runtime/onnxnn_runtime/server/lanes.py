"""The threads that run one model, and the queue before them.

A lane takes what waits: inputs of the same shape that wait together run as one batch, and nothing waits for
others to come. On a processor there is a lane for each core. One that works alone uses all cores for its
inputs; where several work, each uses one core for decoding and network alike, which is faster for many.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Mapping, Sequence

import numpy as np

from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.made_up import made_up_inputs
from onnxnn_runtime.session.pipeline import batch_sizes, default_batch_size

from .errors import Overloaded, TimeLimit
from .metrics import Metrics

if TYPE_CHECKING:
    from onnxnn_runtime.model import Model

__all__ = ["Feeds", "Lanes", "Outputs", "Prepare"]

Feeds = Mapping[str, np.ndarray]
"""An array for each input of a graph."""

Outputs = Dict[str, np.ndarray]
"""Each output of a graph."""

Prepare = Callable[["Model"], Feeds]
"""Makes the arrays of one or more samples, e.g. by decoding an image; runs in a lane."""

_Work = Callable[["Model"], object]


class _Job:
    """One request: its parts, and the future that its handler awaits."""

    def __init__(self, count: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[list[Any]] = self.loop.create_future()
        self.results: list[Any] = [None] * count
        self.left = count
        self.begun = False
        self.abandoned = False

    def done(self, number: int, result: object) -> None:
        """Keep the result of one part; the last one ends the job. The lanes call it under their lock."""
        self.results[number] = result
        self.left -= 1
        if not self.left:
            self._finish(None)

    def fail(self, error: BaseException) -> None:
        """End the job with an error."""
        self.abandoned = True
        self._finish(error)

    def _finish(self, error: BaseException | None) -> None:
        def settle() -> None:
            if self.future.done():
                return
            if error is None:
                self.future.set_result(self.results)
            else:
                self.future.set_exception(error)

        self.loop.call_soon_threadsafe(settle)


class _Part:
    """One piece of a job: samples for the graph, or a call of the model.

    Attributes:
        context: What the request has set, such as its language; for one thread at a time.
    """

    def __init__(self, job: _Job, number: int, prepare: Prepare | None, work: _Work | None) -> None:
        self.job = job
        self.number = number
        self.prepare = prepare
        self.work = work
        self.context = contextvars.copy_context()


class Lanes:
    """The lanes of one opened model.

    Args:
        name: What metrics call the model.
        models: The model for a lane that works alone, and the one for several at once.
        count: How many lanes there are.
        queue: Requests that may wait.
        seconds: How long a request may take.
        metrics: Counts the batches.
    """

    def __init__(
        self, name: str, models: Sequence[Model], count: int, queue: int, seconds: float, metrics: Metrics
    ) -> None:
        self.model = models[0]
        self._models = models
        self._name = name
        self._count = count
        self._queue = queue
        self._seconds = seconds
        self._metrics = metrics
        self._most = largest_batch(self.model)
        self._parts: deque[_Part] = deque()
        self._changed = threading.Condition()
        self._working = 0
        self._stopped = False
        self._waiting = 0
        self._threads = [
            threading.Thread(target=self._lane, name=f"onnxnn {name}", daemon=True) for _ in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, prepares: Sequence[Prepare]) -> list[Outputs]:
        """Run the graph on what each of the functions makes; see `Served.infer` for errors."""
        return await self._submit([(prepare, None) for prepare in prepares])

    async def call(self, work: _Work) -> Any:
        """Return work(model), run in a lane; see `Served.call` for errors."""
        return (await self._submit([(None, work)]))[0]

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._waiting

    def check_free(self) -> None:
        """Refuse a request where no more may wait.

        Raises:
            Overloaded: As many wait as may, or the lanes were stopped.
        """
        if self._stopped:
            raise Overloaded.coded(
                "E-SERVER-04",
                "{name}: the server is being stopped, or the model replaced. Try again in a second.",
                name=self._name,
            )
        if self._waiting >= self._queue:
            raise Overloaded.coded(
                "E-SERVER-04",
                "{name}: {count} requests wait already, which is the most. Try again in a second.",
                name=self._name,
                count=self._waiting,
            )

    def warm_up(self) -> None:
        """Run each session on made-up inputs.

        Raises:
            OnnxnnError: The model takes none that can be made up.
        """
        for model in self._models:
            model.infer(made_up_inputs(model, 1))

    def stop(self) -> None:
        """Let the lanes end once nothing waits any longer."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    async def _submit(self, parts: Sequence[tuple[Prepare | None, _Work | None]]) -> list[Any]:
        if not parts:
            return []
        job = _Job(len(parts))
        with self._changed:
            self.check_free()
            self._waiting += 1
            self._parts.extend(_Part(job, number, *each) for number, each in enumerate(parts))
            self._changed.notify(len(parts))
        timer = job.loop.call_later(self._seconds, lambda: job.fail(self._too_late()))
        try:
            return await job.future
        finally:
            job.abandoned = True  # what is left of it, where the client is gone
            timer.cancel()

    def _too_late(self) -> TimeLimit:
        return TimeLimit.coded(
            "E-SERVER-04",
            "{name}: the request took more than {seconds:g} s and was given up. Send less at once.",
            name=self._name,
            seconds=self._seconds,
        )

    def _lane(self) -> None:
        while True:
            with self._changed:
                while not self._parts and not self._stopped:
                    self._changed.wait()
                if not self._parts:
                    return
                taken = self._take()
                self._working += 1
                model = self._models[-1 if self._working > 1 or self._parts else 0]
            try:
                self._run(model, taken)
            finally:
                with self._changed:
                    self._working -= 1

    def _take(self) -> list[_Part]:
        """Return the next part, and those after it that may run in the same batch."""
        taken: list[_Part] = []
        while self._parts:
            if taken and (taken[0].work or self._parts[0].work or len(taken) >= self._most):
                break
            part = self._parts.popleft()
            if not part.job.begun:
                part.job.begun = True
                self._waiting -= 1
            if not part.job.abandoned:
                taken.append(part)
        return taken

    def _run(self, model: Model, taken: list[_Part]) -> None:
        ready: list[tuple[_Part, Feeds]] = []
        for part in taken:
            try:
                if part.work is not None:
                    self._done(part, part.context.run(part.work, model))
                elif part.prepare is not None:
                    ready.append((part, part.context.run(part.prepare, model)))
            except BaseException as error:
                part.job.fail(error)
        ready.sort(key=lambda each: _signature(each[1]))
        for _, group in itertools.groupby(ready, key=lambda each: _signature(each[1])):
            self._infer(model, list(group))

    def _infer(self, model: Model, group: list[tuple[_Part, Feeds]]) -> None:
        """Run parts of one shape as one batch; where it fails, each alone, since one of them is wrong."""
        try:
            several = [feeds for _, feeds in group]
            for (part, _), outputs in zip(group, group[0][0].context.run(self._batched, model, several)):
                self._done(part, outputs)
        except BaseException as error:
            if len(group) == 1 or not isinstance(error, OnnxnnError):
                for part, _ in group:
                    part.job.fail(error)
            else:
                for each in group:
                    self._infer(model, [each])
        else:
            self._metrics.batch(self._name, sum(_rows(feeds) for _, feeds in group))

    def _batched(self, model: Model, several: Sequence[Feeds]) -> Iterable[Outputs]:
        """Return the outputs of each of several feeds, which have the same shapes but for the batch."""
        if len(several) == 1:
            return [model.infer(dict(several[0]))]
        together = {name: np.concatenate([each[name] for each in several]) for name in several[0]}
        ends = list(itertools.accumulate(map(_rows, several)))
        sizes = batch_sizes(ends[-1], self._most, model.input_spec)
        run = [model.infer(feeds) for feeds in _pieces(together, sizes)]
        outputs = {name: np.concatenate([each[name] for each in run]) for name in run[0]}
        return _pieces(outputs, [end - start for start, end in zip([0, *ends], ends)])

    def _done(self, part: _Part, result: object) -> None:
        with self._changed:
            part.job.done(part.number, result)


def largest_batch(model: Model) -> int:
    """Return how many inputs of different requests may run together; 1 where they could change each other.

    That is where the graph has a batch axis for certain: first, free, and the same in all inputs and outputs
    of a model with a card.
    """
    if model.card is None or model.card.input.states:
        return 1
    shapes = [shape for _, shape in (*model.inputs.values(), *model.outputs.values())]
    axes = {shape[0] if shape else None for shape in shapes}
    is_free = len(axes) == 1 and isinstance(next(iter(axes)), str)
    return default_batch_size(model.card.input, model.device) if is_free else 1


def _pieces(arrays: Mapping[str, np.ndarray], sizes: Sequence[int]) -> list[dict[str, np.ndarray]]:
    """Return arrays cut along the batch."""
    ends = list(itertools.accumulate(sizes))
    return [
        {name: values[end - size : end] for name, values in arrays.items()} for size, end in zip(sizes, ends)
    ]


def _signature(feeds: Feeds) -> list[tuple[str, str, tuple[int, ...]]]:
    return sorted((name, array.dtype.str, array.shape[1:]) for name, array in feeds.items())


def _rows(feeds: Feeds) -> int:
    first = next(iter(feeds.values()), None)
    return len(first) if first is not None and first.ndim else 1
