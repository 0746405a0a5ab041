"""The training of a project, in a process of its own: started, followed, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import math
import os
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.files.access import write_atomically
from onnxnn_runtime.messages.catalogue import CHINESE, gettext, language, ngettext, speaking
from onnxnn_runtime.server.errors import Conflict

from .project import ImageClass, Project
from .protocol import LARGEST, STOP, parsed
from .recipe_text import NetworkChoice, recipe_text

__all__ = ["Progress", "Training"]

LEAST_IMAGES = 2
"""Images of a class at least."""

_GRACE = 10.0
"""Seconds in which a process that was killed is waited for."""

_LAST_LINES = 20
"""Lines of the process's log that are kept to say why it ended."""


@dataclass
class Progress:
    """How far a training is.

    Args:
        phase: "idle", "load", "train", "export", "done", "stopped" or "failed".
        epochs: How many epochs there will be.
        share: How much is done, 0..1.
        rows: The figures of each epoch.
        error: Why it failed, or "".
        is_stopping: Whether it was asked to stop.
    """

    phase: str = "idle"
    epochs: int = 0
    share: float = 0.0
    rows: list[Mapping[str, object]] = field(default_factory=list)
    error: str = ""
    is_stopping: bool = False

    @property
    def is_running(self) -> bool:
        """Whether a process trains."""
        return self.phase in ("load", "train", "export")

    def take(self, message: Mapping[str, object]) -> None:
        """Take a message of the process that trains in."""
        event = message.get("event")
        if event == "start":
            self.phase = "train"
            epochs = message.get("epochs")
            self.epochs = epochs if isinstance(epochs, int) else self.epochs
        elif event == "step":
            share = message.get("share")
            self.share = share if isinstance(share, float) else self.share
        elif event == "epoch":
            row = message.get("row")
            self.rows.append(row if isinstance(row, dict) else {})
        elif event == "export":
            self.phase, self.share = "export", 1.0
        elif event == "error":
            self.error = str(message.get("text", ""))
        elif event == "done":
            self.phase = "stopped" if message.get("stopped") else "done"


class Training:
    """The training of one project: one at a time.

    Args:
        project: What is trained.
        finished: Awaited when a training has written its files.

    Attributes:
        progress: That of the training at hand, or of the last one.
    """

    def __init__(self, project: Project, finished: Callable[[], Awaitable[None]]) -> None:
        self.progress = _earlier(project)
        self._project = project
        self._finished = finished
        self._process: asyncio.subprocess.Process | None = None
        self._following: asyncio.Task[None] | None = None

    async def start(self, network: NetworkChoice, epochs: int) -> None:
        """Train the project as it is now.

        Raises:
            Conflict: A training runs, or there is too little to learn from.
            OutputError: The recipe cannot be written.
        """
        if self.progress.is_running:
            raise Conflict.coded(
                "E-STUDIO-03", "a training runs already. Wait until it has finished, or stop it."
            )
        before, self.progress = self.progress, Progress("load", epochs)  # nobody else starts one meanwhile
        self._process = None
        try:
            classes = await asyncio.get_running_loop().run_in_executor(None, self._project.classes)
            _check_classes(classes)
            images = sum(len(each.images) for each in classes)
            text = recipe_text(network, len(classes), images, epochs)
            write_atomically(self._project.recipe, lambda file: file.write(text.encode("utf-8")))
            self._process = await _started(self._project)
        except BaseException:
            self.progress = before
            raise
        self._following = asyncio.ensure_future(self._follow(self._process, self.progress, language()))

    async def stop(self) -> None:
        """Ask the training, if there is one, to end after its epoch; what it has learned is kept.

        Asked again, it ends at once, and the model stays that of the training before.
        """
        process = self._process
        if process is None or not self.progress.is_running:
            return
        if self.progress.is_stopping:
            self.progress.error = gettext(
                "It was stopped at once, so what it had learned is not in the model. Train again."
            )
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            return
        self.progress.is_stopping = True
        with contextlib.suppress(OSError):  # it has ended by itself
            process.stdin.write(STOP.encode())  # type: ignore[union-attr]  # it is a pipe
            await process.stdin.drain()  # type: ignore[union-attr]

    async def close(self) -> None:
        """End the process, if there is one, and wait for it: its files are whole whenever it ends."""
        process = self._process
        if process is None or self._following is None:
            return
        self._following.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE)
        with contextlib.suppress(asyncio.CancelledError):
            await self._following

    async def _follow(self, process: asyncio.subprocess.Process, progress: Progress, spoken: str) -> None:
        """Take in what the process says until it has ended, in the language of who started it."""
        said: deque[str] = deque(maxlen=_LAST_LINES)
        log = asyncio.ensure_future(_read_log(process, said))
        with speaking(spoken):
            try:
                async for message in _messages(process):
                    if message.get("event") == "done" and not await self._is_taken_over(progress):
                        break
                    progress.take(message)
                await log
                code = await process.wait()
                if progress.is_running:
                    progress.error = self._shown(progress.error) or _why_it_ended(code, said)
            finally:
                if progress.is_running:  # also where the loop above failed
                    progress.phase = "failed"

    async def _is_taken_over(self, progress: Progress) -> bool:
        """Let the server take the new file, before the page learns of it; return whether it did."""
        try:
            await self._finished()
        except OnnxnnError as error:
            progress.phase, progress.error = "failed", self._shown(error.text)
            return False
        return True

    def _shown(self, text: str) -> str:
        """Return an error without the path of the project, which other devices need not know."""
        return text.replace(str(self._project.folder) + os.sep, "")


def _check_classes(classes: list[ImageClass]) -> None:
    """Refuse to train on too little.

    Raises:
        Conflict: There are fewer than two classes, or one has too few images.
    """
    if len(classes) < 2:
        raise Conflict.coded(
            "E-STUDIO-03",
            "expected at least two classes, got {count}. Add one.",
            count=len(classes),
        )
    poor = [each for each in classes if len(each.images) < LEAST_IMAGES]
    if poor:
        raise Conflict.coded(
            "E-STUDIO-03",
            "{name}: expected a class of at least {least}, got {count}. Add more, or remove the class.",
            name=poor[0].name,
            least=ngettext("{count} image", "{count} images", LEAST_IMAGES),
            count=len(poor[0].images),
        )


def command(project: Project) -> list[str]:
    """Return what runs the process that trains."""
    return [sys.executable, "-m", "onnxnn.studio.child", str(project.recipe)]


async def _started(project: Project) -> asyncio.subprocess.Process:
    environment = {
        **os.environ,
        "ONNXNN_LANG": "zh" if language() == CHINESE else "en",
        "PYTHONIOENCODING": "utf-8",
    }
    # Ctrl-C in the terminal is for the server, which then ends this process.
    apart: dict[str, Any] = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
        if os.name == "nt"
        else {"start_new_session": True}
    )
    return await asyncio.create_subprocess_exec(
        *command(project),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        limit=LARGEST,
        **apart,
    )


async def _messages(process: asyncio.subprocess.Process) -> AsyncIterator[dict[str, object]]:
    """Yield what the process says; one that says what is far too long is ended."""
    try:
        async for line in process.stdout:  # type: ignore[union-attr]  # it is a pipe
            yield parsed(line)
    except ValueError:  # asyncio's, of a line beyond its limit
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def _read_log(process: asyncio.subprocess.Process, said: deque[str]) -> None:
    """Keep the last lines that the process printed; a bar that never ends its line is read on in pieces."""
    while True:
        piece = await process.stderr.read(LARGEST)  # type: ignore[union-attr]  # it is a pipe
        if not piece:
            return
        said.extend(line for line in piece.decode("utf-8", "replace").splitlines() if line.strip())


def _why_it_ended(code: int, said: deque[str]) -> str:
    """Return why a process ended that said no error of ours."""
    if code < 0:
        return gettext(
            "The training was ended from outside (signal {number}), perhaps for lack of memory. Close other "
            "programs, and train again.",
            number=-code,
        )
    return gettext(
        "The training ended with an error: {reason}. Train again; if it happens again, report it.",
        reason=said[-1][:200] if said else gettext("exit code {code}", code=code),
    )


def _earlier(project: Project) -> Progress:
    """Return the training that an earlier process finished, by the history that it left."""
    if not project.is_finished():  # the history is that of a training which was ended, and no model has it
        return Progress()
    try:
        with open(project.history, encoding="utf-8") as file:
            rows = [_numbers(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, TypeError, csv.Error):
        rows = []
    return Progress("done", len(rows), 1.0, list(rows))


def _numbers(row: Mapping[str, str]) -> Mapping[str, object]:
    found = {name: float(value) for name, value in row.items() if value}
    return {name: value for name, value in found.items() if math.isfinite(value)}
