"""Images from a diffusion model: from noise, from an image, between two, or a part of one inpainted.

One implementation for torch and ONNX Runtime: it takes a function that runs the network. What a step
computes stands in `sampler`, the options in `options`. Images that go in and come out lie in 0..1, the
network's in [-1, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Callable, Iterator

import numpy as np

from onnxnn_runtime.api.calls import checked
from onnxnn_runtime.arrays.numbers import check_integer
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.progress import ProgressLine

from .labels import pick_guidance, pick_labels, plain_label
from .options import SamplingOptions, check_baked, check_draws, check_interpolates, how_many, how_strong
from .sampler import Noise, Plan, denoise, make_plan
from .start import read_images, read_mask, read_noise

__all__ = [
    "Predict",
    "SamplingOptions",
    "check_baked",
    "check_draws",
    "check_interpolates",
    "draw_with_graph",
    "interpolate_images",
    "sample_images",
]

Predict = Callable[[np.ndarray, int, "np.ndarray | None"], np.ndarray]
"""(x float32 (N, C, H, W), t, labels int64 (N,) or None) -> the prediction, float32 (N, C, H, W).

The class index after the last one means "no label"; None is for networks without classes.
"""


@checked
def sample_images(
    predict: Predict,
    spec: DiffusionSpec,
    options: SamplingOptions,
    preprocess: Preprocess | None = None,
) -> np.ndarray:
    """Sample images.

    Args:
        predict: Runs the network.
        spec: The card's schedule, image shape and classes.
        options: How many, in which way; see `SamplingOptions`.
        preprocess: How `start` becomes an array; None resizes it to the model's size.

    Returns:
        float32 (num, C, H, W) in 0..1; with `return_all_timesteps` (num, steps + 1, C, H, W).

    Raises:
        InputError: An option is out of range, or does not match the model or the other options.
    """
    strength = how_strong(options.strength, options.start, options.mask)
    given = _read(spec, options, preprocess)
    sampler = "dpm++" if options.sampler is None else options.sampler
    plan = make_plan(spec.schedule, sampler, options.steps, options.eta, strength)
    guidance = pick_guidance(options.guidance, plain_label(options.label), spec.classes)
    every = options.return_all_timesteps
    frames = len(plan) + 1 if every else 1
    drawn = np.empty((given.count, frames, *spec.shape), np.float32)
    parts = list(_parts(given.count, options.batch_size))
    total = len(parts) * len(plan)
    with ProgressLine(_progress_words, options.progress) as line:
        for number, part in enumerate(parts):
            run = _guided(predict, given.labels_of(part), guidance, len(spec.classes))
            for step, x in enumerate(_states(run, spec, plan, given, part)):
                if every or step == len(plan):
                    drawn[part, step % frames] = _seen(x)
                if step and options.callback is not None:
                    options.callback(step, _seen(x))
                if step:
                    line(number * len(plan) + step, total)
    if not np.isfinite(drawn[:, -1]).all():
        raise InputError.coded(
            "E-INPUT-08",
            "expected finite predictions from the network, got NaN or infinite ones. Train it again with "
            "a smaller lr.",
        )
    if given.images is not None and given.mask is not None:
        drawn[:, -1] = np.where(given.mask, drawn[:, -1], given.images)
    return drawn if every else drawn[:, 0]


@checked
def interpolate_images(
    predict: Predict,
    spec: DiffusionSpec,
    first: object,
    second: object,
    options: SamplingOptions,
    preprocess: Preprocess | None = None,
) -> np.ndarray:
    """Sample images that lead from one to another.

    Both are blended, noise is added to the blends, and the network denoises each. The noise goes from
    one draw to another, too: cos(w) z1 + sin(w) z2 with w from 0 to pi / 2, which keeps its variance.

    Args:
        predict, spec, preprocess: As for `sample_images`.
        first: An image: path, bytes, PIL image or array.
        second: Another one.
        options: How many, both ends counted, at least 2, and in which way; see `SamplingOptions.between`.
            Without a label all images get the same one, drawn by its frequency in training.

    Returns:
        float32 (num, C, H, W) in 0..1; with `return_all_timesteps` (num, steps + 1, C, H, W).

    Raises:
        InputError: As for `sample_images`.
    """
    num = how_many(options.num)
    if num < 2:
        raise InputError.coded("E-INPUT-06", "num={num}: expected at least 2, for the two ends.", num=num)
    ends = [read_images(each, spec, preprocess) for each in (first, second)]
    if any(len(images) != 1 for images in ends):
        raise InputError.coded(
            "E-INPUT-06", "interpolate(): expected one image for each of the two ends, got several."
        )
    way = np.linspace(0, 1, num, dtype=np.float32).reshape(-1, 1, 1, 1)
    blends = (ends[0] * (1 - way) + ends[1] * way).clip(0, 1)
    one, other = Noise(options.seed, spec.shape, 2)()
    angle = way * np.float32(math.pi / 2)
    noise = np.cos(angle) * one + np.sin(angle) * other
    label = options.label
    if label is None and spec.classes:
        drawn = pick_labels(None, spec, 1, options.seed)
        label = None if drawn is None else int(drawn[0])
    return sample_images(predict, spec, replace(options, start=blends, noise=noise, label=label))


def draw_with_graph(
    run: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
    spec: DiffusionSpec,
    options: SamplingOptions,
) -> np.ndarray:
    """Sample images with a graph that holds the whole loop.

    Args:
        run: (noise float32 (N, C, H, W), labels int64 (N,) or None) -> images, the same shape, in 0..1.
        spec: The card's schedule, image shape and classes.
        options: `num`, `seed`, `label`, `noise`, `progress` and `batch_size` count; see `check_baked`.

    Returns:
        float32 (num, C, H, W) in 0..1.

    Raises:
        InputError: An option is out of range or does not match the model.
    """
    given = _read(spec, options)
    drawn = np.empty((given.count, *spec.shape), np.float32)
    parts = list(_parts(given.count, options.batch_size))
    with ProgressLine(_progress_words, options.progress) as line:
        for number, part in enumerate(parts, 1):
            drawn[part] = run(given.first_noise(given.stream(part), part), given.labels_of(part))
            line(number, len(parts))
    return drawn


@dataclass(frozen=True)
class _Given:
    """What each image is made of.

    Args:
        seed: The seed of all noise.
        shape: (C, H, W) of an image.
        count: How many images.
        labels: Each one's class index, int64 (count,); None without classes.
        noise: The first noise, float32 (count, C, H, W); None draws it.
        images: What they begin with, float32 (count, C, H, W) in 0..1; None begins with noise alone.
        mask: Where images are replaced, bool (H, W); None everywhere.
    """

    seed: int | None
    shape: tuple[int, ...]
    count: int
    labels: np.ndarray | None
    noise: np.ndarray | None
    images: np.ndarray | None
    mask: np.ndarray | None

    def labels_of(self, part: slice) -> np.ndarray | None:
        return None if self.labels is None else self.labels[part]

    def stream(self, part: slice) -> Noise:
        return Noise(self.seed, self.shape, part.stop - part.start, part.start)

    def first_noise(self, stream: Noise, part: slice) -> np.ndarray:
        """Draw the noise to begin with; what is given takes its place, so that later draws are the same."""
        drawn = stream()
        return drawn if self.noise is None else self.noise[part]


def _read(spec: DiffusionSpec, options: SamplingOptions, preprocess: Preprocess | None = None) -> _Given:
    """Return what the options give for each image, and how many there are."""
    label = plain_label(options.label)
    noise = None if options.noise is None else read_noise(options.noise, spec.shape)
    images = None if options.start is None else read_images(options.start, spec, preprocess)
    several = images if images is not None and len(images) > 1 else None
    names = label if isinstance(label, (list, tuple)) else None
    count = how_many(options.num, noise=noise, start=several, label=names)
    labels = pick_labels(label, spec, count, options.seed)
    mask = None if options.mask is None else read_mask(options.mask, spec.shape)
    if images is not None:
        images = np.broadcast_to(images, (count, *spec.shape))
    return _Given(options.seed, spec.shape, count, labels, noise, images, mask)


def _states(
    run: Callable[[np.ndarray, int], np.ndarray], spec: DiffusionSpec, plan: Plan, given: _Given, part: slice
) -> Iterator[np.ndarray]:
    """Yield x of some images before the first step and after each, float32 (N, C, H, W) about [-1, 1]."""
    stream = given.stream(part)
    noise = given.first_noise(stream, part)
    clean = None if given.images is None else given.images[part] * np.float32(2) - np.float32(1)
    begin, keep = _beginning(spec.schedule, plan, noise, clean, given.mask)
    yield begin
    yield from denoise(run, plan, begin, stream, keep)


def _parts(count: int, size: int) -> Iterator[slice]:
    check_integer("batch_size", size)
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _guided(
    predict: Predict, labels: np.ndarray | None, guidance: float, no_label: int
) -> Callable[[np.ndarray, int], np.ndarray]:
    if labels is None or guidance == 1:
        return lambda x, t: predict(x, t, labels)
    half = len(labels)
    both = np.concatenate([labels, np.full(half, no_label, np.int64)])

    def run(x: np.ndarray, t: int) -> np.ndarray:
        found = predict(np.concatenate([x, x]), t, both)
        labelled, free = found[:half], found[half:]
        return np.asarray(free + guidance * (labelled - free))

    return run


def _beginning(
    schedule: Schedule, plan: Plan, noise: np.ndarray, clean: np.ndarray | None, mask: np.ndarray | None
) -> tuple[np.ndarray, Callable[[np.ndarray, int], np.ndarray] | None]:
    """Return x before the first step, and what puts kept pixels back after each.

    Args:
        schedule: The schedule.
        plan: The sampler's table.
        noise: float32 (N, C, H, W).
        clean: Images to begin with, (N, C, H, W) in [-1, 1]; None begins with the noise.
        mask: Where they are replaced, bool (H, W); None everywhere.
    """
    if clean is None:
        return noise, None
    begin = schedule.add_noise(clean, noise, int(plan.timesteps[0]))
    if mask is None:
        return begin, None
    shares = {int(t): schedule.strengths(int(t)) for t in plan.after}

    def keep(x: np.ndarray, t: int) -> np.ndarray:
        signal, strength = shares[t]
        return np.where(mask, x, signal * clean + strength * noise)

    return begin, keep


def _seen(x: np.ndarray) -> np.ndarray:
    """Return images of [-1, 1] in 0..1."""
    seen = x + np.float32(1)
    seen *= np.float32(0.5)
    np.clip(seen, 0, 1, out=seen)
    return seen


def _progress_words(done: int, total: int | None) -> str:
    filled = "#" * (30 * done // total) if total else ""
    return gettext(
        "sampling [{bar}] {done} of {steps}",
        bar=filled.ljust(30),
        done=done,
        steps=ngettext("{count} step", "{count} steps", total or 0),
    )
