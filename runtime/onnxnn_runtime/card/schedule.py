"""The noise schedule of a diffusion model: how much of a picture is left at each step.

A picture x0 in [-1, 1] becomes x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) noise (Ho et al., "Denoising
Diffusion Probabilistic Models", 2020, eq. 4). Steps are numbered 0 (hardly any noise) to timesteps - 1
(hardly anything else). All coefficients are float64.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Mapping

import numpy as np

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import InputError, did_you_mean
from onnxnn_runtime.messages.shorten import printable, shortened

__all__ = ["KINDS", "PREDICTIONS", "Schedule"]

KINDS = ("linear", "cosine", "sigmoid")
PREDICTIONS = ("noise", "v")

MOST_TIMESTEPS = 100_000
"""Steps of the longest schedule; a thousand are usual."""

_LARGEST_BETA = 0.999
"""Keeps the last steps from erasing a picture altogether, which noise prediction could not undo."""


@checked_class()
@dataclass(frozen=True)
class Schedule:
    """How noise grows over the steps, and what the network predicts of a noisy image.

    Args:
        timesteps: How many steps lead from a picture to noise, at least 1.
        kind: "linear" (Ho et al. 2020: beta from 0.0001 to 0.02 in 1,000 steps, scaled to `timesteps`),
            "cosine" (Nichol & Dhariwal 2021, eq. 17) or "sigmoid" (Jabri et al. 2022, from -3 to 3).
        prediction: "noise", or "v" = sqrt(abar) noise - sqrt(1 - abar) x0 (Salimans & Ho 2022).

    Raises:
        InputError: A value is not one of those.
    """

    timesteps: int = 500
    kind: str = "cosine"
    prediction: str = "v"

    def __post_init__(self) -> None:
        if type(self.timesteps) is not int or not 1 <= self.timesteps <= MOST_TIMESTEPS:
            raise InputError(
                f"timestep={shortened(self.timesteps)}: what fits is an integer from 1 to {MOST_TIMESTEPS}, "
                "such as 500."
            )
        for name, value, known in (
            ("schedule", self.kind, KINDS),
            ("prediction", self.prediction, PREDICTIONS),
        ):
            if value not in known:
                hint = did_you_mean(value, known) or "."
                raise InputError(
                    "{}={}: unknown{} Known: {}.".format(name, shortened(value), hint, ", ".join(known))
                )

    @property
    def alphas_cumprod(self) -> np.ndarray:
        """abar for each step, float64 (timesteps,), falling from almost 1 to almost 0."""
        left: np.ndarray = np.cumprod(1 - self._betas())
        return left

    def _betas(self) -> np.ndarray:
        count = self.timesteps
        if self.kind == "linear":
            scale = 1000 / count
            linear: np.ndarray = np.minimum(np.linspace(scale * 0.0001, scale * 0.02, count), _LARGEST_BETA)
            return linear
        u = np.linspace(0, 1, count + 1)
        if self.kind == "cosine":
            left = np.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
        else:
            left = _sigmoid(3) - _sigmoid(6 * u - 3)
        betas: np.ndarray = np.clip(1 - left[1:] / left[:-1], 0, _LARGEST_BETA)
        return betas

    def add_noise(self, x: Any, noise: Any, t: int) -> Any:
        """Return x as it is after step t; t = -1 leaves it as it is.

        Args:
            x: float (..., C, H, W) in [-1, 1]; NumPy or torch.
            noise: The same shape, drawn from the standard normal distribution.
            t: The step, -1 to timesteps - 1.
        """
        signal, strength = self.strengths(t)
        return signal * x + strength * noise

    def strengths(self, t: int) -> tuple[float, float]:
        """Return (sqrt(abar_t), sqrt(1 - abar_t)): the shares of picture and noise after step t.

        Args:
            t: The step, from 0 to timesteps - 1.

        Raises:
            InputError: There is no such step.
        """
        if not -1 <= t < self.timesteps:
            raise InputError(f"t={t}: what fits is 0 to {self.timesteps - 1}.")
        left = 1.0 if t == -1 else float(self.alphas_cumprod[t])
        return math.sqrt(left), math.sqrt(1 - left)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Schedule:
        """Read what `to_dict` returned.

        Args:
            data: The mapping.

        Raises:
            InputError: A key is missing or unknown, or a value is none that fits.
        """
        if sorted(data) != ["kind", "prediction", "timesteps"]:
            keys = printable(", ".join(sorted(data)))
            raise InputError(f"a schedule has the keys kind, prediction and timesteps; this one has {keys}.")
        return cls(**data)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))
