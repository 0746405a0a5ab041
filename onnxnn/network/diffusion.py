"""Drawing images with a diffusion model."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from onnxnn_runtime.api.options import takes
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.card.preprocess import ImageLike, Preprocess
from onnxnn_runtime.diffusion.options import SamplingOptions
from onnxnn_runtime.diffusion.sampling import interpolate_images, sample_images
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import as_path
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.streams import say
from onnxnn_runtime.outputs.grid import check_path, write_grid

from onnxnn.definition.module import evaluating
from onnxnn.inference.diffusion import add_noise, predictor
from onnxnn.inspection import wording
from onnxnn.inspection.sheet import arrange, show_file
from onnxnn.training.device import Machine

from .core import NetworkCore
from .once import written_once
from .state import NetworkState

__all__ = ["interpolate", "noisy", "sample", "show"]

Array = np.ndarray[Any, Any]


@written_once
def noisy(
    self: NetworkCore,
    data: ImageLike,
    timestep: int = 500,
    num: int = 10,
    show: bool = True,
    path: str | Path | None = None,
    force: bool = False,
) -> list[Array]:
    """Show an image in more and more noise: the forward process that a diffusion model learns to undo.

    Args:
        data: An image; it is resized, and converted to the network's colours.
        timestep: The images are spread evenly over the steps 0 to timestep - 1.
        num: How many images.
        show: Whether to show them: they are written into one file, whose name is printed, and shown where
            there is a display.
        path: That file; None takes noisy.png in `save_fold`, or here while there is no such folder.
        force: Whether that file may replace `data` itself, or a file of another format.

    Returns:
        `num` images float32 (C, H, W) in 0..1.

    Raises:
        InputError: The network is no diffusion model, or has no such steps, or `data` is no image.
    """
    spec = _diffusion(self._state, "noisy()")
    target = _shown_path(self, path, "noisy.png", [data], force) if show else None
    image = _preprocess(self._state, spec)(data)
    found, steps = add_noise(spec.schedule, image, timestep, num)
    if target is not None:
        names = ", ".join(map(str, steps))
        captions = [wording.gettext("step {step}", step=step) for step in steps]
        line = gettext("noise at the steps {steps}: {path}", steps=names, path=target)
        _show(self, np.stack(found), num, target, line, captions)
    return found


@dataclass(frozen=True, eq=False)
class SamplingOnDevice(SamplingOptions):
    """How `Network.sample` draws images.

    Args:
        device: As for `train`.
    """

    device: str = field(default="auto", kw_only=True)


@takes(SamplingOnDevice, by_place=7)
def sample(self: NetworkCore, options: SamplingOnDevice) -> Array:
    """Draw images; the same as `onnxnn_runtime.load(file).sample` of the exported file.

    Args:
        num, steps, sampler, seed, eta, label, guidance, noise, start, strength, mask: See
            `onnxnn_runtime.diffusion.options.SamplingOptions`.
        return_all_timesteps, callback, progress, batch_size: See
            `onnxnn_runtime.diffusion.options.SamplingOptions`.
        device: As for `train`.

    Returns:
        float32 (num, C, H, W) in 0..1; with `return_all_timesteps` (num, steps + 1, C, H, W).

    Raises:
        InputError: The network is no diffusion model, or an option is wrong.
    """
    state = self._state
    spec = _diffusion(state, "sample()")
    return _run(state, options.device, sample_images, spec, options, _preprocess(state, spec))


def interpolate(
    self: NetworkCore,
    first: object,
    second: object,
    num: int = 9,
    strength: float = 0.6,
    device: str = "auto",
    **options: object,
) -> Array:
    """Draw images that lead from one to another.

    Args:
        first, second, num, strength: See `onnxnn_runtime.Model.interpolate`.
        device: As for `train`.
        options: As for `sample`: steps, sampler, seed, eta, label, guidance, batch_size, progress.
    """
    spec = _diffusion(self._state, "interpolate()")
    asked = SamplingOptions.between(num, strength, options)
    state = self._state
    return _run(state, device, interpolate_images, spec, first, second, asked, _preprocess(state, spec))


@written_once
def show(
    self: NetworkCore,
    data: object,
    size: tuple[int, int] = (2, 2),
    visual_timesteps: bool = False,
    path: str | Path | None = None,
    force: bool = False,
) -> Path:
    """Write images into one file and show it where there is a display.

    Args:
        data: What `sample` or `inference(num=...)` returned.
        size: (rows, columns).
        visual_timesteps: Whether each row is one image from noise to the end; its step stands below each.
        path: The file; None takes images.png in `save_fold`, or here while there is no such folder.
        force: Whether to replace a file of another format.

    Returns:
        The file.

    Raises:
        InputError: There are fewer images than that, or they come without their steps.
        OutputError: The file cannot be written.
    """
    images, captions = arrange(data, size, visual_timesteps)
    target = _shown_path(self, path, "images.png", [], force)
    return _show(self, images, size[1], target, gettext("images: {path}", path=target), captions)


def _diffusion(state: NetworkState, call: str) -> DiffusionSpec:
    spec = ModelKind(state.card()).sampling
    if spec is None:
        raise InputError.coded(
            "E-INPUT-08",
            "{call}: expected a diffusion model, add('diffusion_model', img_size=28), got a network "
            "that takes data. Use inference(data).",
            call=call,
        )
    return spec


def _run(state: NetworkState, device: str, draw: Callable[..., Array], *given: object) -> Array:
    """Call one of the runtime's drawing functions with the network on a device."""
    place = Machine(device).device
    net = state.net.to(place)
    try:
        with evaluating(net):
            return draw(predictor(net, place), *given)
    finally:
        net.to("cpu")


def _preprocess(state: NetworkState, spec: DiffusionSpec) -> Preprocess:
    """How an image file becomes one of the network's."""
    known = state.card().input.preprocess
    color = "grayscale" if spec.shape[0] == 1 else "RGB"
    return known or Preprocess(color, (("resize", *spec.shape[1:]),))


def _shown_path(
    self: NetworkCore, path: str | Path | None, name: str, sources: Sequence[object], force: bool
) -> Path:
    """Return the file to write, checked; None takes `name` in `save_fold`, or here without it."""
    folder = Path(self.save_fold)
    target = (folder if os.path.isdir(folder) else Path()) / name if path is None else as_path(path)
    check_path(target, sources, force)
    return target


def _show(
    self: NetworkCore, images: Array, columns: int, path: Path, line: str, captions: Sequence[str] = ()
) -> Path:
    written = write_grid(images, path, columns, captions, force=True)  # the path was checked
    if self.verbose:
        say(line)
    show_file(written)
    return written
