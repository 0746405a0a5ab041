"""What a model does again and again while it is timed: one run on made-up inputs, or a few tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

import numpy as np

from onnxnn_runtime.made_up import made_up_inputs
from onnxnn_runtime.session import signature
from onnxnn_runtime.session.states import zeros_of

if TYPE_CHECKING:
    from onnxnn_runtime.model import Model

UNITS = ("images", "rows", "sequences", "samples", "tokens", "steps")
"""What is counted; a step is one denoising step of one image."""

_BY_INPUT = {"image": "images", "table": "rows", "sequence": "sequences", "tokens": "sequences"}

_TOKENS = 16
"""Tokens that are written in one run."""


@dataclass(frozen=True)
class Workload:
    """What is run again and again.

    Args:
        unit: What is counted, one of `UNITS`.
        count: How many of them one run makes.
        parts: Into how many equal parts the time of a run is divided: where tokens are written one by one, a
            user waits for each.
        run: Makes one run.
        feeds: The arrays of one run of the graph, states included; None where a run is more than that.
    """

    unit: str
    count: int
    parts: int
    run: Callable[[], object]
    feeds: dict[str, np.ndarray] | None


def workload(model: Model, batch: int) -> Workload:
    """Return what a model does with some inputs at once.

    Args:
        model: Which.
        batch: How many; a graph with a fixed batch takes as many as it has, and a text is written alone.

    Raises:
        InputError: No inputs can be made up for it, or it refuses them.
    """
    does = model.kind.does
    if does == "generate" and model.card is not None and model.card.input.vocabulary:
        return _writing(model, next(iter(model.card.input.vocabulary)))
    feeds = made_up_inputs(model, batch)
    count = _count(feeds)
    if does == "translate":
        return _translating(model, feeds, count)
    whole = with_states(model, feeds, count)
    if len(feeds) == len(whole) == 1:
        (array,) = feeds.values()
        return Workload(_unit(model), count, 1, lambda: model.infer(array), whole)
    return Workload(_unit(model), count, 1, lambda: model.infer(feeds), whole)


def batches_of(model: Model, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Return which batches a model can be timed with, of those that are asked for."""
    fixed = fixed_batch(model)
    if fixed is not None:
        return (fixed,)
    return sizes[:1] if model.kind.does == "generate" else sizes


def fixed_batch(model: Model) -> int | None:
    """Return how many inputs a graph takes at once where that is fixed, else None."""
    states = () if model.card is None else [state.name for state in model.card.input.states]
    arrays = [name for name in model.inputs if name not in states]
    if not arrays or not model.inputs[arrays[0]][1]:
        return 1
    return signature.fixed_batch(arrays, model.inputs)


def takes_many(model: Model) -> bool:
    """Return whether `predict` or `embed` runs many inputs through it, each core with some of its own."""
    does = model.kind.does
    return does in ("classify", "regress", "embed") and len(model.inputs) == 1


def with_states(model: Model, feeds: dict[str, np.ndarray], batch: int) -> dict[str, np.ndarray]:
    """Return arrays and, for a graph with states, the zeros that they begin with."""
    states = () if model.card is None else model.card.input.states
    return {**feeds, **zeros_of(states, batch)}


def _unit(model: Model) -> str:
    sampling = model.kind.sampling
    if sampling is not None:
        return "steps" if sampling.sampler is None else "images"
    return "samples" if model.card is None else _BY_INPUT.get(model.card.input.kind, "samples")


def _count(feeds: dict[str, np.ndarray]) -> int:
    shape = np.shape(next(iter(feeds.values()))) if feeds else ()
    return shape[0] if shape else 1


def _writing(model: Model, token: str) -> Workload:
    """Return what writes a text of a few tokens, the likeliest each time."""
    feed = next(iter(model.inputs))
    feeds = with_states(model, {feed: np.zeros((1, 1), np.int64)}, 1)

    def run() -> object:
        return model.generate([token], length=1 + _TOKENS, temperature=0)

    return Workload("tokens", _TOKENS, _TOKENS, run, feeds)


def _translating(model: Model, feeds: dict[str, np.ndarray], count: int) -> Workload:
    """Return what writes the first tokens of targets."""
    source, target = feeds["input"], feeds["target"]
    steps = min(_TOKENS, target.shape[1])

    def run() -> object:
        follow = model.decoder(source)
        return [follow(target[:, : step + 1], None) for step in range(steps)]

    return Workload("tokens", count * steps, steps, run, None)
