"""A diffusion network in torch: its denoiser, its forward (noising) process, and running it for sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.arrays.numbers import plain_number
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.diffusion.sampling import Predict
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.definition.module import Net, full_precision
from onnxnn.models.unet import Denoiser

Array = np.ndarray[Any, Any]


def denoiser_of(net: Net) -> Denoiser:
    """Return a diffusion network's only module."""
    module = instance(net[0], Denoiser)
    return module


def spec_of(net: Net, classes: Sequence[str]) -> DiffusionSpec:
    """Return what sampling with a diffusion network needs.

    Args:
        net: The network.
        classes: The names of the classes of its data; a network without classes uses none of them.
    """
    denoiser = denoiser_of(net)
    known = tuple(classes) if denoiser.num_classes else ()
    return DiffusionSpec(denoiser.schedule, denoiser.image_shape, known)


def add_noise(schedule: Schedule, image: Array, timestep: int, num: int) -> tuple[list[Array], list[int]]:
    """Return an image with more and more noise (Ho et al. 2020, eq. 4), and the timestep of each.

    Args:
        schedule: How noise grows.
        image: float32 (C, H, W) in 0..1.
        timestep: The timesteps shown are spread evenly over 0 to timestep - 1.
        num: How many to show.

    Returns:
        `num` images float32 (C, H, W) in 0..1, where values outside are cut off, and their timesteps.

    Raises:
        InputError: The network has no such timesteps, or `num` is no integer of at least 1.
    """
    timestep, num = plain_number(timestep), plain_number(num)
    if type(timestep) is not int or not 1 <= timestep <= schedule.timesteps:
        raise InputError.coded(
            "E-INPUT-06",
            "noisy(timestep={timestep}): expected an integer from 1 to {most}, the timesteps of this "
            "network.",
            timestep=shortened(timestep),
            most=schedule.timesteps,
        )
    if type(num) is not int or num < 1:
        raise InputError.coded(
            "E-INPUT-06",
            "noisy(num={num}): expected an integer of at least 1.",
            num=shortened(num),
        )
    clean = torch.from_numpy(image) * 2 - 1
    noise = torch.randn_like(clean)
    steps = np.linspace(0, timestep - 1, num).round().astype(int).tolist()
    found = [schedule.add_noise(clean, noise, t) for t in steps]
    return [((each + 1) / 2).clamp(0, 1).float().numpy() for each in found], steps


def predictor(net: Net, device: torch.device) -> Predict:
    """Return the network as the runtime's loop calls it; it must be on that device, in evaluation mode."""
    denoiser = denoiser_of(net)

    def predict(x: Array, t: int, labels: Array | None) -> Array:
        with torch.inference_mode(), full_precision():
            images = torch.from_numpy(x).to(device)
            steps = torch.full((len(x),), t, dtype=torch.int64, device=device)
            numbers = None if labels is None else torch.from_numpy(labels).to(device)
            found: Array = denoiser(images, steps, numbers).float().cpu().numpy()
        return found

    return predict
