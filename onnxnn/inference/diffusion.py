"""A diffusion network in torch: its denoiser, its forward (noising) process, and running it for sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.arrays.conversion import plain_number
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.diffusion.sampling import Predict
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.definition.module import Net
from onnxnn.models.unet import Denoiser

__all__ = ["add_noise", "denoiser_of", "predictor", "spec_of"]

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
        InputError: The network has no such steps, or `num` is no integer of at least 1.
    """
    timestep, num = plain_number(timestep), plain_number(num)
    for name, value, most in (("timestep", timestep, schedule.timesteps), ("num", num, None)):
        if type(value) is not int or value < 1 or (most is not None and value > most):
            fits = "of at least 1" if most is None else f"from 1 to {most}, the steps of this network"
            raise InputError(f"noisy({name}={shortened(value)}): what fits is a whole number {fits}.")
    clean = torch.from_numpy(picture) * 2 - 1
    noise = torch.randn_like(clean)
    steps = np.linspace(0, timestep - 1, num).round().astype(int).tolist()
    found = [schedule.add_noise(clean, noise, t) for t in steps]
    return [((each + 1) / 2).clamp(0, 1).float().numpy() for each in found], steps


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
