"""Images that a diffusion model samples while it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from onnxnn_runtime.diffusion.options import SamplingOptions
from onnxnn_runtime.diffusion.sampling import sample_images
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.outputs.grid import write_grid

from onnxnn.inference.diffusion import predictor, spec_of

from .callbacks import Callback, SideFile

if TYPE_CHECKING:
    from .trainer import Trainer

_NUM = 16
_STEPS = 10


class SampleGrid(Callback):
    """Samples images from the same 16 noises after some epochs and at the end, so that one sees the network
    learn.

    They are sampled in few steps, which takes as long as one or two batches. With classes, image i is of
    class i, beginning again after the last.

    Args:
        folder: The folder of the images, epoch_0004.png and so on.
        classes: The names of the classes; a network without classes uses none.
        every: After how many epochs; None takes those that are powers of two, and eight of all.
        verbose: 0 says nothing.

    Attributes:
        newest: The image that was written last, or None.
    """

    def __init__(
        self, folder: Path, classes: Sequence[str] = (), every: int | None = None, verbose: int = 1
    ) -> None:
        self.folder, self._classes, self._every, self._verbose = folder, tuple(classes), every, verbose
        self._sampled_after = 0
        self._file = SideFile()
        self.newest: Path | None = None

    def on_epoch(self, trainer: Trainer) -> None:
        epoch, epochs = trainer.epoch, trainer.settings.epochs
        every = self._every or max(1, epochs // 8)
        is_power = self._every is None and epoch & (epoch - 1) == 0
        if epoch % every == 0 or is_power or epoch == epochs:
            self._sample(trainer)

    def on_end(self, trainer: Trainer) -> None:
        if trainer.epoch != self._sampled_after:  # it was stopped early
            self._sample(trainer)
        if self._file.written and self._verbose:
            say(gettext("images sampled during training: {folder}", folder=self.folder), to="stderr")

    def _sample(self, trainer: Trainer) -> None:
        net = trainer.net
        spec = spec_of(net, self._classes)
        number = len(spec.classes)
        label = [i % number for i in range(_NUM)] if number else None
        steps = min(_STEPS, spec.schedule.timesteps)
        was_training = net.training
        net.eval()
        predict = predictor(net, trainer.machine.device)
        drawn = sample_images(predict, spec, SamplingOptions(_NUM, steps, seed=0, label=label))
        net.train(was_training)
        path = self.folder / f"epoch_{trainer.epoch:04d}.png"
        self._file.write(lambda: write_grid(drawn, path))
        self._sampled_after, self.newest = trainer.epoch, path
