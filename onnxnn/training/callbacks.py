"""What happens during training: showing progress, writing checkpoints, and what users hook in."""

from __future__ import annotations

import contextlib
import math
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from onnxnn_runtime.errors import OutputError, TrainingError
from onnxnn_runtime.files.access import cannot_write, check_target, first_bytes
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.notebook import in_notebook
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.streams import for_progress, is_terminal, say
from onnxnn_runtime.messages.warn import warn
from onnxnn_runtime.outputs.output_files import check_output

from onnxnn.console.progress import progress_bar

from .finite import check_figures, check_weights
from .interruptions import uninterrupted
from .state import TrainingState

if TYPE_CHECKING:
    from .trainer import Trainer

Write = Callable[[Path, Mapping[str, torch.Tensor], TrainingState], object]
"""(path, weights, training state) -> writes one checkpoint."""

LINE_EVERY = 2.0  # seconds
WRITE_EVERY = 2.0
WRITE_SHARE = 20.0
MEASURE_AFTER = 10.0
MEASURE_SHARE = 60.0


class Callback:
    """Something to do as training goes; override what you need.

    `trainer.epoch` counts finished epochs, `trainer.history` holds their rows, `trainer.net` is the torch
    module that is trained, and `trainer.stop = True` ends training after the epoch. The network whose `train`
    was called is as it was until training is over.
    """

    def on_start(self, trainer: Trainer) -> None:
        """Before the first epoch.

        Args:
            trainer: The training.
        """

    def on_step(self, trainer: Trainer) -> None:
        """After every batch.

        Args:
            trainer: The training.
        """

    def on_epoch(self, trainer: Trainer) -> None:
        """After every epoch; its row is `trainer.history[-1]`.

        Args:
            trainer: The training.
        """

    def on_end(self, trainer: Trainer) -> None:
        """After the last epoch, or when Ctrl-C ended training.

        Args:
            trainer: The training.
        """

    def on_failure(self, trainer: Trainer) -> None:
        """When an error ended training.

        Args:
            trainer: The training.
        """


class Progress(Callback):
    """One bar, and one line per epoch, on a terminal or in a notebook.

    Elsewhere, in an editor's window or a file, a line per epoch `LINE_EVERY` seconds apart, and the last one.

    Args:
        verbose: 0 says nothing at all.
    """

    def __init__(self, verbose: int = 1) -> None:
        self._show = bool(verbose) and _is_watched()
        self._say = bool(verbose)
        self._bar: Any = None
        self._stream: Any = for_progress()
        self._next = 0.0
        self._shown_epoch = 0

    def on_start(self, trainer: Trainer) -> None:
        if self._show:
            todo = (trainer.settings.epochs - trainer.epoch) * trainer.steps_per_epoch
            self._bar = progress_bar(todo, gettext("batch"), self._stream)

    def on_step(self, trainer: Trainer) -> None:
        if self._bar is not None:
            self._bar.update()

    def on_epoch(self, trainer: Trainer) -> None:
        if self._bar is not None:
            self._bar.write(describe(trainer.history[-1], trainer.settings.epochs), file=self._stream)
        elif self._say and time.monotonic() >= self._next:
            self._show_line(trainer)

    def on_failure(self, trainer: Trainer) -> None:
        if self._bar is not None:
            self._bar.close()

    def on_end(self, trainer: Trainer) -> None:
        self.on_failure(trainer)
        if self._say and not self._show and trainer.history and trainer.epoch != self._shown_epoch:
            self._show_line(trainer)
        if self._say and trainer.interrupted:
            text = gettext(
                "stopped by Ctrl-C: {epoch} of {epochs} done, what was learned is kept.",
                epoch=trainer.epoch,
                epochs=ngettext("{count} epoch", "{count} epochs", trainer.settings.epochs),
            )
            say(text, to="stderr")

    def _show_line(self, trainer: Trainer) -> None:
        say(describe(trainer.history[-1], trainer.settings.epochs), to="stderr")
        self._shown_epoch, self._next = trainer.epoch, time.monotonic() + LINE_EVERY


class SideFile:
    """A file that training can do without: where it cannot be written, one warning says so.

    Attributes:
        written: Whether it was written at least once.
    """

    def __init__(self) -> None:
        self.written = False
        self._warned = False

    def write(self, write: Callable[[], object]) -> None:
        """Call `write`, and warn the first time that it cannot write."""
        try:
            write()
            self.written = True
        except OutputError as error:
            if not self._warned:
                warn(
                    gettext(
                        "{error} Training continues without it, and tries again after later epochs.",
                        error=error,
                    )
                )
            self._warned = True


class Writer(Callback):
    """Writes the last epoch's checkpoint, the best one's, and the history as CSV.

    Files are rewritten as training goes, but seldom enough to cost nothing: `WRITE_EVERY` seconds
    apart, or `WRITE_SHARE` times as long as writing takes; and always at the end. The running statistics of
    batch normalisation in `best.pth` are measured again first, not before `MEASURE_AFTER` seconds, and then
    `MEASURE_SHARE` times as long apart as it takes.

    Args:
        path: The checkpoint of the last epoch; `best.pth` and the CSV lie beside it.
        write: Writes a checkpoint.
    """

    def __init__(self, path: Path, write: Write) -> None:
        self.path, self.best, self.table = files_of(path)
        self._write = write
        self._history = SideFile()
        self._next = 0.0
        self._next_best = math.inf
        self._best: _Best | None = None

    def on_start(self, trainer: Trainer) -> None:
        self._next_best = time.monotonic() + MEASURE_AFTER

    def on_epoch(self, trainer: Trainer) -> None:
        check_figures(trainer.history[-1], trainer.net)
        if trainer.is_best and trainer.validation is not None:
            self._best = _Best.of(trainer)
        if time.monotonic() >= self._next:
            self._write_all(trainer)

    def on_end(self, trainer: Trainer) -> None:
        self._next_best = 0.0
        self._write_all(trainer)

    def _write_all(self, trainer: Trainer) -> None:
        check_weights(trainer.net, trainer.epoch)
        if self._best is not None and (self._best.is_measured or time.monotonic() >= self._next_best):
            best, self._best = self._measured(self._best, trainer), None
            self._save(self.best, best.weights, best.state)
        began = time.monotonic()
        self._save(self.path, trainer.net.state_dict(), trainer.state())
        if trainer.history:
            self._history.write(lambda: trainer.history.write_csv(self.table))
        ended = time.monotonic()
        self._next = ended + max(WRITE_EVERY, WRITE_SHARE * (ended - began))

    def _save(self, path: Path, weights: Mapping[str, torch.Tensor], state: TrainingState) -> None:
        with uninterrupted():  # torch makes an error of its own of Ctrl-C while it writes
            self._write(path, weights, state)

    def _measured(self, best: _Best, trainer: Trainer) -> _Best:
        if best.is_measured:
            return best
        began = time.monotonic()
        weights, found = trainer.measured(best.weights)
        ended = time.monotonic()
        self._next_best = ended + MEASURE_SHARE * (ended - began)
        *before, last = best.state["history"]
        unmeasured = {name: last[name] for name in found}
        return _Best(
            weights, best.state | {"history": [*before, last | found], "unmeasured": unmeasured}, True
        )


@dataclass(frozen=True)
class _Best:
    """The best epoch so far: its weights, the training's state, whether its statistics are measured."""

    weights: dict[str, torch.Tensor]
    state: TrainingState
    is_measured: bool

    @classmethod
    def of(cls, trainer: Trainer) -> _Best:
        """Return the last epoch."""
        weights = {name: value.detach().clone() for name, value in trainer.net.state_dict().items()}
        return cls(weights, trainer.state(light=True), trainer.is_measured)


def check_files(path: Path) -> None:
    """Make sure that a training can write its files, and that none takes the place of another.

    Args:
        path: The checkpoint of the last epoch; `best.pth` and the history, a CSV, lie beside it.

    Raises:
        TrainingError: The checkpoint has the name of one of the others, or a table that is no history has
            the history's.
        OutputError: The folder cannot be written, or a file's place is taken.
    """
    last, best, table = files_of(path)
    use = gettext("the best epoch") if last.name.lower() == best.name else ""
    if last.suffix.lower() == table.suffix:
        use = gettext("the history")
    if use:
        raise TrainingError.coded(
            "E-OUTPUT-02",
            "{path}: the last epoch cannot be written there, since that name is for {use}. Choose another "
            "name, such as 'basenn.pth'.",
            path=last,
            use=use,
        )
    check_writable(last.parent)
    check_target(table)
    option = gettext("another filename or save_fold")
    for file in (last, best):
        check_output(file, "checkpoint", option=option)
    if os.path.isfile(table) and first_bytes(table, 11, option) not in (b"epoch,loss,", b""):
        raise TrainingError.coded(
            "E-OUTPUT-02",
            "filename={filename}: the history would replace {table}, which no training wrote. Choose "
            "another filename or save_fold.",
            filename=shortened(last.name),
            table=table,
        )


def check_writable(folder: Path) -> None:
    """Create a folder and make sure that a file can be written there.

    Raises:
        OutputError: It cannot.
    """
    probe = folder / f".{uuid.uuid4().hex[:8]}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
    except OutputError:
        raise
    except (OSError, UnicodeEncodeError) as error:
        raise cannot_write(folder, error) from error
    finally:
        with contextlib.suppress(OSError, UnicodeEncodeError):
            os.unlink(probe)


def files_of(path: Path) -> tuple[Path, Path, Path]:
    """Return where the last epoch, the best one and the history go."""
    return path, path.with_name("best.pth"), path.with_suffix(".csv")


def describe(row: Mapping[str, float], epochs: int) -> str:
    """Return an epoch as a line: "epoch 3/20  loss 0.1234  acc 0.9500"."""
    figures = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name not in ("epoch", "lr"))
    return gettext(
        "epoch {epoch}/{epochs}  {figures}", epoch=int(row["epoch"]), epochs=epochs, figures=figures
    )


def _is_watched() -> bool:
    return is_terminal() or in_notebook()
