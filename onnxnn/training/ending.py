"""What training puts at the end of a network, so that it gives what its loss learned.

Cross entropy reads scores of any size and learns probabilities: softmax belongs behind it, sigmoid behind
its binary form. Values in the units of a user, house prices of millions, are out of reach for a fresh
network, which gives numbers around 0 of size 1: mean and deviation of the targets belong behind it. Both are
the network's last operation in torch, checkpoint and ONNX; the loss sees what comes before it.
"""

from __future__ import annotations

import torch

from onnxnn.data.batches import Batches, InMemory
from onnxnn.definition import Definition
from onnxnn.layers import Layer, make
from onnxnn.layers.activation import Activation
from onnxnn.layers.custom import Custom
from onnxnn.layers.denormalize import Denormalize
from onnxnn.losses import official_name
from onnxnn.shape import Shape

__all__ = ["score_ending", "target_scale"]

_SOFTMAX_LOSSES = ("CrossEntropyLoss", "NLLLoss", "KLDivLoss")
_SIGMOID_LOSSES = ("BCEWithLogitsLoss", "SoftMarginLoss", "MultiLabelSoftMarginLoss")
_VALUE_LOSSES = ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")

_BOUNDED_BELOW = ("relu", "elu", "gelu", "silu")
"""Activations that give large numbers above 0 only: targets are scaled behind them, and not shifted."""

_UNBOUNDED = ("leakyrelu", "identity")

_USUAL = (0.1, 3.0)
"""The smallest deviation and the largest root mean square of targets that need no scale."""


def score_ending(task: str, definition: Definition, num_classes: int, loss: str | None) -> Layer | None:
    """Return the activation that turns scores into the probabilities which a loss learned, or None.

    An encoder, with more outputs than classes, keeps its vectors.

    Args:
        task: "cls", "reg", "gen" or "embed".
        definition: The network.
        num_classes: How many classes or tokens the targets have; 0 for values.
        loss: The loss's name in any spelling; None for the task's usual one.
    """
    shape = definition.output_shape
    whole = definition.teacher_forcing or definition.diffusion
    if task not in ("cls", "gen") or not num_classes or whole or shape is None or definition.net.ending:
        return None
    name = "CrossEntropyLoss" if loss is None else official_name(loss)
    units = shape["channel"] if "channel" in shape.axes else shape.sizes[-1]
    is_encoder = units is not None and units > num_classes
    if units is None or is_encoder or (units < num_classes and units != 1):
        return None
    last = definition.placed()[-1].layer
    if name == "NLLLoss" and not isinstance(last, Custom):
        return None  # refused by the loss; a custom module may end in log-softmax
    if name in _SOFTMAX_LOSSES and units > 1:
        return make("softmax", {})
    return make("sigmoid", {}) if name in _SIGMOID_LOSSES else None


def target_scale(task: str, definition: Definition, train: Batches, loss: str | None) -> Layer | None:
    """Return the layer that gives values in the units of the targets, or None where it is not needed.

    It is needed where a column of the targets deviates by less than 0.1, or is of a size above 3. A network
    that ends in sigmoid, tanh or another function of limited range has its range for a reason and is left as
    it is; one that ends in relu is scaled and not shifted, so that 0 stays 0.

    Args:
        task: "cls", "reg", "gen" or "embed".
        definition: The network.
        train: What it learns from.
        loss: The loss's name in any spelling; None for the task's usual one.
    """
    shape, samples = definition.output_shape, train.samples
    name = "MSELoss" if loss is None else official_name(loss)
    if task != "reg" or name not in _VALUE_LOSSES or shape is None or not isinstance(samples, InMemory):
        return None
    if not samples.y.is_floating_point() or samples.y[0].numel() != shape.numel:
        return None
    last = definition.placed()[-1].layer
    is_above_0 = last.kind in _BOUNDED_BELOW or _gives_only_above_0(definition, last, samples)
    if definition.net.ending or (
        isinstance(last, Activation) and last.kind not in (*_BOUNDED_BELOW, *_UNBOUNDED)
    ):
        return None
    columns = _columns(samples.y, shape)
    mean, std = columns.mean(1), columns.std(1, correction=0)
    size = columns.square().mean(1).sqrt()
    is_constant = std <= 1e-9 * size
    if not bool((((std < _USUAL[0]) & ~is_constant) | (size > _USUAL[1])).any()):
        return None
    if is_above_0:
        mean, std = torch.zeros_like(mean), size
        is_constant = size == 0
    std = torch.where(is_constant, torch.ones_like(std), std)
    return make("denormalize", {"mean": mean.tolist(), "std": std.tolist()}, stored=True)


def _columns(y: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Return targets as float64 (columns, values): one column for each channel or feature."""
    axis = shape.axes.index(Denormalize._axis(shape)) + 1
    return y.double().reshape(len(y), *(size or 1 for size in shape.sizes)).movedim(axis, 0).flatten(1)


def _gives_only_above_0(definition: Definition, last: Layer, samples: InMemory) -> bool:
    """Tell whether a custom module at the end gives nothing below 0, tried on some samples."""
    if not isinstance(last, Custom):
        return False
    x = next(samples.take([torch.arange(min(32, len(samples)))]))[0]
    net = definition.net
    was_training = net.training
    try:
        with torch.no_grad():
            return bool((net.eval().answer(x) >= 0).all())
    finally:
        net.train(was_training)
