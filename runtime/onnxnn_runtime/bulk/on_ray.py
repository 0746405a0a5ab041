"""Jobs on the machines of a Ray cluster, in actors that hold the model."""

from __future__ import annotations

import os
from typing import Generator, Sequence

from onnxnn_runtime.errors import InputError, OnnxnnError
from onnxnn_runtime.model import Model

from .packages import ray
from .plan import Job
from .work import Done, Settings, work


class Worker:
    """Works on jobs in a process of Ray.

    Args:
        model: Opened again here, from its path or bytes.
        settings: How inputs are embedded.
        folder: Where relative paths begin.

    Raises:
        InputError: This machine has no such folder.
    """

    def __init__(self, model: Model, settings: Settings, folder: str) -> None:
        try:
            os.chdir(folder)
        except OSError as error:
            raise InputError.coded(
                "E-INPUT-01",
                "{folder}: there is no such folder on this machine of the cluster. Work in a folder that all "
                "of them see.",
                folder=folder,
            ) from error
        self._model = model
        self._settings = settings

    def work(self, job: Job) -> Done:
        """Embed the inputs of a job and write its shard."""
        return work(self._model, job, self._settings)


def work_on_ray(
    model: Model, jobs: Sequence[Job], settings: Settings, workers: int | None
) -> Generator[Done, None, None]:
    """Yield what is done, in any order.

    A cluster that is running is used and left running; one that is started here ends with the generator.

    Args:
        model: Sent to each actor.
        jobs: The shards to write.
        settings: How inputs are embedded.
        workers: The number of actors, each with one processor; None: as many as the cluster has.

    Raises:
        OnnxnnError: As `work` raises it.
    """
    engine = ray()
    is_own = not engine.is_initialized()
    if is_own:
        engine.init(include_dashboard=False, log_to_driver=False, logging_level="error")
    actors = []
    try:
        count = workers or int(engine.cluster_resources().get("CPU", 1)) or 1
        kind = engine.remote(num_cpus=1)(Worker)
        actors = [kind.remote(model, settings, os.getcwd()) for _ in range(min(count, len(jobs)))]
        waiting, running = list(reversed(jobs)), {}
        for actor in actors:
            running[actor.work.remote(waiting.pop())] = actor
        while running:
            (ready,), _ = engine.wait(list(running), num_returns=1)
            actor = running.pop(ready)
            done = engine.get(ready)
            if waiting:
                running[actor.work.remote(waiting.pop())] = actor
            yield done
    except engine.exceptions.RayTaskError as error:
        if isinstance(error.cause, OnnxnnError):
            raise error.cause from None
        raise
    finally:
        for actor in actors:
            engine.kill(actor)
        if is_own:
            engine.shutdown()
