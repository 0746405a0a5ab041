"""One model of a server, opened again when its file changes."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Mapping, Sequence, TypeVar

import numpy as np

from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.loading import load, load_for_many
from onnxnn_runtime.session.cores import num_threads
from onnxnn_runtime.session.devices import is_processor

from .lanes import Lanes
from .metrics import Metrics
from .settings import ServerSettings

if TYPE_CHECKING:
    from onnxnn_runtime.model import Model

_log = logging.getLogger("onnxnn.server")

_GRACE = 10.0
"""Seconds for which a model that was replaced still answers requests that were read for it."""

_Result = TypeVar("_Result")


class Served:
    """A model file that answers requests.

    Args:
        path: The file.
        settings: What the server was started with.
        metrics: Counts the batches.

    Attributes:
        name: The file's name without folder and ending, which requests use; never a path.
        version: "1".
        state: "loading", "ready", or "failed" after the server has stopped.
        lanes: What runs the model; others after its file has changed.

    Raises:
        OnnxnnError: As for `load`.
    """

    version = "1"

    def __init__(self, path: str, settings: ServerSettings, metrics: Metrics) -> None:
        self.path = os.path.abspath(path)
        self.name = Path(path).stem
        self.state = "loading"
        self._settings = settings
        self._metrics = metrics
        self._seen = _state(self.path)
        self._replaced: list[Lanes] = []
        self.lanes = self._lanes(self._load())
        metrics.watch(self.name, lambda: self.lanes.waiting)

    @property
    def model(self) -> Model:
        """The model as it is now."""
        return self.lanes.model

    @property
    def kind(self) -> ModelKind:
        """What the model does."""
        return self.model.kind

    def does(self, call: str) -> bool:
        """Return whether the model has a call: "predict", "embed", "generate", "sample" or "infer"."""
        kind = self.kind
        return call in ("infer", kind.call) or (call == "embed" and kind.vector is not None)

    async def infer(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run the graph on arrays; requests that wait together may run as one batch.

        Args:
            feeds: An array for each input, as for `Model.infer`.

        Returns:
            All outputs.

        Raises:
            Overloaded: Too many requests wait.
            TimeLimit: It took longer than `request_timeout`.
            InputError: As for `Model.infer`.
        """
        return (await self.lanes.run([lambda model: feeds]))[0]

    async def call(self, function: Callable[..., _Result], *args: object) -> _Result:
        """Return function(model, *args), run in a lane, for what is more than one run of the graph.

            text = await served.call(lambda model: model.generate("春", seed=0))

        Raises:
            Overloaded: Too many requests wait.
            TimeLimit: It took longer than `request_timeout`.
        """
        result: _Result = await self.lanes.call(lambda model: function(model, *args))
        return result

    async def start(self) -> None:
        """Run the model once, so that the first request need not wait for what is set up then."""
        await self._warm_up(self.lanes)
        self.state = "ready"

    def stop(self) -> None:
        """Let the lanes end once they have run what waits."""
        self.state = "failed"
        for lanes in (self.lanes, *self._replaced):
            lanes.stop()

    async def reload(self) -> None:
        """Open the file again if it has changed; until the new model is warm, the old one answers.

        A file that cannot be opened is logged, and the old model stays.
        """
        seen = _state(self.path)
        if seen is None or seen == self._seen:
            return
        self._seen = seen
        try:
            models = await asyncio.get_running_loop().run_in_executor(None, self._load)
        except OnnxnnError as error:
            _log.error("%s", error)
            return
        lanes = self._lanes(models)
        try:
            await self._warm_up(lanes)
        except BaseException:
            lanes.stop()
            raise
        before, self.lanes = self.lanes, lanes
        self._replaced.append(before)  # a request that has been read for it still comes
        asyncio.get_running_loop().call_later(_GRACE, self._stop, before)

    def _stop(self, lanes: Lanes) -> None:
        self._replaced.remove(lanes)
        lanes.stop()

    def _load(self) -> list[Model]:
        """Open the file: for a lane that works alone, and on a processor for several at once."""
        settings = self._settings
        device, threads, low_memory = settings.device, settings.threads, settings.low_memory
        models = [load(self.path, device=device, threads=threads, low_memory=low_memory)]
        if self._count(models) > 1:
            models.append(load_for_many(self.path, models[0].device, self._count(models)))
        return models

    def _count(self, models: Sequence[Model]) -> int:
        """Return how many lanes a model has."""
        is_several = is_processor(models[0].device) and not self._settings.low_memory
        return (self._settings.threads or num_threads()) if is_several else 1

    def _lanes(self, models: Sequence[Model]) -> Lanes:
        settings = self._settings
        return Lanes(
            self.name, models, self._count(models), settings.queue, settings.request_timeout, self._metrics
        )

    async def _warm_up(self, lanes: Lanes) -> None:
        """Run every session on made-up inputs; a model that takes none is warm with its first request."""
        try:
            await asyncio.get_running_loop().run_in_executor(None, lanes.warm_up)
        except OnnxnnError as error:
            _log.warning("%s", error)


def _state(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
