"""Jobs on the machines of a Ray cluster, in actors that hold the model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Generator, Sequence

from onnxnn_runtime.errors import DeviceError, InputError, OnnxnnError
from onnxnn_runtime.messages.shorten import printable
from onnxnn_runtime.model import Model

from .packages import ray
from .plan import Job
from .work import Done, Settings, work

if TYPE_CHECKING:
    from typing import Protocol

    class Method(Protocol):
        """A method of an actor."""

        def remote(self, *given: object) -> object:
            """Begin a call, and return what stands for its result."""

    class Actor(Protocol):
        """What Ray returns for a `Worker` in a process of its own."""

        ready: Method
        work: Method


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

    def ready(self) -> None:
        """Answer once this process has begun."""

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
        DeviceError: An actor ended, or could not begin.
    """
    engine = ray()
    is_own = not engine.is_initialized()
    if is_own:
        _start(workers)
    actors: list[Actor] = []
    try:
        count = workers or int(engine.cluster_resources().get("CPU", 1)) or 1
        kind = engine.remote(num_cpus=1)(Worker)
        actors += [kind.remote(model, settings, os.getcwd()) for _ in range(min(count, len(jobs)))]
        yield from _distributed(actors, jobs)
    except engine.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, OnnxnnError):
            raise cause from None
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise DeviceError.coded(
            "E-DEVICE-01",
            "engine='ray': a worker ended ({reason}). What is finished stays: run it again.",
            reason=printable(lines[-1].strip().rstrip("."), 300),
        ) from error
    finally:
        for actor in actors:
            engine.kill(actor)
        if is_own:
            engine.shutdown()


def _start(workers: int | None) -> None:
    """Join the cluster that RAY_ADDRESS names; where it names none, start one on this machine."""
    address = os.environ.get("RAY_ADDRESS")
    options = {"address": "local", "include_dashboard": False, "num_cpus": workers}
    if address:
        options = {"address": address}
    ray().init(log_to_driver=False, logging_level="error", **options)


def _distributed(actors: Sequence[Actor], jobs: Sequence[Job]) -> Generator[Done, None, None]:
    """Give each actor that has begun one job after the other; those that never begin hold up none."""
    engine = ray()
    waiting = list(reversed(jobs))
    beginning = {actor.ready.remote(): actor for actor in actors}
    running: dict[object, Actor] = {}
    while waiting or running:
        (found,), _ = engine.wait([*beginning, *running], num_returns=1)
        actor = beginning.pop(found, None) or running.pop(found)
        done = engine.get(found)
        if done is not None and done.broken is not None:
            waiting = []  # what the others have begun is finished and kept
        if waiting:
            running[actor.work.remote(waiting.pop())] = actor
        if done is not None:
            yield done
