"""Images from a diffusion model: from noise, from an image, between two, or a part of one inpainted.

One implementation for torch and ONNX Runtime: it takes a function that runs the network. What a step
computes stands in `sampler`, the options in `options`. Images that go in and come out lie in 0..1, the
network's in [-1, 1].
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Callable, Iterator

import numpy as np

from onnxnn_runtime.api.calls import checked
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import coded, gettext
from onnxnn_runtime.messages.progress import ProgressLine
from onnxnn_runtime.messages.shorten import shortened

from .options import (
    SamplingOptions,
    check_baked,
    check_draws,
    how_many,
    how_strong,
    pick_guidance,
    pick_labels,
    plain_label,
    read_images,
    read_mask,
    read_noise,
)
from .sampler import Noise, Plan, denoise, make_plan

__all__ = [
    "Predict",
    "SamplingOptions",
    "check_baked",
    "check_draws",
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
    label = plain_label(options.label)
    given = None if options.noise is None else read_noise(options.noise, spec.shape)
    images = None if options.start is None else read_images(options.start, spec, preprocess)
    several = images if images is not None and len(images) > 1 else None
    count = how_many(options.num, noise=given, start=several, label=_list(label))
    strength = how_strong(options.strength, options.start, options.mask)
    sampler = "dpm++" if options.sampler is None else options.sampler
    plan = make_plan(spec.schedule, sampler, options.steps, options.eta, strength)
    labels = pick_labels(label, spec, count, options.seed)
    guidance = pick_guidance(options.guidance, label, spec.classes)
    mask = None if options.mask is None else read_mask(options.mask, spec.shape)
    if images is not None:
        images = np.broadcast_to(images, (count, *spec.shape))
    every = options.return_all_timesteps
    frames = len(plan) + 1 if every else 1
    drawn = np.empty((count, frames, *spec.shape), np.float32)
    parts = list(_parts(count, options.batch_size))
    total = len(parts) * len(plan)
    with ProgressLine(_progress_words, options.progress) as line:
        for number, part in enumerate(parts):
            stream = Noise(options.seed, spec.shape, part.stop - part.start, part.start)
            noise = _first(stream, given, part)
            clean = None if images is None else images[part] * np.float32(2) - np.float32(1)
            begin, keep = _beginning(spec.schedule, plan, noise, clean, mask)
            run = _guided(predict, None if labels is None else labels[part], guidance, len(spec.classes))
            if every:
                drawn[part, 0] = _seen(begin)
            for step, x in enumerate(denoise(run, plan, begin, stream, keep), 1):
                if every or step == len(plan):
                    drawn[part, step % frames] = _seen(x)
                if options.callback is not None:
                    options.callback(step, _seen(x))
                line(number * len(plan) + step, total)
    if not np.isfinite(drawn[:, -1]).all():
        raise InputError(
            coded(
                "E-INPUT-08",
                "expected finite predictions from the network, got NaN or infinite ones. Train it again with "
                "a smaller lr.",
            )
        )
    if images is not None and mask is not None:
        drawn[:, -1] = np.where(mask, drawn[:, -1], images)
    return drawn if every else drawn[:, 0]


@checked
def interpolate_images(
    predict: Predict,
    spec: DiffusionSpec,
    first: Any,
    second: Any,
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
        raise InputError(coded("E-INPUT-06", "num={num}: expected at least 2, for the two ends.", num=num))
    ends = [read_images(each, spec, preprocess) for each in (first, second)]
    if any(len(images) != 1 for images in ends):
        raise InputError(
            coded("E-INPUT-06", "interpolate(): expected one image for each of the two ends, got several.")
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
    label = plain_label(options.label)
    given = None if options.noise is None else read_noise(options.noise, spec.shape)
    count = how_many(options.num, noise=given, label=_list(label))
    labels = pick_labels(label, spec, count, options.seed)
    drawn = np.empty((count, *spec.shape), np.float32)
    parts = list(_parts(count, options.batch_size))
    with ProgressLine(_progress_words, options.progress) as line:
        for number, part in enumerate(parts, 1):
            x = _first(Noise(options.seed, spec.shape, part.stop - part.start, part.start), given, part)
            drawn[part] = run(x, None if labels is None else labels[part])
            line(number, len(parts))
    return drawn


def _list(label: Any) -> list[Any] | None:
    return list(label) if isinstance(label, (list, tuple)) else None


def _parts(count: int, size: int) -> Iterator[slice]:
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise InputError(
            coded(
                "E-INPUT-06",
                "batch_size={size}: expected an integer of at least 1.",
                size=shortened(size),
            )
        )
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _first(stream: Noise, given: np.ndarray | None, part: slice) -> np.ndarray:
    """Draw the noise to begin with; what is given takes its place, so that later draws are the same."""
    drawn = stream()
    return drawn if given is None else given[part]


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
    return gettext("sampling [{bar}] {done} of {total} steps", bar=filled.ljust(30), done=done, total=total)
