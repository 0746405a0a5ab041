"""Drawing with a diffusion model in torch: the runtime's loop around the torch module, and what shows it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.grid import write_grid
from onnxnn_runtime.sampling import Predict, sample_pictures
from onnxnn_runtime.streams import is_terminal, say
from PIL import Image

from .callbacks import Callback, SideFile
from .diffusion import denoiser_of, spec_of
from .net import Net
from .notebook import in_notebook, show_images

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["SampleGrid", "arrange", "predictor", "show_file"]

Array = np.ndarray[Any, Any]

_NUM = 16
_STEPS = 10


def predictor(net: Net, device: torch.device) -> Predict:
    """Return the network as the runtime's loop calls it; it must be on that device, in evaluation mode."""
    denoiser = denoiser_of(net)

    def predict(x: Array, t: int, labels: Array | None) -> Array:
        with torch.inference_mode():
            pictures = torch.from_numpy(x).to(device)
            steps = torch.full((len(x),), t, dtype=torch.int64, device=device)
            numbers = None if labels is None else torch.from_numpy(labels).to(device)
            found: Array = denoiser(pictures, steps, numbers).float().cpu().numpy()
        return found

    return predict


class SampleGrid(Callback):
    """Draws the same 16 noises after some epochs and at the end, so that one sees the network learn.

    They are drawn in few steps, which takes as long as one or two batches. With classes, picture i is of
    class i, beginning again behind the last.

    Args:
        folder: Where the pictures go, as epoch_0004.png.
        classes: The names of the classes; a network without looks at none.
        every: After how many epochs; None takes those that are powers of two, and eight of all.
        verbose: 0 says nothing.
    """

    def __init__(
        self, folder: Path, classes: Sequence[str] = (), every: int | None = None, verbose: int = 1
    ) -> None:
        self.folder, self._classes, self._every, self._verbose = folder, tuple(classes), every, verbose
        self._drawn_after = 0
        self._file = SideFile()

    def on_epoch(self, trainer: Trainer) -> None:
        epoch, epochs = trainer.epoch, trainer.settings.epochs
        every = self._every or max(1, epochs // 8)
        is_power = self._every is None and epoch & (epoch - 1) == 0
        if epoch % every == 0 or is_power or epoch == epochs:
            self._draw(trainer)

    def on_end(self, trainer: Trainer) -> None:
        if trainer.epoch != self._drawn_after:  # it was stopped early
            self._draw(trainer)
        if self._file.written and self._verbose:
            say(f"samples while it learned: {self.folder}", to="stderr")

    def _draw(self, trainer: Trainer) -> None:
        net = trainer.net
        spec = spec_of(net, self._classes)
        number = len(spec.classes)
        label = [i % number for i in range(_NUM)] if number else None
        steps = min(_STEPS, spec.schedule.timesteps)
        was_training = net.training
        net.eval()
        predict = predictor(net, trainer.machine.device)
        drawn = sample_pictures(predict, spec, _NUM, steps, seed=0, label=label)
        net.train(was_training)
        path = self.folder / f"epoch_{trainer.epoch:04d}.png"
        self._file.write(lambda: write_grid(drawn, path))
        self._drawn_after = trainer.epoch


def arrange(images: Any, size: tuple[int, int], every: bool) -> Array:
    """Return the pictures of a sheet of `size` (rows, columns), row by row.

    Args:
        images: float (N, C, H, W), or with all steps (N, S + 1, C, H, W), in 0..1.
        size: How many rows and columns.
        every: Whether a row is one picture from noise to the end, in as many steps as there are columns.

    Returns:
        float32 (rows * columns, C, H, W).

    Raises:
        InputError: There are fewer pictures than that, or no steps to show.
    """
    try:
        found = np.asarray(images, np.float32)
    except (TypeError, ValueError):
        found = np.zeros(0, np.float32)
    is_size = isinstance(size, tuple | list) and len(size) == 2
    if found.ndim not in (4, 5) or not is_size or not all(type(n) is int and n > 0 for n in size):
        raise InputError(
            f"show({type(images).__name__}): images of shape {found.shape} and size={size!r}; what fits is "
            "what inference(num=...) returned, and (rows, columns) such as (4, 4)."
        )
    rows, columns = size
    if not every:
        last = found[:, -1] if found.ndim == 5 else found
        if rows * columns > len(last):
            raise InputError(
                f"show(size={tuple(size)}): {rows * columns} pictures, but there are {len(last)}. Draw more "
                "with num=, or choose a smaller size."
            )
        return last[: rows * columns]
    if found.ndim == 4:
        raise InputError(
            "show(visual_timesteps=True): these pictures come without their steps; draw with "
            "inference(num=..., return_all_timesteps=True)."
        )
    if rows > len(found) or columns > found.shape[1]:
        raise InputError(
            f"show(size={tuple(size)}): {len(found)} pictures with {found.shape[1]} steps; at most so many "
            "rows and columns fit."
        )
    moments = np.linspace(0, found.shape[1] - 1, columns).round().astype(int) if columns > 1 else [-1]
    sheet: Array = found[:rows, moments]
    return sheet.reshape(rows * columns, *found.shape[2:])


def show_file(path: Path) -> None:
    """Show a picture where there is a screen: in a notebook, else in the system's viewer."""
    if in_notebook():
        show_images(path)
    elif is_terminal("stdout") and _has_screen():
        with Image.open(path) as picture:
            picture.show()


def _has_screen() -> bool:
    windowed = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform in ("win32", "darwin") or bool(windowed)
