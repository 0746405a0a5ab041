"""Pictures from a diffusion model: from noise, from a picture, between two, or a part of one anew.

One implementation for torch and ONNX Runtime: it is handed a function that runs the network. What a
step computes stands in `sampler`, what users may hand over in `sampling_options`. Pictures that go in and
come out lie in 0..1, the network's in [-1, 1].
"""

from __future__ import annotations

import math
from typing import Any, Callable, Iterator

import numpy as np

from onnxnn_runtime.api.calls import checked
from onnxnn_runtime.card.diffusion import DiffusionSpec
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.streams import is_terminal, say

from .options import (
    check_baked,
    check_draws,
    how_many,
    how_strong,
    pick_guidance,
    pick_labels,
    plain_label,
    read_mask,
    read_noise,
    read_pictures,
)
from .sampler import Noise, Plan, denoise, make_plan

__all__ = [
    "Callback",
    "Predict",
    "check_baked",
    "check_draws",
    "draw_with_graph",
    "interpolate_pictures",
    "sample_pictures",
]

Predict = Callable[[np.ndarray, int, "np.ndarray | None"], np.ndarray]
"""(x float32 (N, C, H, W), t, labels int64 (N,) or None) -> the prediction, float32 (N, C, H, W).

The label behind the last class means "no label"; None is for networks that know no classes.
"""

Callback = Callable[[int, np.ndarray], object]
"""Called after each step with its number, from 1, and the pictures so far, (N, C, H, W) in 0..1."""


@checked
def sample_pictures(
    predict: Predict,
    spec: DiffusionSpec,
    num: int | None = None,
    steps: int | None = None,
    sampler: str | None = None,
    seed: int | None = None,
    eta: float = 0.0,
    label: Any = None,
    guidance: float | None = None,
    noise: Any = None,
    start: Any = None,
    strength: float | None = None,
    mask: Any = None,
    return_all_timesteps: bool = False,
    callback: Callback | None = None,
    progress: bool = False,
    batch_size: int = 64,
    preprocess: Preprocess | None = None,
) -> np.ndarray:
    """Draw pictures.

    Args:
        predict: Runs the network.
        spec: The card's schedule, picture shape and classes.
        num: How many pictures; None takes as many as `noise`, `start` or `label` hold, else 16.
        steps: How many steps, 1 to the schedule's timesteps; None takes 20, and all for "ddpm".
        sampler: "dpm++" (None), "ddim" or "ddpm".
        seed: 0 to 2**32 - 1; picture i of a seed is the same one whichever `num`. None: another one
            each time.
        eta: For "ddim": fresh noise in each step, from 0 (none) to 1 (as "ddpm").
        label: For networks with classes: a name or an index, or one for each image; "none" is the empty
            label. None draws labels with the frequency that they had in training.
        guidance: How far pictures follow their label: none + guidance * (labelled - none), see Ho &
            Salimans, "Classifier-Free Diffusion Guidance", 2022. 1 (None) is the labelled prediction.
        noise: What to begin with in place of the seed's: float (num, C, H, W), standard normal.
        start: A picture (path, bytes, PIL image or array) to begin with, or one for each: noise is laid
            over it, and `strength` says how much.
        strength: How much noise is added to `start`: the share of the schedule's timesteps that is denoised
            again, above 0 up to 1, where 1 is all noise. It is kept whatever `steps`; what adds no noise
            at all is refused. None takes 0.6, and 1 with a mask.
        mask: Where `start` is drawn anew (1) or kept (0): an array (H, W) of 0 and 1, or a black and
            white picture of that size.
        return_all_timesteps: Return what there was before the first step and after each of them.
        callback: Called as callback(step, pictures) after each step; where there are more pictures than
            `batch_size`, for one part of them after the other.
        progress: Show a bar on stderr, where that is a terminal.
        batch_size: Pictures that run together.
        preprocess: How `start` becomes an array; None resizes it to the model's size.

    Returns:
        float32 (num, C, H, W) in 0..1; with `return_all_timesteps` (num, steps + 1, C, H, W).

    Raises:
        InputError: An option is out of range, or does not fit the model or the other options.
    """
    if callback is not None and not callable(callback):
        raise InputError(f"callback={shortened(callback)}: what fits is a function of (step, pictures).")
    label = plain_label(label)
    given = None if noise is None else read_noise(noise, spec.shape)
    pictures = None if start is None else read_pictures(start, spec, preprocess)
    several = pictures if pictures is not None and len(pictures) > 1 else None
    count = how_many(num, noise=given, start=several, label=_list(label))
    plan = _plan(spec.schedule, sampler, steps, eta, how_strong(strength, start, mask))
    labels = pick_labels(label, spec, count, seed)
    guidance = pick_guidance(guidance, label, spec.classes)
    anew = None if mask is None else read_mask(mask, spec.shape)
    if pictures is not None:
        pictures = np.broadcast_to(pictures, (count, *spec.shape))
    frames = len(plan) + 1 if return_all_timesteps else 1
    drawn = np.empty((count, frames, *spec.shape), np.float32)
    parts = list(_parts(count, batch_size))
    with _Bar(progress, len(parts) * len(plan)) as bar:
        for part in parts:
            stream = Noise(seed, spec.shape, part.stop - part.start, part.start)
            noise = _first(stream, given, part)
            clean = None if pictures is None else pictures[part] * np.float32(2) - np.float32(1)
            begin, keep = _beginning(spec.schedule, plan, noise, clean, anew)
            run = _guided(predict, None if labels is None else labels[part], guidance, len(spec.classes))
            if return_all_timesteps:
                drawn[part, 0] = _seen(begin)
            for step, x in enumerate(denoise(run, plan, begin, stream, keep), 1):
                if return_all_timesteps or step == len(plan):
                    drawn[part, step % frames] = _seen(x)
                if callback is not None:
                    callback(step, _seen(x))
                bar.advance()
    if not np.isfinite(drawn[:, -1]).all():
        raise InputError("the network's predictions are not finite; train it again with a smaller lr.")
    if pictures is not None and anew is not None:
        drawn[:, -1] = np.where(anew, drawn[:, -1], pictures)
    return drawn if return_all_timesteps else drawn[:, 0]


@checked
def interpolate_pictures(
    predict: Predict,
    spec: DiffusionSpec,
    first: Any,
    second: Any,
    num: int = 9,
    strength: float = 0.6,
    seed: int | None = None,
    preprocess: Preprocess | None = None,
    **options: Any,
) -> np.ndarray:
    """Draw pictures that lead from one to another.

    Both are blended, noise is laid over the blends, and the network draws each anew. The noise goes from
    one draw to another, too: cos(w) z1 + sin(w) z2 with w from 0 to pi / 2, which keeps its variance.

    Args:
        predict, spec, preprocess: As for `sample_pictures`.
        first: A picture: path, bytes, PIL image or array.
        second: Another one.
        num: How many pictures, both ends counted, at least 2.
        strength: How freely they are drawn, above 0 up to 1, where the two pictures no longer count.
        seed: 0 to 2**32 - 1; None: another one each time.
        options: As for `sample_pictures`: steps, sampler, eta, label, guidance, return_all_timesteps,
            callback, progress, batch_size. Without a label all pictures get the same one, drawn by its
            frequency in training.

    Returns:
        float32 (num, C, H, W) in 0..1; with `return_all_timesteps` (num, steps + 1, C, H, W).

    Raises:
        InputError: As for `sample_pictures`.
    """
    if how_many(num) < 2:
        raise InputError(f"num={num}: what fits is at least 2, for the two ends.")
    ends = [read_pictures(each, spec, preprocess) for each in (first, second)]
    if any(len(pictures) != 1 for pictures in ends):
        raise InputError("interpolate: several pictures arrive for an end; what fits is one for each.")
    way = np.linspace(0, 1, num, dtype=np.float32).reshape(-1, 1, 1, 1)
    blends = (ends[0] * (1 - way) + ends[1] * way).clip(0, 1)
    one, other = Noise(seed, spec.shape, 2)()
    angle = way * np.float32(math.pi / 2)
    noise = np.cos(angle) * one + np.sin(angle) * other
    if options.get("label") is None and spec.classes:
        drawn = pick_labels(None, spec, 1, seed)
        options = {**options, "label": None if drawn is None else int(drawn[0])}
    return sample_pictures(
        predict, spec, num, seed=seed, start=blends, noise=noise, strength=strength, **options
    )


def draw_with_graph(
    run: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
    spec: DiffusionSpec,
    num: int | None = None,
    seed: int | None = None,
    label: Any = None,
    noise: Any = None,
    progress: bool = False,
    batch_size: int = 64,
) -> np.ndarray:
    """Draw pictures with a graph that holds the whole loop.

    Args:
        run: (noise float32 (N, C, H, W), labels int64 (N,) or None) -> pictures, the same shape, in 0..1.
        spec, num, seed, label, noise, progress, batch_size: As for `sample_pictures`.

    Returns:
        float32 (num, C, H, W) in 0..1.

    Raises:
        InputError: An option is out of range or does not fit the model.
    """
    label = plain_label(label)
    given = None if noise is None else read_noise(noise, spec.shape)
    count = how_many(num, noise=given, label=_list(label))
    labels = pick_labels(label, spec, count, seed)
    drawn = np.empty((count, *spec.shape), np.float32)
    parts = list(_parts(count, batch_size))
    with _Bar(progress, len(parts)) as bar:
        for part in parts:
            x = _first(Noise(seed, spec.shape, part.stop - part.start, part.start), given, part)
            drawn[part] = run(x, None if labels is None else labels[part])
            bar.advance()
    return drawn


def _plan(schedule: Schedule, sampler: Any, steps: Any, eta: Any, strength: Any) -> Plan:
    return make_plan(schedule, "dpm++" if sampler is None else sampler, steps, eta, strength)


def _list(label: Any) -> list[Any] | None:
    return list(label) if isinstance(label, (list, tuple)) else None


def _parts(count: int, size: int) -> Iterator[slice]:
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise InputError(f"batch_size={shortened(size)}: what fits is a whole number from 1.")
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
    schedule: Schedule, plan: Plan, noise: np.ndarray, clean: np.ndarray | None, anew: np.ndarray | None
) -> tuple[np.ndarray, Callable[[np.ndarray, int], np.ndarray] | None]:
    """Return x before the first step, and what puts kept pixels back after each.

    Args:
        schedule: The schedule.
        plan: The sampler's table.
        noise: float32 (N, C, H, W).
        clean: Pictures to begin with, (N, C, H, W) in [-1, 1]; None begins with the noise.
        anew: Where they are drawn anew, bool (H, W); None everywhere.
    """
    if clean is None:
        return noise, None
    begin = schedule.add_noise(clean, noise, int(plan.timesteps[0]))
    if anew is None:
        return begin, None
    shares = {int(t): schedule.strengths(int(t)) for t in plan.after}

    def keep(x: np.ndarray, t: int) -> np.ndarray:
        signal, strength = shares[t]
        return np.where(anew, x, signal * clean + strength * noise)

    return begin, keep


def _seen(x: np.ndarray) -> np.ndarray:
    """Return pictures of [-1, 1] in 0..1."""
    seen = x + np.float32(1)
    seen *= np.float32(0.5)
    np.clip(seen, 0, 1, out=seen)
    return seen


class _Bar:
    """A bar on stderr; silent where nobody watches."""

    def __init__(self, wanted: bool, total: int) -> None:
        self._watched = wanted and is_terminal()
        self._total = total
        self._done = 0

    def advance(self) -> None:
        self._done += 1
        if self._watched:
            filled = "#" * (30 * self._done // self._total)
            text = f"\rdrawing [{filled:<30}] {self._done} of {self._total} steps"
            say(end=text, to="stderr")

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._watched:
            say(end="\r\033[K", to="stderr")
