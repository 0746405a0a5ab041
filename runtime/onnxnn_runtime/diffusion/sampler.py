"""Sampling images from noise: what each sampler computes, and the loop that computes it.

Every sampler here is a table, one row a step. A step first reads the network's estimate of the clean
image, and then moves towards it:

    x0  <-  p x + q prediction                 (clipped to [-1, 1])
    x   <-  a x + b x0 + c x0_before + d z     (z: fresh standard normal noise)

So one loop serves all samplers, in NumPy, in torch on any device, and inside an ONNX graph. Coefficients
are float64; images are float32.

With abar alphas_cumprod (see `schedule`), t the timestep of a step and s the one it leads to (abar_s = 1
after the last):

    prediction = noise:  x0 = (x - sqrt(1 - abar_t) prediction) / sqrt(abar_t)  Ho et al. 2020, eq. 15
    prediction = v:      x0 = sqrt(abar_t) x - sqrt(1 - abar_t) prediction      Salimans & Ho 2022, app. D
    noise in x:          e  = (x - sqrt(abar_t) x0) / sqrt(1 - abar_t)
    ddim:                x  = sqrt(abar_s) x0 + sqrt(1 - abar_s - sigma^2) e + sigma z
                         sigma = eta sqrt((1 - abar_s) / (1 - abar_t)) sqrt(1 - abar_t / abar_s)
                                                     Song et al. 2021, eq. 12 and 16
    ddpm:                ddim with eta = 1, which is Ho et al. 2020, eq. 7 (Song et al. 2021, section 4.1)
    dpm++:               lambda = log(sqrt(abar) / sqrt(1 - abar)), h = lambda_s - lambda_t, r = h_before / h
                         D = (1 + 1 / 2r) x0 - 1 / 2r x0_before;  D = x0 in the first and the last step
                         x = sqrt((1 - abar_s) / (1 - abar_t)) x - sqrt(abar_s) (exp(-h) - 1) D
                                                     Lu et al., "DPM-Solver++", 2022, algorithm 2
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Callable, Iterator, TypeVar

import numpy as np

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.arrays.numbers import check_integer, is_number, plain_number
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.errors import InputError, name_hint
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shorten import shortened

if TYPE_CHECKING:
    from typing import Protocol  # of Python 3.8

    class _Arithmetic(Protocol):
        """What an array of NumPy and a tensor of torch have in common."""

        def __mul__(self, __other: float) -> Any: ...
        def __iadd__(self, __other: Any) -> Any: ...
        def clip(self, __low: float, __high: float) -> Any: ...


_Array = TypeVar("_Array", bound="_Arithmetic")

SAMPLERS = ("ddpm", "ddim", "dpm++")


@dataclass(frozen=True)
class Plan:
    """What a sampler computes in each step, as a table.

    Args:
        timesteps: int64 (S,): the t that each step is conditioned on, falling.
        to_clean: float64 (S, 2): p and q of each step.
        update: float64 (S, 4): a, b, c and d of each step.
        after: int64 (S,): the t that each step leads to; -1 after the last.
    """

    timesteps: np.ndarray
    to_clean: np.ndarray
    update: np.ndarray
    after: np.ndarray

    def __len__(self) -> int:
        return len(self.timesteps)

    @property
    def draws(self) -> bool:
        """Whether steps draw fresh noise."""
        return bool(self.update[:, 3].any())


def make_plan(
    schedule: Schedule,
    sampler: str = "dpm++",
    steps: int | None = None,
    eta: float = 0.0,
    strength: float = 1.0,
) -> Plan:
    """Return a sampler's table.

    The steps are spread evenly and begin with the last one of the schedule ("trailing" in Lin et al.,
    "Common Diffusion Noise Schedules and Sample Steps are Flawed", 2024, table 2).

    Args:
        schedule: The schedule that the network was trained with.
        sampler: "ddpm", "ddim" or "dpm++".
        steps: How many steps, 1 to the schedule's timesteps; None takes all for "ddpm", else 20.
        eta: For "ddim": how much fresh noise, from 0 (none) to 1 (as "ddpm").
        strength: For a start that is an image: the share of the schedule's timesteps to denoise, above 0, up
            to 1. As many of the `steps`, at least one, are spread evenly over that share.

    Raises:
        InputError: An option is out of range, or `strength` is below the schedule's first timestep.
    """
    if not isinstance(sampler, str) or sampler not in SAMPLERS:
        raise _unknown_sampler(sampler)
    steps, eta, strength = plain_number(steps), plain_number(eta), plain_number(strength)
    most = schedule.timesteps
    if steps is None:
        steps = most if sampler == "ddpm" else min(20, most)
    check_integer("steps", steps, highest=most)
    _check_eta(eta, sampler)
    _check_strength(strength, most)
    return _plan(schedule, sampler, int(steps), 1.0 if sampler == "ddpm" else float(eta), float(strength))


def _check_eta(eta: object, sampler: str) -> None:
    if not is_number(eta) or not 0 <= eta <= 1:
        raise InputError.coded("E-INPUT-06", "eta={eta}: expected a number from 0 to 1.", eta=shortened(eta))
    if eta and sampler != "ddim":
        raise InputError.coded(
            "E-INPUT-06",
            'eta={eta}: expected sampler="ddim", got {sampler}. Leave eta out, or use sampler="ddim".',
            eta=shortened(eta),
            sampler=shortened(sampler),
        )


def _check_strength(strength: object, most: int) -> None:
    if not is_number(strength) or not 0 < strength <= 1:
        raise InputError.coded(
            "E-INPUT-06",
            "strength={strength}: expected a number above 0, at most 1.",
            strength=shortened(strength),
        )
    if round(most * float(strength)) < 1:
        raise InputError.coded(
            "E-INPUT-06",
            "strength={strength:g}: expected at least {least:g}; less adds no noise in a schedule of "
            "{timesteps}.",
            strength=strength,
            least=1 / most,
            timesteps=ngettext("{count} timestep", "{count} timesteps", most),
        )


def _unknown_sampler(sampler: object) -> InputError:
    return InputError.coded(
        "E-INPUT-06",
        "sampler={sampler}: unknown sampler{hint} Choose one of {known}.",
        sampler=shortened(sampler),
        hint=name_hint(sampler, SAMPLERS),
        known=", ".join(SAMPLERS),
    )


@lru_cache(maxsize=32)  # worth a tenth of the time that the loop itself takes for one image
def _plan(schedule: Schedule, sampler: str, steps: int, eta: float, strength: float) -> Plan:
    t = _timesteps(schedule.timesteps, steps, strength)
    alphas_cumprod = schedule.alphas_cumprod
    now = alphas_cumprod[t]
    then = np.append(alphas_cumprod[t[1:]], 1.0)
    signal, noise = np.sqrt(now), np.sqrt(1 - now)
    if schedule.prediction == "noise":
        to_clean = np.stack([1 / signal, -noise / signal], axis=1)  # Ho et al. 2020, eq. 15
    else:
        to_clean = np.stack([signal, -noise], axis=1)  # Salimans & Ho 2022, appendix D
    update = _dpm(now) if sampler == "dpm++" else _ddim(now, then, eta)
    return Plan(t, to_clean, update, np.append(t[1:], -1))


def _timesteps(most: int, steps: int, strength: float) -> np.ndarray:
    """Return the timesteps of a plan, falling; the first is the one that `strength` asks for."""
    count = max(1, round(steps * strength))
    if abs(steps * strength - count) < 1e-9:  # in integers, where rounding is sure
        t = np.round(most * np.arange(count, 0, -1) / steps)
    else:
        t = np.round(most * strength * np.arange(count, 0, -1) / count)
    return np.unique(np.maximum(t, 1).astype(np.int64))[::-1] - 1


def _ddim(now: np.ndarray, then: np.ndarray, eta: float) -> np.ndarray:
    """Return the updates a, b, 0 and d of Song et al. 2021, eq. 12, with e written in x and x0."""
    sigma = eta * np.sqrt((1 - then) / (1 - now) * (1 - now / then))  # eq. 16
    a = np.sqrt(np.maximum(1 - then - sigma**2, 0) / (1 - now))
    b = np.sqrt(then) - a * np.sqrt(now)
    return np.stack([a, b, np.zeros_like(a), sigma], axis=1)


def _dpm(now: np.ndarray) -> np.ndarray:
    """Return the updates a, b, c and 0 of DPM-Solver++(2M), Lu et al. 2022, algorithm 2."""
    update = np.zeros((len(now), 4))
    update[-1, 1] = 1  # lambda_s and h are infinite: the estimate itself
    h = np.diff(0.5 * np.log(now / (1 - now)))  # of lambda = log(sqrt(abar) / sqrt(1 - abar))
    back = np.zeros_like(h)  # 1 / 2r
    back[1:] = h[1:] / (2 * h[:-1])
    towards = -np.sqrt(now[1:]) * np.expm1(-h)
    update[:-1, 0] = np.sqrt((1 - now[1:]) / (1 - now[:-1]))
    update[:-1, 1] = towards * (1 + back)  # D = (1 + 1 / 2r) x0 - 1 / 2r x0_before
    update[:-1, 2] = -towards * back
    return update


_KEPT = threading.local()
"""Each thread's stream for what is drawn once: making one takes ten times as long as seeding it again.

One for all threads would need a lock, which a fork during a draw would leave held in the child for ever.
"""


def _stream() -> np.random.RandomState:
    found: np.random.RandomState | None = getattr(_KEPT, "stream", None)
    if found is None:
        found = _KEPT.stream = np.random.RandomState(0)
    return found


def checked_seed(seed: int) -> int:
    """Return a seed as an int, or raise an InputError."""
    check_integer("seed", seed, 0, 2**32 - 1)
    return int(seed)


class Noise:
    """Standard normal noise for images, each with a stream of its own.

    Image i of a seed is the same one whichever others are drawn beside it. The numbers come from
    NumPy's legacy generator (Mersenne Twister), whose streams are frozen for all versions.

    Args:
        seed: 0 to 2**32 - 1; None takes another one each time.
        shape: (C, H, W) of one image.
        first: Number of the first image.
        count: How many images.

    Raises:
        InputError: The seed is out of range.
    """

    def __init__(self, seed: int | None, shape: tuple[int, ...], count: int, first: int = 0) -> None:
        if seed is None:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        self._seed, self._shape = checked_seed(seed), shape
        self._numbers = range(first, first + count)
        self._drawn = False
        self._streams: list[np.random.RandomState] = []

    def __call__(self) -> np.ndarray:
        """Draw the next noise, float32 (count, C, H, W)."""
        if not self._drawn:
            self._drawn = True
            return self._first()
        if not self._streams:
            self._streams = [np.random.RandomState([self._seed, i]) for i in self._numbers]
            for stream in self._streams:
                stream.standard_normal(self._shape)
        drawn = np.empty((len(self._streams), *self._shape), np.float32)
        for stream, image in zip(self._streams, drawn):
            image[...] = stream.standard_normal(self._shape)
        return drawn

    def _first(self) -> np.ndarray:
        """Draw without making the streams: most samplers draw only once."""
        drawn = np.empty((len(self._numbers), *self._shape), np.float32)
        stream = _stream()
        for number, image in zip(self._numbers, drawn):
            stream.seed([self._seed, number])
            image[...] = stream.standard_normal(self._shape)
        return drawn


def denoise(
    predict: Callable[[_Array, int], _Array],
    plan: Plan,
    x: _Array,
    noise: Callable[[], _Array] | None = None,
    keep: Callable[[_Array, int], _Array] | None = None,
    clip: bool = True,
) -> Iterator[_Array]:
    """Denoise step by step, and yield x after each step, float32 (N, C, H, W) about [-1, 1].

    Args:
        predict: (x (N, C, H, W), t) -> what the network predicts, the same shape and type.
        plan: The sampler's table.
        x: Where to begin: noise, or a noisy image; float32, NumPy or torch. It is not changed.
        noise: Draws fresh noise like x; needed where the plan draws.
        keep: (x, t) -> x with what is known put in, after each step; for inpainting.
        clip: Whether the estimate of the clean image is clipped to [-1, 1].
    """
    before = None
    rows = zip(plan.timesteps.tolist(), plan.to_clean.tolist(), plan.update.tolist(), plan.after.tolist())
    for t, (p, q), (a, b, c, d), after in rows:
        clean = predict(x, t) * q
        clean += x * p
        if clip:
            clean = clean.clip(-1, 1)
        x = x * a
        x += clean * b
        if c:
            x += before * c
        if d:
            x += present(noise)() * d
        if keep is not None:
            x = keep(x, after)
        before = clean
        yield x
