"""The training half of `onnxnn demo diffusion`: written as a user would write it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from onnxnn.datasets import digits, write_class_folders
from onnxnn.network import Network as nn
from onnxnn.training.callbacks import Callback

if TYPE_CHECKING:
    from onnxnn.training.trainer import Trainer

GUIDANCE = 2.0
STEPS = 20


class Until(Callback):
    """Ends training after the epoch in which the time is over."""

    def __init__(self, minutes: float) -> None:
        self._end = time.monotonic() + 60 * minutes

    def on_epoch(self, trainer: Trainer) -> None:
        trainer.stop = time.monotonic() > self._end


def write_images(folder: Path) -> None:
    """Write the digits as class folders of PNG files: FOLDER/digits/7/0012.png."""
    write_class_folders(digits(size=28), folder / "digits")


def train_drawer(folder: Path, quick: bool = False) -> tuple[Path, Path]:
    """Train a diffusion model on the images of FOLDER/digits, and export it in both forms.

    Returns:
        The denoiser, FOLDER/denoiser.onnx, for the runtime's samplers; and FOLDER/drawer.onnx, which holds
        the whole loop.
    """
    model = nn()
    model.set_seed(0)
    model.load_img_data(str(folder / "digits"), batch_size=64, color="grayscale")
    model.add("diffusion_model", img_size=28, timestep=500, classes=True)
    model.add(optimizer="Adam")
    model.save_fold = str(folder / "drawer_checkpoints")
    model.train(
        lr=3e-3,
        epochs=8 if quick else 64,
        metrics=[],
        schedule="onecycle",
        callbacks=[Until(1.5 if quick else 9)],
    )
    denoiser, drawer = folder / "denoiser.onnx", folder / "drawer.onnx"
    model.export(denoiser)
    model.export(drawer, sampler="dpm++", steps=STEPS, guidance=GUIDANCE)
    return denoiser, drawer
