"""The noise schedule of a diffusion model: how much of an image remains at each timestep.

An image x0 in [-1, 1] becomes x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) noise (Ho et al., "Denoising
Diffusion Probabilistic Models", 2020, eq. 4). Timesteps are numbered 0 (hardly any noise) to timesteps - 1
(hardly anything else). All coefficients are float64.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Mapping, Sequence, TypeVar

import numpy as np

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import InputError, did_you_mean
from onnxnn_runtime.messages.shorten import printable, shortened

if TYPE_CHECKING:
    from typing import Protocol  # of Python 3.8

    class _Scaled(Protocol):
        """What arrays of NumPy and tensors of torch have in common."""

        def __mul__(self, __share: float) -> Any: ...


_Images = TypeVar("_Images", bound="_Scaled")

KINDS = ("linear", "cosine", "sigmoid")
PREDICTIONS = ("noise", "v")

MOST_TIMESTEPS = 100_000
"""Timesteps of the longest schedule; a thousand are usual."""

_LARGEST_BETA = 0.999
"""Keeps the last timesteps from erasing an image altogether, which noise prediction could not undo."""


@checked_class()
@dataclass(frozen=True)
class Schedule:
    """How noise grows over the timesteps, and what the network predicts of a noisy image.

    Args:
        timesteps: How many timesteps lead from an image to noise, at least 1.
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
            raise InputError.coded(
                "E-INPUT-06",
                "timestep={timesteps}: expected an integer from 1 to {most}, such as 500.",
                timesteps=shortened(self.timesteps),
                most=MOST_TIMESTEPS,
            )
        for name, value, known in (
            ("schedule", self.kind, KINDS),
            ("prediction", self.prediction, PREDICTIONS),
        ):
            if value not in known:
                raise _unknown(name, value, known)

    @property
    def alphas_cumprod(self) -> np.ndarray:
        """abar for each step, float64 (timesteps,), falling from almost 1 to almost 0."""
        alphas_cumprod: np.ndarray = np.cumprod(1 - self._betas())
        return alphas_cumprod

    def _betas(self) -> np.ndarray:
        count = self.timesteps
        if self.kind == "linear":
            scale = 1000 / count
            linear: np.ndarray = np.minimum(np.linspace(scale * 0.0001, scale * 0.02, count), _LARGEST_BETA)
            return linear
        u = np.linspace(0, 1, count + 1)
        if self.kind == "cosine":
            abar = np.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
        else:
            abar = _sigmoid(3) - _sigmoid(6 * u - 3)
        betas: np.ndarray = np.clip(1 - abar[1:] / abar[:-1], 0, _LARGEST_BETA)
        return betas

    def add_noise(self, x: _Images, noise: _Images, t: int) -> _Images:
        """Return x as it is after timestep t; t = -1 leaves it as it is.

        Args:
            x: float (..., C, H, W) in [-1, 1]; NumPy or torch.
            noise: The same shape, drawn from the standard normal distribution.
            t: The timestep, -1 to timesteps - 1.
        """
        signal, strength = self.strengths(t)
        noisy: _Images = x * signal + noise * strength
        return noisy

    def strengths(self, t: int) -> tuple[float, float]:
        """Return (sqrt(abar_t), sqrt(1 - abar_t)): the shares of image and noise after timestep t.

        Args:
            t: The timestep, from 0 to timesteps - 1.

        Raises:
            InputError: There is no such timestep.
        """
        if not -1 <= t < self.timesteps:
            raise InputError.coded(
                "E-INPUT-06", "t={t}: expected a timestep from 0 to {last}.", t=t, last=self.timesteps - 1
            )
        abar = 1.0 if t == -1 else float(self.alphas_cumprod[t])
        return math.sqrt(abar), math.sqrt(1 - abar)

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Schedule:
        """Read what `to_dict` returned.

        Args:
            data: The mapping.

        Raises:
            InputError: A key is missing or unknown, or a value is out of range.
        """
        if sorted(data) != ["kind", "prediction", "timesteps"]:
            keys = printable(", ".join(sorted(data)))
            raise InputError.coded(
                "E-INPUT-06",
                "schedule: expected the keys kind, prediction and timesteps, got {keys}.",
                keys=keys or "{}",
            )
        return cls(**data)  # type: ignore[arg-type]  # which the class checks


def _unknown(option: str, value: object, known: Sequence[str]) -> InputError:
    shown, names, hint = shortened(value), ", ".join(known), did_you_mean(value, known)
    if hint:
        return InputError.coded(
            "E-INPUT-06",
            "{option}={value}: unknown{hint} Choose one of {known}.",
            option=option,
            value=shown,
            hint=hint,
            known=names,
        )
    return InputError.coded(
        "E-INPUT-06", "{option}={value}: expected one of {known}.", option=option, value=shown, known=names
    )


def _sigmoid(x: float | np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))
