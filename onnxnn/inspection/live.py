"""Training that can be watched: one HTML page, written again as training goes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.files.access import as_path, write_atomically
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.outputs.output_files import check_output, check_suffix
from PIL import Image

from onnxnn.console.display import Display
from onnxnn.definition.definition import Definition
from onnxnn.training.callbacks import Callback, SideFile
from onnxnn.training.sample_grid import SampleGrid
from onnxnn.training.trainer import Trainer

from .activations import first_weights_image
from .live_page import LivePage, as_html
from .mistakes import Mistakes, mistakes

__all__ = ["Live", "live_path"]

NAME = "live.html"
EVERY = 1.0  # seconds
SHARE = 20.0
"""The page is written at most each `EVERY` seconds, and `SHARE` times as seldom as it takes to make it."""

_MISTAKES = 12
_STALE = 600.0  # seconds


def live_path(live: object, folder: Path) -> Path | None:
    """Return the page that `train(live=...)` writes; None for no page.

    Args:
        live: True for live.html in the folder of the checkpoint, False for none, or a path.
        folder: That folder.

    Raises:
        TrainingError: It is neither, or no name of an HTML file.
        OutputError: Something else stands there, or the folder cannot be written.
    """
    if live is False or live is None:
        return None
    if live is True:
        path = folder / NAME
        check_output(path, "HTML") if folder.is_dir() else None
        return path
    if not isinstance(live, str | Path) or not str(live):
        raise TrainingError.coded(
            "E-TRAIN-03",
            "live={live}: expected True, or the path of the page, such as 'live.html'.",
            live=shortened(live),
        )
    check_suffix(live, (".html", ".htm"), "live", TrainingError)
    check_output(live, "HTML")
    return as_path(live, "live", TrainingError)


class Live(Callback):
    """Writes a page about a training after epochs, and shows it in a notebook, in the same place each time.

    The last page, which no longer loads itself again, is written when training ends, however it does.

    Args:
        path: The page.
        definition: The network as data.
        classes: The names of the classes, where the network classifies.
        title: What the page calls the training.
        verbose: 0 does not say where the page is.
    """

    def __init__(
        self, path: Path, definition: Definition, classes: Sequence[str], title: str, verbose: int = 1
    ) -> None:
        self.path, self._classes, self._title = path, tuple(classes), title
        self._definition, self._verbose = definition, verbose
        self._file = SideFile()
        self._display = Display()
        self._next = self._looked = 0.0
        self._written = time.monotonic()
        self._mistakes: Mistakes | None = None
        self._filters: Image.Image | None = None
        self._samples = b""

    def on_start(self, trainer: Trainer) -> None:
        self._write(trainer, "")
        if self._file.written and self._verbose:
            say(gettext("live page, to open in a browser: {address}", address=self.path.resolve().as_uri()))

    def on_epoch(self, trainer: Trainer) -> None:
        if time.monotonic() >= self._next:
            self._look(trainer)
            self._write(trainer, "")

    def on_end(self, trainer: Trainer) -> None:
        self._look(trainer)
        self._write(trainer, gettext("stopped by Ctrl-C") if trainer.interrupted else gettext("finished"))

    def on_failure(self, trainer: Trainer) -> None:
        stopped = gettext("stopped by Ctrl-C") if trainer.interrupted else gettext("ended by an error")
        self._write(trainer, stopped)

    def _look(self, trainer: Trainer) -> None:
        """Look at what the network makes of images now."""
        self._looked = time.monotonic()
        self._mistakes = mistakes(trainer, self._classes, _MISTAKES) if self._classes else None
        self._filters = first_weights_image(trainer.net, self._definition)
        drawn = [each.newest for each in trainer.callbacks if isinstance(each, SampleGrid)]
        self._samples = b"".join(file.read_bytes() for file in drawn if file is not None and file.is_file())

    def _write(self, trainer: Trainer, ending: str) -> None:
        now = time.monotonic()
        page = LivePage(
            title=gettext("Training: {folder}", folder=printable(self._title)),
            history=trainer.history,
            epochs=trainer.settings.epochs,
            ending=ending,
            stale_after=max(_STALE, 20 * (now - self._written)),
            mistakes=self._mistakes,
            filters=self._filters,
            samples=self._samples,
        )
        text = as_html(page).encode("utf-8", "replace")
        self._file.write(lambda: write_atomically(self.path, lambda file: file.write(text)))
        self._display.show(page.fragment)
        self._written = time.monotonic()
        took = self._written - min(now, self._looked or now)
        self._next = self._written + max(EVERY, SHARE * took)
