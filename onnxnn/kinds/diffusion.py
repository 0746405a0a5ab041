"""A diffusion model: its denoiser, the data that it takes, and the forward (noising) process to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.errors import DataError, InputError
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.data import Data
from onnxnn.definition.module import Net
from onnxnn.models.unet import Denoiser

__all__ = ["add_noise", "check_data", "denoiser_of", "spec_of"]

Array = np.ndarray[Any, Any]


def denoiser_of(net: Net) -> Denoiser:
    """Return a diffusion network's only module."""
    module = net[0]
    assert isinstance(module, Denoiser)
    return module


def spec_of(net: Net, classes: Sequence[str]) -> DiffusionSpec:
    """Return what drawing with a diffusion network needs to know.

    Args:
        net: The network.
        classes: The names of the classes of its data; a network without classes knows none of them.
    """
    denoiser = denoiser_of(net)
    known = tuple(classes) if denoiser.num_classes else ()
    return DiffusionSpec(denoiser.schedule, denoiser.image_shape, known)


def check_data(data: Data, net: Net) -> None:
    """Refuse data that a diffusion model cannot learn from.

    Raises:
        DataError: It is no pictures, or their values lie outside 0..1, or there are other labels than the
            network's.
    """
    if data.preprocess is None:
        raise DataError(
            f"the data is of the kind {data.kind!r}, and a diffusion model draws pictures: give class "
            "folders (load_img_data), uint8 pictures, or float32 (N, C, H, W) in 0..1 with 1 or 3 channels."
        )
    number = denoiser_of(net).num_classes
    if number and number != len(data.classes):
        raise DataError(
            f"the data has {len(data.classes)} classes and the network was made for {number}; load the data "
            "first, then add('diffusion_model', classes=True)."
        )


def add_noise(schedule: Schedule, picture: Array, timestep: int, num: int) -> tuple[list[Array], list[int]]:
    """Return a picture with more and more noise (Ho et al. 2020, eq. 4), and the step of each.

    Args:
        schedule: How noise grows.
        picture: float32 (C, H, W) in 0..1.
        timestep: The steps shown are spread evenly over 0 to timestep - 1.
        num: How many to show.

    Returns:
        `num` pictures float32 (C, H, W) in 0..1, where values beyond are cut off, and their steps.

    Raises:
        InputError: The network has no such steps, or `num` is no whole number of at least 1.
    """
    for name, value, most in (("timestep", timestep, schedule.timesteps), ("num", num, None)):
        if type(value) is not int or value < 1 or (most is not None and value > most):
            fits = "of at least 1" if most is None else f"from 1 to {most}, the steps of this network"
            raise InputError(f"noisy({name}={shortened(value)}): what fits is a whole number {fits}.")
    clean = torch.from_numpy(picture) * 2 - 1
    noise = torch.randn_like(clean)
    steps = np.linspace(0, timestep - 1, num).round().astype(int).tolist()
    found = [schedule.add_noise(clean, noise, t) for t in steps]
    return [((each + 1) / 2).clamp(0, 1).float().numpy() for each in found], steps
