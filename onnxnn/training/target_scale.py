"""The scale of the targets after a network that predicts values, and what its last layer can return at all.

A fresh network returns numbers around 0 of size 1; with sigmoid, tanh or relu at its end it returns no
others, whatever it learns. Targets in the units of a user are brought into that range by the network's last
operation.
"""

from __future__ import annotations

import math

import torch
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import gettext

from onnxnn.data.batches import Batches, InMemory
from onnxnn.definition.definition import Definition
from onnxnn.definition.last_layer import last_bounded
from onnxnn.graph.shape import Shape
from onnxnn.layers import Layer, make
from onnxnn.layers.denormalize import Denormalize

from .losses import official_name

Bounds = tuple[float, float]
Scale = tuple[torch.Tensor, torch.Tensor]

_VALUE_LOSSES = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "PoissonNLLLoss")

_USUAL = (0.1, 3.0)
"""The smallest deviation and the largest root mean square of targets that need no scale."""

_ROUNDING = 1e-6
"""The share of their spread by which targets may lie outside of a range."""

_BEYOND = 0.1
"""The share of their spread by which targets of a later training may lie outside without a word."""


def target_scale(
    task: str, definition: Definition, train: Batches, loss: str | None, is_trained: bool = False
) -> tuple[Layer | None, tuple[str, ...]]:
    """Return the layer that returns values in the units of the targets, and what to say about it.

    It is needed where a column of the targets deviates by less than 0.1, or is of a size above 3, and where
    targets lie outside of what the last layer can return: then smallest and largest target become its bounds.
    A network that ends in relu is scaled and, without negative targets, not shifted, so that 0 stays 0. One
    that learns the logarithm of a rate (PoissonNLLLoss) ends in the rate.

    Args:
        task: "cls", "reg", "gen" or "embed".
        definition: The network.
        train: What it learns from.
        loss: The loss's name in any spelling; None for the task's usual one.
        is_trained: Whether the network keeps the scale that it has.

    Returns:
        (the layer, or None where none is needed or the network keeps its own; lines to print).

    Raises:
        TrainingError: It ends in softmax, and the targets are no probabilities; or in bounds that a logarithm
            does not have.
    """
    shape, samples = definition.output_shape, train.samples
    name = ("MSELoss" if task == "reg" else "") if loss is None else official_name(loss)
    if task not in ("reg", "gen") or name not in _VALUE_LOSSES or shape is None:
        return None, ()
    if not isinstance(samples, InMemory) or not samples.y.is_floating_point():
        return None, ()
    if samples.y[0].numel() != shape.numel:
        return None, ()
    columns = _columns(samples.y, shape)
    last, bounds = _ending(definition, samples)
    if name == "PoissonNLLLoss":
        _check_logarithm(last, bounds)
        return None if is_trained else _rate(columns), ()
    if last == "softmax":
        _check_probabilities(columns)
        return None, ()
    if is_trained:
        return None, _later(definition, last, bounds, columns)
    scale, is_outside = _scale(bounds, columns, task == "reg")
    if scale is None:
        return None, ()
    mean, std = scale
    layer = make("denormalize", {"mean": mean.tolist(), "std": std.tolist()}, stored=True)
    return layer, (_line(last, bounds, columns[is_outside]),) if is_outside.any() else ()


def _ending(definition: Definition, samples: InMemory) -> tuple[str, Bounds]:
    """Return how a network ends, and the smallest and the largest value that it can return."""
    found = last_bounded(definition)
    if found is not None:
        return found[1].kind, found[1].bounds
    last = definition.placed()[-1].layer
    if not last.is_custom:
        return last.kind, last.bounds
    if definition.net.ending:
        return definition.net.ending, (0.0, 1.0)
    return last.title, (0.0 if _is_above_0(definition, samples) else -math.inf, math.inf)


def _scale(bounds: Bounds, columns: torch.Tensor, any_units: bool) -> tuple[Scale | None, torch.Tensor]:
    """Return mean and deviation by which outputs become targets, None where they are, and which were outside.

    Args:
        bounds: What the network can return.
        columns: The targets, float64 (columns, values).
        any_units: Whether targets of unusual size are scaled too where the network could return them.
    """
    low, high = bounds
    least, most = columns.amin(1), columns.amax(1)
    spread = most - least
    size, std = columns.square().mean(1).sqrt(), columns.std(1, correction=0)
    is_constant = std <= 1e-9 * size
    mean, scale = torch.zeros_like(size), torch.ones_like(size)
    if math.isfinite(high):
        room = _ROUNDING * (high - low)
        is_outside = (least < low - room) | (most > high + room)
        width = torch.where(is_constant, 2 * size, spread)
        scale = torch.where(is_outside, width / (high - low), scale)
        begin = torch.where(is_constant, least - size, least)
        mean = torch.where(is_outside, begin - low * scale, mean)
        return ((mean, scale) if is_outside.any() else None), is_outside
    is_unusual = any_units and bool((((std < _USUAL[0]) & ~is_constant) | (size > _USUAL[1])).any())
    if math.isfinite(low):
        if is_unusual:
            scale = torch.where(size == 0, scale, size)
        is_outside = least / scale < low - _ROUNDING
        above = (columns - least[:, None]).square().mean(1).sqrt()
        mean = torch.where(is_outside, least, mean)
        scale = torch.where(is_outside, torch.where(is_constant, size, above), scale)
        return ((mean, scale) if is_unusual or is_outside.any() else None), is_outside
    if is_unusual:
        return (columns.mean(1), torch.where(is_constant, scale, std)), torch.zeros_like(is_constant)
    return None, torch.zeros_like(is_constant)


def _check_logarithm(last: str, bounds: Bounds) -> None:
    if last != "exponential" and any(map(math.isfinite, bounds)):
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss='PoissonNLLLoss' learns the logarithm of a rate, which may be any number, and {last} "
            "at the end returns values {possible}. Leave the last activation out.",
            last=last,
            possible=_described(bounds),
        )


def _rate(columns: torch.Tensor) -> Layer:
    """Return the layer that makes rates of logarithms; rates of unusual size are scaled by their mean."""
    mean = columns.mean(1)
    is_usual = (mean >= _USUAL[0]) & (mean <= _USUAL[1])
    std = torch.where(is_usual | (mean == 0), torch.ones_like(mean), mean)
    return make("exponential", {"mean": [0.0] * len(mean), "std": std.tolist()}, stored=True)


def _columns(y: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Return targets as float64 (columns, values): one column for each channel or feature."""
    axis = shape.axes.index(Denormalize._axis(shape)) + 1
    return y.double().reshape(len(y), *(size or 1 for size in shape.sizes)).movedim(axis, 0).flatten(1)


def _check_probabilities(columns: torch.Tensor) -> None:
    is_probability = bool(((columns >= -_ROUNDING) & (columns <= 1 + _ROUNDING)).all())
    if is_probability and bool(((columns.sum(0) - 1).abs() <= 1e-3).all()):
        return
    if len(columns) == 1:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "the network ends in softmax, whose single output is always 1: expected targets of 1, got "
            "{found}. Leave the last activation out: add('linear', ...) without activation=.",
            found=_range_of(columns),
        )
    raise TrainingError.coded(
        "E-TRAIN-04",
        "the network ends in softmax, whose outputs lie in 0..1 and add up to 1: expected such targets, "
        "got {found}. Leave the last activation out: add('linear', ...) without activation=.",
        found=gettext("other sums") if is_probability else _range_of(columns),
    )


def _later(definition: Definition, last: str, bounds: Bounds, columns: torch.Tensor) -> tuple[str, ...]:
    """Return a line where targets of a later training lie outside of what the trained network can return."""
    scale = definition.net.scale
    low, high = (torch.full((len(columns),), bound, dtype=torch.float64) for bound in bounds)
    if scale is not None:
        low, high = (bound * scale.std.flatten() + scale.mean.flatten() for bound in (low, high))
    room = _BEYOND * (columns.amax(1) - columns.amin(1)) + _ROUNDING
    is_outside = (columns.amin(1) < low - room) | (columns.amax(1) > high + room)
    if not is_outside.any():
        return ()
    now = (float(low[is_outside].min()), float(high[is_outside].max()))
    return (
        gettext(
            "{last} at the end returns values {possible} in this trained network, and the targets lie in "
            "{found}: those outside cannot be learned. Train a new network, nn('reg'), without the last "
            "activation.",
            last=last,
            possible=_described(now),
            found=_range_of(columns[is_outside]),
        ),
    )


def _line(last: str, bounds: Bounds, columns: torch.Tensor) -> str:
    low, high = float(columns.min()), float(columns.max())
    becomes = _described((low, high if math.isfinite(bounds[1]) else math.inf))
    return gettext(
        "{last} at the end returns values {possible}, and the targets lie in {found}: they are scaled, and "
        "the network will return values {scaled}. For values outside, leave the last activation out.",
        last=last,
        possible=_described(bounds),
        found=_range_of(columns),
        scaled=becomes,
    )


def _range_of(columns: torch.Tensor) -> str:
    return f"{float(columns.min()):.5g}..{float(columns.max()):.5g}"


def _described(bounds: Bounds) -> str:
    low, high = bounds
    if math.isinf(high):
        return gettext("from {low:.5g} up", low=low)
    return gettext("in {low:.5g}..{high:.5g}", low=low, high=high)


def _is_above_0(definition: Definition, samples: InMemory) -> bool:
    """Return whether a network returns nothing below 0, tried on some samples."""
    x = next(samples.take([torch.arange(min(32, len(samples)))]))[0]
    net = definition.net
    was_training = net.training
    try:
        with torch.no_grad():
            return bool((net.eval().answer(x) >= 0).all())
    finally:
        net.train(was_training)
