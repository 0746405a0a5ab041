"""The process that trains: python -m onnxnn.studio.child RECIPE

It runs a recipe as `onnxnn train` does, and says on standard output how far it is (see `protocol`).
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.files.access import cannot_write, write_atomically

from onnxnn.recipe import read_recipe
from onnxnn.training.callbacks import Callback

from .project import Project
from .protocol import STOP, send

if TYPE_CHECKING:
    from onnxnn.training.trainer import Trainer

_EVERY = 0.2
"""Seconds between two reports of a share at least."""


class Reporter(Callback):
    """Says how far a training is, and ends it when it is asked to.

    Args:
        file: Where to say it.
        held_back: Where the names of the images go that are held back, for a report.

    Attributes:
        stop: Set it to end the training after the epoch.
    """

    def __init__(self, file: IO[str], held_back: Path) -> None:
        self.stop = False
        self._held_back = held_back
        self._names: list[str] = []
        self._file = file
        self._next = 0.0
        self._steps = 0

    def on_start(self, trainer: Trainer) -> None:
        send(self._file, "start", epochs=trainer.settings.epochs)

    def on_step(self, trainer: Trainer) -> None:
        self._steps += 1
        trainer.stop = trainer.stop or self.stop
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            whole = trainer.steps_per_epoch * trainer.settings.epochs
            send(self._file, "step", share=min(1.0, self._steps / max(1, whole)))

    def on_epoch(self, trainer: Trainer) -> None:
        trainer.stop = trainer.stop or self.stop
        send(self._file, "epoch", row=dict(trainer.history[-1]))

    def on_end(self, trainer: Trainer) -> None:
        files: tuple[Path, ...] = getattr(getattr(trainer.validation, "reread", None), "files", ())
        self._names = [f"{each.parent.name}/{each.name}" for each in files]
        try:
            self._held_back.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(self._held_back, error) from error
        send(self._file, "export")

    def finish(self) -> None:
        """Write the names of the images that were held back, once the model of this training is there.

        Another model may have learned from them, so those of the training before go first: whenever this
        process ends, no report is on images that its model knows.
        """
        text = json.dumps(self._names, ensure_ascii=False, indent=0)
        write_atomically(self._held_back, lambda file: file.write(text.encode("utf-8")))


def main(recipe: str) -> int:
    """Run a recipe; return the exit code."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as file:
        os.dup2(2, 1)  # whatever else is printed goes where nobody takes it for a message
        reporter = Reporter(file, Project(Path(recipe).parent).held_back)
        threading.Thread(target=_listen, args=(reporter,), daemon=True).start()
        try:
            send(file, "load")
            read_recipe(recipe).run([reporter])
            reporter.finish()
        except OnnxnnError as error:
            send(file, "error", text=error.text, code=error.code)
            return 1
        send(file, "done", stopped=reporter.stop)
    return 0


def _listen(reporter: Reporter) -> None:
    """Wait for the word to stop; where the other process is gone, end at once: files are whole always."""
    for line in sys.stdin:
        if line == STOP:
            reporter.stop = True
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
