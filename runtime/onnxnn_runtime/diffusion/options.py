"""The options of sampling images, checked and turned into arrays: see `sampling`."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Callable, Collection, Mapping, Sequence, Sized

import numpy as np
from PIL import Image

from onnxnn_runtime.api.calls import checked_class, unknown_options
from onnxnn_runtime.arrays.conversion import as_array
from onnxnn_runtime.card.card import InputSpec, ModelCard
from onnxnn_runtime.card.diffusion import DiffusionSpec, SamplerSpec
from onnxnn_runtime.card.preprocess import COLORS, Preprocess, decode, pixels
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import CallError, CardError, InputError, did_you_mean, located
from onnxnn_runtime.images.decode import is_file_object
from onnxnn_runtime.inputs.given import matching, plain
from onnxnn_runtime.inputs.samples import Skipped, find_samples, read_sample
from onnxnn_runtime.messages.catalogue import coded, gettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.suggestions import is_one_of

from .sampler import checked_seed, plain_number

__all__ = [
    "Callback",
    "SamplingOptions",
    "check_baked",
    "check_draws",
    "how_many",
    "how_strong",
    "pick_guidance",
    "pick_labels",
    "plain_label",
    "read_images",
    "read_mask",
    "read_noise",
]

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
    spec = card.diffusion
    if spec is None:
        raise CardError(
            coded(
                "E-INPUT-08",
                "{name}: expected a diffusion model, got one from {input!r} to {output!r} without noise "
                "schedule in its card. Images are sampled by a network of add('diffusion_model', ...).",
                name=name,
                input=kind_name(card.input.kind),
                output=kind_name(card.output.kind),
            )
        )
    wanted = (["x", "t"] if spec.sampler is None else ["noise"]) + (["label"] if spec.classes else [])
    if sorted(inputs) != sorted(wanted):
        raise CardError(
            coded(
                "E-MODEL-04",
                "{name}: expected the inputs {expected} of the diffusion model in its card, got {got} in the "
                "graph. Export the model again.",
                name=name,
                expected=", ".join(wanted),
                got=", ".join(inputs),
            )
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
            Salimans, "Classifier-Free Diffusion Guidance", 2022. 1 (None) is the labelled prediction.
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
    label: Any = None
    guidance: float | None = None
    noise: Any = None
    start: Any = None
    strength: float | None = None
    mask: Any = None
    return_all_timesteps: bool = False
    callback: Callback | None = None
    progress: bool = False
    batch_size: int = 64

    def __post_init__(self) -> None:
        if self.callback is not None and not callable(self.callback):
            raise InputError(
                coded(
                    "E-CALL-03",
                    "callback={callback}: expected a function of (step, images).",
                    callback=shortened(self.callback),
                )
            )

    @classmethod
    def between(cls, num: int, strength: float, options: Mapping[str, Any]) -> SamplingOptions:
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
            raise CallError(coded("E-CALL-01", "{call}: {problems}", call="interpolate()", problems=problems))
        return cls(num=num, strength=strength, **options)


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
    if isinstance(num, bool) or not isinstance(num, (int, np.integer)) or not 1 <= num <= MOST:
        raise InputError(
            coded(
                "E-INPUT-06",
                "num={num}: expected an integer from 1 to {most:,}.",
                num=shortened(num),
                most=MOST,
            )
        )
    for name, length in lengths.items():
        if length != num:
            raise InputError(
                coded(
                    "E-INPUT-06",
                    "num={num}: expected {num} entries in {name}, one for each image, got {length}. Use "
                    "num={length}, or leave num out.",
                    num=num,
                    name=name,
                    length=length,
                )
            )
    return int(num)


def how_strong(strength: float | None, start: Any, mask: Any) -> float:
    """Return the share of the steps to denoise.

    Raises:
        InputError: `strength` or `mask` is given without `start`.
    """
    if start is None:
        for name, value in (("strength", strength), ("mask", mask)):
            if value is not None:
                raise InputError(
                    coded(
                        "E-CALL-02",
                        "{name}=...: expected start=..., the image that it belongs to, got none. Give "
                        "start=... too.",
                        name=name,
                    )
                )
        return 1.0
    if strength is None:
        return STRENGTH if mask is None else 1.0
    return strength


def plain_label(label: Any) -> Any:
    """Return a label, or a list of labels, of Python's own types for NumPy's and torch's.

    Raises:
        InputError: There are more than are drawn in one call.
    """
    if np.prod(getattr(label, "shape", ()), dtype=np.float64) > MOST:
        raise InputError(
            coded(
                "E-INPUT-06",
                "label={label}: expected at most {most:,} labels, one for each image.",
                label=shortened(label),
                most=MOST,
            )
        )
    return label.tolist() if hasattr(label, "tolist") else label


def pick_labels(label: Any, spec: DiffusionSpec, num: int, seed: int | None = None) -> np.ndarray | None:
    """Return each image's class index, int64 (num,); None for a model without classes.

    Args:
        label: A class's name or index, or a list or tuple of `num` of them; "none", unless a class has that
            name, is the empty label, whose index is the one after the last class. None draws labels as
            frequent as they were in training; where the card does not say how frequent, all alike.
        spec: What the card says about the classes.
        num: How many images.
        seed: Image i of a seed has the same label whichever `num`.

    Raises:
        InputError: There is no such class, or the model has none at all.
    """
    classes = spec.classes
    if not classes:
        if label is not None:
            raise InputError(
                coded(
                    "E-INPUT-08",
                    "label={label}: expected no label, because this model was trained without classes. Leave "
                    "label out, or train with add('diffusion_model', ..., classes=True).",
                    label=shortened(label),
                )
            )
        return None
    if label is None:
        return _frequent(spec, num, seed)
    several = isinstance(label, (list, tuple))
    numbers = [_class_number(each, classes) for each in (label if several else [label] * num)]
    return np.array(numbers, np.int64)


def _frequent(spec: DiffusionSpec, num: int, seed: int | None) -> np.ndarray:
    """Return class indices drawn by their frequency in training, by inverse transform sampling."""
    counts = np.array(spec.class_counts or [1] * len(spec.classes), np.float64)
    sums = counts.cumsum()
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    stream = checked_seed(seed)
    chances = [np.random.RandomState([stream, number, _LABELS]).random_sample() for number in range(num)]
    return np.asarray(sums.searchsorted(np.array(chances) * sums[-1], side="right"), np.int64)


_LABELS = 1
"""Sets the streams of labels apart from those of noise."""


def is_empty(label: Any, classes: Sequence[str]) -> bool:
    """Return whether a label is the empty one."""
    return isinstance(label, str) and label == "none" and label not in classes


def _class_number(label: Any, classes: Sequence[str]) -> int:
    if isinstance(label, str) and label in classes:
        return list(classes).index(label)
    if is_empty(label, classes):
        return len(classes)
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool) and 0 <= label < len(classes):
        return int(label)
    shown = ", ".join(printable(name, 40) for name in classes[:20]) + (", ..." if len(classes) > 20 else "")
    hint = did_you_mean(label, classes) if isinstance(label, str) else ""
    if hint:
        raise InputError(
            coded(
                "E-INPUT-06",
                "label={label}: unknown class{hint} Use a class name: {classes}; a class index from 0 to "
                '{last}; or "none", the empty label.',
                label=shortened(label),
                hint=hint,
                classes=shown,
                last=len(classes) - 1,
            )
        )
    raise InputError(
        coded(
            "E-INPUT-06",
            "label={label}: unknown class. Use a class name: {classes}; a class index from 0 to {last}; or "
            '"none", the empty label.',
            label=shortened(label),
            classes=shown,
            last=len(classes) - 1,
        )
    )


def pick_guidance(guidance: float | None, label: Any, classes: Sequence[str]) -> float:
    """Return how far images follow their label, the guidance scale; 1 is the default.

    Raises:
        InputError: It is no number from 0, or there is no label to follow.
    """
    guidance = plain_number(guidance)
    if guidance is None:
        return 1.0
    number = isinstance(guidance, (int, float, np.number)) and not isinstance(guidance, bool)
    if not number or not 0 <= guidance < math.inf:
        raise InputError(
            coded(
                "E-INPUT-06",
                "guidance={guidance}: expected a number of at least 0. 1 is no guidance, 2 is usual.",
                guidance=shortened(guidance),
            )
        )
    if guidance != 1 and (not classes or is_empty(label, classes)):
        raise InputError(
            coded(
                "E-CALL-02",
                "guidance={guidance}: expected a label for images to follow, got none. Give label=..., or "
                "leave guidance out.",
                guidance=guidance,
            )
        )
    return float(guidance)


def read_noise(noise: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return noise that was given, float32 (N, C, H, W).

    Raises:
        InputError: Its shape or type does not match, or it is not finite.
    """
    try:
        array = as_array(noise)
    except InputError as error:
        raise InputError(located("noise", error)) from error
    if array.dtype.kind != "f" or array.ndim != 4 or array.shape[1:] != shape or not len(array):
        raise InputError(
            coded(
                "E-INPUT-03",
                "noise: expected float32 (num, {channels}, {height}, {width}), got {dtype} {shape}.",
                channels=shape[0],
                height=shape[1],
                width=shape[2],
                dtype=array.dtype,
                shape=array.shape,
            )
        )
    if not np.isfinite(array).all():
        raise InputError(
            coded(
                "E-INPUT-04",
                "noise: expected finite numbers, got NaN or infinite ones. Draw them from a standard normal "
                "distribution.",
            )
        )
    return np.array(array, np.float32)


def read_images(source: Any, spec: DiffusionSpec, preprocess: Preprocess | None = None) -> np.ndarray:
    """Return images to begin with, float32 (N, C, H, W) in 0..1.

    Args:
        source: A path, a folder, bytes, a PIL image, an array, or a list of those.
        spec: Says the shape of the model's images.
        preprocess: How an image becomes an array; None resizes it to that shape.

    Raises:
        InputError: One is broken, or has another size after preprocessing.
    """
    channels, height, width = spec.shape
    if preprocess is None:
        color = next(name for name, number in COLORS.items() if number == channels)
        preprocess = Preprocess(color, (("resize", height, width),))
    wanted = InputSpec("image", ("batch", channels, height, width), preprocess)
    skipped: list[Skipped] = []
    return np.stack([read_sample(sample, wanted) for sample in find_samples(source, wanted, skipped)])


def read_mask(mask: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return the inpainting mask: where an image is drawn, bool (H, W).

    Args:
        mask: An array (H, W) of 0 and 1, or of 0 and 255; or a black and white image: a path, bytes, an open
            file or a PIL image, where white (from 128) is drawn.
        shape: (C, H, W) of the model's images.

    Raises:
        InputError: It has another size, or other numbers.
    """
    given = plain(mask)
    if isinstance(given, str):
        found = matching(given)
        if len(found) > 1:
            raise InputError(
                coded(
                    "E-INPUT-06",
                    "mask={mask}: expected one file, got {count} that match. Give one mask.",
                    mask=shortened(given),
                    count=len(found),
                )
            )
        given = found[0]
    if isinstance(given, (str, bytes, bytearray, memoryview, Image.Image)) or is_file_object(given):
        array = pixels(decode(given, "grayscale"))[:, :, 0] >= 128
    else:
        array = as_array(given)
    if array.shape != shape[1:]:
        raise InputError(
            coded(
                "E-INPUT-03",
                "mask: expected {expected}, the height and width of the model's images, got {got}. Resize it "
                "first.",
                expected=shape[1:],
                got=array.shape,
            )
        )
    if not any(np.isin(array, (0, white)).all() for white in (1, 255)):
        raise InputError(
            coded(
                "E-INPUT-04",
                "mask: expected 1 or 255 where the image is replaced and 0 where it is kept, got other "
                "numbers. Write mask >= 128.",
            )
        )
    return np.asarray(array != 0)


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
    inside = (*does, "eta", "start", "strength", "mask", "return_all_timesteps", "callback")
    for option in inside:
        value = getattr(options, option)
        is_left_out = value is None or (option == "return_all_timesteps" and value is False)
        if is_left_out or is_one_of(value, (does.get(option, 0 if option == "eta" else None),)):
            continue
        shown = shortened(value) if isinstance(value, (int, float, str)) else "..."
        raise InputError(
            coded(
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
        )
