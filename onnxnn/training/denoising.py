"""How a diffusion model learns: images with noise, and the loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import DataError, TrainingError
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.data import Data
from onnxnn.definition.module import Net
from onnxnn.inference.diffusion import denoiser_of

from .learner import LossModule
from .losses import Loss

__all__ = ["EMA", "Denoising", "check_data", "make_loss"]

Tensor = torch.Tensor
Array = np.ndarray[Any, Any]

EMA = 0.999
"""The decay of the moving average of weights by default."""

_GAMMA = 5.0
_NO_LABEL_SHARE = 0.1
_GOLDEN = (math.sqrt(5) - 1) / 2


def check_data(data: Data, net: Net) -> None:
    """Refuse data that a diffusion model cannot learn from.

    Raises:
        DataError: It is no images, or there are other classes than the network's.
    """
    if data.preprocess is None:
        raise DataError.coded(
            "E-DATA-07",
            "expected images for a diffusion model, got data of the kind {kind}. Give class folders "
            "(load_img_data), uint8 images, or float32 (N, C, H, W) in 0..1 with 1 or 3 channels.",
            kind=repr(kind_name(data.kind)),
        )
    number = denoiser_of(net).num_classes
    if number and number != len(data.classes):
        raise DataError.coded(
            "E-DATA-05",
            "expected data with {expected}, for which the network was made, got {got}. Load the "
            "data first, then add('diffusion_model', classes=True).",
            expected=ngettext("{count} class", "{count} classes", number),
            got=len(data.classes),
        )


def make_loss(name: str | None) -> Loss:
    """Return the loss of that name: (prediction, what it should be) -> one number for each image.

    Args:
        name: "MinSNR" (None), "MSELoss", "L1Loss" or "HuberLoss", as `losses.official_name` writes it.

    Raises:
        TrainingError: The loss is another.
    """
    functions: dict[str, Callable[..., Tensor]] = {
        "MinSNR": F.mse_loss,
        "MSELoss": F.mse_loss,
        "L1Loss": F.l1_loss,
        "HuberLoss": F.huber_loss,
    }
    wanted = name or "MinSNR"
    if wanted not in functions:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss={loss}: a diffusion model expects one of {known}. Leave loss out, or choose one of them.",
            loss=shortened(name),
            known=", ".join(functions),
        )
    function = functions[wanted]
    return Loss(wanted, lambda y, goal: function(y, goal, reduction="none").flatten(1).mean(1), False)


def weights_of_steps(schedule: Schedule, loss: str) -> Array:
    """Return how much the loss of each step counts, float64 (timesteps,).

    With SNR = abar / (1 - abar), "MinSNR" weighs the error of the clean image by min(SNR, 5). In terms of
    what the network predicts that is min(SNR, 5) / SNR for noise and min(SNR, 5) / (SNR + 1) for v (Hang et
    al., "Efficient Diffusion Training via Min-SNR Weighting Strategy", 2023, section 3.4). Other losses
    weigh all steps alike.
    """
    if loss != "MinSNR":
        return np.ones(schedule.timesteps)
    alphas_cumprod = schedule.alphas_cumprod
    ratio = alphas_cumprod / (1 - alphas_cumprod)
    held = np.minimum(ratio, _GAMMA)  # Hang et al. 2023, section 3.4
    weights: Array = held / (ratio if schedule.prediction == "noise" else ratio + 1)
    return weights


class Denoising(LossModule):
    """A diffusion model and its loss as one module: (images in 0..1, labels) -> (loss, prediction).

    Images are scaled to [-1, 1], noise of a timestep t is added to each (Ho et al. 2020, eq. 4), and the
    network predicts the noise, or v = sqrt(abar) noise - sqrt(1 - abar) x0.

    In training every t is equally likely; those of a batch are spread evenly (Kingma et al., "Variational
    Diffusion Models", 2021, section 5.1), which makes the loss less noisy. One label in ten is dropped, so
    that the network also learns to sample without (Ho & Salimans 2022, algorithm 1). In evaluation mode noise
    and steps are the same each time, counted from the moment it was switched to.
    """

    is_per_sample = False  # the noise of a sample goes by its place in the data

    def __init__(self, net: Net, loss: Loss) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self._denoiser = denoiser_of(net)
        self.signal: Tensor
        self.strength: Tensor
        self.weight: Tensor
        self._predicts_noise = self._denoiser.schedule.prediction == "noise"
        schedule = self._denoiser.schedule
        alphas_cumprod = schedule.alphas_cumprod
        for name, values in (
            ("signal", np.sqrt(alphas_cumprod)),
            ("strength", np.sqrt(1 - alphas_cumprod)),
            ("weight", weights_of_steps(schedule, loss.name)),
        ):
            self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)
        self._begin_evaluation()

    def train(self, mode: bool = True) -> Denoising:
        """Switch to training, or to evaluation with its noise from the beginning."""
        super().train(mode)
        self._begin_evaluation()
        return self

    def forward(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss of a batch, and what the network predicted.

        Args:
            x: float32 (N, C, H, W) in 0..1.
            target: int64 (N,) class indices; only a network with classes looks at them.
        """
        clean = x * 2 - 1
        t = self._steps(len(x)).to(x.device)
        if self.training:
            noise = torch.randn_like(clean)
        else:
            noise = torch.randn(x.shape, generator=self._generator).to(clean)
        signal, strength = (values[t][:, None, None, None] for values in (self.signal, self.strength))
        goal = noise
        if not self._predicts_noise:
            goal = signal * noise - strength * clean  # v, Salimans & Ho 2022, appendix D
        label = self._labels(target) if self._denoiser.num_classes else None
        noised = signal * clean + strength * noise  # Ho et al. 2020, eq. 4
        prediction = self.net[0](noised, t, label).float()
        return (self.weight[t] * self.loss(prediction, goal)).mean(), prediction

    def _steps(self, count: int) -> Tensor:
        """Return a timestep for each image, int64 (count,)."""
        timesteps = self._denoiser.schedule.timesteps
        if self.training:
            places = (torch.rand(()) + torch.arange(count) / count) % 1
            places = places[torch.randperm(count)]
        else:  # the fractions of multiples of the golden ratio lie evenly, however many there are
            places = (torch.arange(self._seen, self._seen + count, dtype=torch.float64) + 0.5) * _GOLDEN % 1
            self._seen += count
        return (places * timesteps).long().clamp_(max=timesteps - 1)

    def _labels(self, target: Tensor) -> Tensor:
        if not self.training:
            return target
        dropped = torch.rand(len(target), device=target.device) < _NO_LABEL_SHARE
        return target.masked_fill(dropped, self._denoiser.num_classes)

    def _begin_evaluation(self) -> None:
        self._seen = 0
        self._generator = torch.Generator().manual_seed(0)
