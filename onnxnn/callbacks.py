"""What happens beside training: showing progress, writing checkpoints, and what users hook in."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from onnxnn_runtime.errors import OutputError
from onnxnn_runtime.files import cannot_write
from tqdm.auto import tqdm

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["Callback", "Progress", "Writer", "check_writable"]

Write = Callable[[Path, Mapping[str, torch.Tensor], Mapping[str, Any]], object]
"""(path, weights, training state) -> writes one checkpoint."""

WRITE_EVERY = 2.0
WRITE_SHARE = 20.0


class Callback:
    """Something to do as training goes; override what you need.

    `trainer.epoch` counts finished epochs, `trainer.history` holds their rows, and
    `trainer.stop = True` ends training after the epoch.
    """

    def on_start(self, trainer: Trainer) -> None:
        """Before the first epoch."""

    def on_step(self, trainer: Trainer) -> None:
        """After every batch."""

    def on_epoch(self, trainer: Trainer) -> None:
        """After every epoch; its row is `trainer.history[-1]`."""

    def on_end(self, trainer: Trainer) -> None:
        """After the last epoch, or when Ctrl-C ended training."""

    def on_failure(self, trainer: Trainer) -> None:
        """When an error ended training."""


class Progress(Callback):
    """One bar, and one line per epoch, on a terminal or in a notebook; elsewhere one line at the end.

    Args:
        verbose: 0 says nothing at all.
    """

    def __init__(self, verbose: int = 1) -> None:
        self._show = bool(verbose) and _someone_watches()
        self._say = bool(verbose)
        self._bar: Any = None

    def on_start(self, trainer: Trainer) -> None:
        if self._show:
            todo = (trainer.settings.epochs - trainer.epoch) * trainer.steps_per_epoch
            self._bar = tqdm(total=todo, unit="batch", file=sys.stderr, leave=False)

    def on_step(self, trainer: Trainer) -> None:
        if self._bar is not None:
            self._bar.update()

    def on_epoch(self, trainer: Trainer) -> None:
        if self._bar is not None:
            self._bar.write(describe(trainer.history[-1], trainer.settings.epochs), file=sys.stderr)

    def on_failure(self, trainer: Trainer) -> None:
        if self._bar is not None:
            self._bar.close()

    def on_end(self, trainer: Trainer) -> None:
        self.on_failure(trainer)
        if self._say and trainer.interrupted:
            done = f"{trainer.epoch} of {trainer.settings.epochs} epochs are done"
            print(f"stopped by Ctrl-C: {done}, what was learned is kept.", file=sys.stderr)
        elif self._say and not self._show and trainer.history:
            print(describe(trainer.history[-1], trainer.settings.epochs), file=sys.stderr)


class Writer(Callback):
    """Writes the last epoch's checkpoint, the best one's, and the history as CSV.

    Files are rewritten as training goes, but seldom enough to cost nothing: `WRITE_EVERY` seconds
    apart, or `WRITE_SHARE` times as long as writing takes; and always at the end.

    Args:
        path: The checkpoint of the last epoch; `best.pth` and the CSV lie beside it.
        write: Writes a checkpoint.
    """

    def __init__(self, path: Path, write: Write) -> None:
        self.path = path
        self._write = write
        self._next = 0.0
        self._best: tuple[dict[str, torch.Tensor], dict[str, Any]] | None = None

    def on_epoch(self, trainer: Trainer) -> None:
        if trainer.is_best and trainer.validation is not None:
            weights = {name: value.detach().clone() for name, value in trainer.net.state_dict().items()}
            self._best = weights, trainer.state(light=True)
        if time.monotonic() >= self._next:
            self._write_all(trainer)

    def on_end(self, trainer: Trainer) -> None:
        self._write_all(trainer)

    def _write_all(self, trainer: Trainer) -> None:
        began = time.monotonic()
        trainer.check_weights()
        if self._best is not None:
            self._write(best_beside(self.path), *self._best)
            self._best = None
        self._write(self.path, trainer.net.state_dict(), trainer.state())
        if trainer.history:
            trainer.history.write_csv(_table_beside(self.path))
        ended = time.monotonic()
        self._next = ended + max(WRITE_EVERY, WRITE_SHARE * (ended - began))


def check_writable(path: Path) -> None:
    """Create a checkpoint's folder and make sure that the files of `Writer` can be written there.

    Raises:
        OutputError: They cannot.
    """
    folder = path.parent
    probe = folder / f".{uuid.uuid4().hex[:8]}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
    except OutputError:
        raise
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(probe)
    for file in (path, best_beside(path), _table_beside(path)):
        if file.is_dir():
            raise OutputError(
                f"cannot write {file}: a folder has that name. Choose another filename= or save_fold=."
            )


def best_beside(path: Path) -> Path:
    """Return where the best epoch's checkpoint lies beside that of the last."""
    return path.with_name("best.pth")


def _table_beside(path: Path) -> Path:
    return path.with_suffix(".csv")


def describe(row: Mapping[str, float], epochs: int) -> str:
    """Return an epoch as a line: "epoch 3/20  loss 0.1234  acc 0.9500"."""
    numbers = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name not in ("epoch", "lr"))
    return f"epoch {int(row['epoch'])}/{epochs}  {numbers}"


def _someone_watches() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules
