"""The options of sampling images, and whether a model has them: see `sampling`."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Callable, Collection, Mapping, Sized

import numpy as np

from onnxnn_runtime.api.calls import checked_class, unknown_options
from onnxnn_runtime.arrays.numbers import is_integer
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import CallError, CardError, InputError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import is_one_of

if TYPE_CHECKING:
    if sys.version_info >= (3, 10):
        from dataclasses import KW_ONLY

    from onnxnn_runtime.card.diffusion import DiffusionSpec, SamplerSpec

NUM = 16
"""How many images are sampled by default."""

MOST = 100_000
"""How many are sampled in one call; they are all held in memory."""

STRENGTH = 0.6
"""The share of the steps that is denoised from a start image by default."""


def check_draws(card: ModelCard, name: str, inputs: Collection[str]) -> DiffusionSpec:
    """Return what a card says about sampling images.

    Args:
        card: The model's card.
        name: What errors call the model.
        inputs: The names of the graph's inputs.

    Raises:
        CardError: It says nothing, or the graph is another one.
    """
    spec = ModelKind(card).sampling
    if spec is None:
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: expected a diffusion model, got one from {input!r} to {output!r} without noise "
            "schedule in its card. Images are sampled by a network of add('diffusion_model', ...).",
            name=name,
            input=kind_name(card.input.kind),
            output=kind_name(card.output.kind),
        )
    wanted = (["x", "t"] if spec.sampler is None else ["noise"]) + (["label"] if spec.classes else [])
    if sorted(inputs) != sorted(wanted):
        raise CardError.coded(
            "E-MODEL-04",
            "{name}: expected the inputs {expected} of the diffusion model in its card, got {got} in the "
            "graph. Export the model again.",
            name=name,
            expected=", ".join(wanted),
            got=", ".join(inputs),
        )
    return spec


Callback = Callable[[int, np.ndarray], object]
"""Called after each step with its number, from 1, and the images so far, (N, C, H, W) in 0..1."""


@checked_class(call="sample")
@dataclass(frozen=True, eq=False)
class SamplingOptions:
    """How images are sampled; every call that samples takes these options by name.

    Args:
        num: How many images; None takes as many as `noise`, `start` or `label` hold, else 16.
        steps: How many steps, 1 to the schedule's timesteps; None takes 20, and all for "ddpm".
        sampler: "dpm++" (None), "ddim" or "ddpm".
        seed: 0 to 2**32 - 1; image i of a seed is the same one whichever `num`. None: another one
            each time.
        eta: For "ddim": fresh noise in each step, from 0 (none) to 1 (as "ddpm").
        label: For networks with classes: a name or an index, or one for each image; "none" is the empty
            label. None draws labels with the frequency that they had in training.
        guidance: How far images follow their label: none + guidance * (labelled - none), see Ho &
            Salimans, "Classifier-Free Diffusion Guidance", 2022; 0 to 1000. 1 (None) is the labelled
            prediction.
        noise: The first noise, in place of the seed's: float (num, C, H, W), standard normal.
        start: An image (path, bytes, PIL image or array) to begin with, or one for each: noise is added
            to it, and `strength` says how much.
        strength: How much noise is added to `start`: the share of the schedule's timesteps that is denoised
            again, above 0 up to 1, where 1 is all noise. It is kept whatever `steps`; what adds no noise
            at all is refused. None takes 0.6, and 1 with a mask.
        mask: Inpainting mask: where `start` is replaced (1) or kept (0), an array (H, W) of 0 and 1, or a
            black and white image of that size.
        return_all_timesteps: Return what there was before the first step and after each of them.
        callback: Called as callback(step, images) after each step; where there are more images than
            `batch_size`, for one part of them after the other.
        progress: Show a bar on stderr, where that is a terminal.
        batch_size: Images that run together.

    Raises:
        InputError: The callback is no function.
    """

    num: int | None = None
    steps: int | None = None
    sampler: str | None = None
    seed: int | None = None
    eta: float = 0.0
    label: object = None
    guidance: float | None = None
    if TYPE_CHECKING and sys.version_info >= (3, 10):  # older ones have no fields given by name alone
        _: KW_ONLY
    noise: object = None
    start: object = None
    strength: float | None = None
    mask: object = None
    return_all_timesteps: bool = False
    callback: Callback | None = None
    progress: bool = False
    batch_size: int = 64

    def __post_init__(self) -> None:
        if self.callback is not None and not callable(self.callback):
            raise InputError.coded(
                "E-CALL-03",
                "callback={callback}: expected a function of (step, images).",
                callback=shortened(self.callback),
            )

    @classmethod
    def between(cls, num: int, strength: float, options: Mapping[str, object]) -> SamplingOptions:
        """Return the options of `interpolate`, which begins with the two images that it is given.

        Args:
            num: How many images, both ends counted.
            strength: How freely they are sampled.
            options: Others by name.

        Raises:
            CallError: One is no option of `interpolate`; the message names all of those.
            InputError: The callback is no function.
        """
        others = [each.name for each in fields(cls) if each.name not in (*_OF_ENDS, "num", "strength")]
        advice = dict.fromkeys(_OF_ENDS, gettext("both images are given. Leave it out"))
        problems = unknown_options("interpolate()", options, others, advice)
        if problems:
            raise CallError.coded("E-CALL-01", "{call}: {problems}", call="interpolate()", problems=problems)
        # each is checked where it is used
        return cls(num=num, strength=strength, **options)  # type: ignore[arg-type]


_OF_ENDS = ("noise", "start", "mask")
"""Options that say what sampling begins with, which `interpolate` decides itself."""


def how_many(num: int | None, **given: Sized | None) -> int:
    """Return how many images to sample.

    Args:
        num: What the user asked for; None takes as many as are given, else 16.
        given: What is given once for each image, by its name; None where it is not.

    Raises:
        InputError: The numbers differ, or `num` is no integer from 1.
    """
    lengths = {name: len(values) for name, values in given.items() if values is not None}
    if num is None:
        num = max(lengths.values(), default=NUM)
    if not is_integer(num) or not 1 <= num <= MOST:
        raise InputError.coded(
            "E-INPUT-06",
            "num={num}: expected an integer from 1 to {most:,}.",
            num=shortened(num),
            most=MOST,
        )
    for name, length in lengths.items():
        if length != num:
            raise InputError.coded(
                "E-INPUT-06",
                "num={num}: expected {entries} in {name}, one for each image, got {length}. Use "
                "num={length}, or leave num out.",
                num=num,
                entries=ngettext("{count} entry", "{count} entries", num),
                name=name,
                length=length,
            )
    return int(num)


def how_strong(strength: float | None, start: object, mask: object) -> float:
    """Return the share of the steps to denoise.

    Raises:
        InputError: `strength` or `mask` is given without `start`.
    """
    if start is None:
        for name, value in (("strength", strength), ("mask", mask)):
            if value is not None:
                raise InputError.coded(
                    "E-CALL-02",
                    "{name}=...: expected start=..., the image that it belongs to, got none. Give "
                    "start=... too.",
                    name=name,
                )
        return 1.0
    if strength is None:
        return STRENGTH if mask is None else 1.0
    return strength


def check_baked(baked: SamplerSpec, name: str, options: SamplingOptions) -> None:
    """Refuse options that a file which holds the whole loop cannot follow.

    Args:
        baked: The loop inside the file.
        name: What errors call the file.
        options: What was asked for.

    Raises:
        InputError: One is given and differs from what the file does.
    """
    does = {"sampler": baked.name, "steps": baked.steps, "guidance": baked.guidance}
    does.update(eta=0, return_all_timesteps=False)
    for option in (*does, "start", "strength", "mask", "callback"):
        value = getattr(options, option)
        if value is None or is_one_of(value, (does.get(option),)):
            continue
        shown = shortened(value) if isinstance(value, (int, float, str)) else "..."
        raise InputError.coded(
            "E-INPUT-08",
            "{name}: {option}={value}: expected the sampling loop inside this file, sampler={sampler}, "
            "steps={steps} and guidance={guidance:g}. Leave {option} out, or use a file of the denoiser "
            "alone, which export() writes without sampler=.",
            name=name,
            option=option,
            value=shown,
            sampler=shortened(baked.name),
            steps=baked.steps,
            guidance=baked.guidance,
        )


def check_interpolates(spec: DiffusionSpec, name: str) -> None:
    """Refuse a file that holds the whole loop, which begins with noise.

    Raises:
        InputError: It does.
    """
    if spec.sampler is not None:
        raise InputError.coded(
            "E-INPUT-08",
            "{name}: interpolate() expected the denoiser alone, got a file with the sampling loop "
            "inside. Take the one that export() writes without sampler=.",
            name=name,
        )
