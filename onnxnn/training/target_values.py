"""Which values a loss can learn from: what is no probability, count or sign ends in NaN or in nonsense."""

from __future__ import annotations

import torch
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.data.batches import Batches, InMemory
from onnxnn.definition.definition import Definition
from onnxnn.definition.last_layer import last_bounded

from .losses import official_name

_PROBABILITIES = ("BCELoss", "BCEWithLogitsLoss", "MultiLabelSoftMarginLoss")
_SIGNS = ("SoftMarginLoss", "HingeEmbeddingLoss")
_ROUNDING = 1e-6
_ADD_UP = 1e-3


def check_values(task: str, definition: Definition, train: Batches, loss: str | None) -> None:
    """Refuse values to predict that a loss does not understand, or that the network does not return for it.

    Args:
        task: "cls", "reg", "gen" or "embed".
        definition: The network.
        train: What it learns from.
        loss: The loss's name in any spelling; None for the task's usual one.

    Raises:
        TrainingError: The message names the values that the loss learns, and those that there are.
    """
    samples = train.samples
    if loss is None or task == "embed" or not isinstance(samples, InMemory):
        return
    name, y = official_name(loss), samples.y.double()
    if not samples.y.is_floating_point():
        return
    low, high = float(y.min()), float(y.max())
    expected = ""
    if name in _PROBABILITIES and (low < -_ROUNDING or high > 1 + _ROUNDING):
        expected = gettext("probabilities from 0 to 1")
    elif name == "PoissonNLLLoss" and low < 0:
        expected = gettext("counts from 0")
    elif name in _SIGNS and task == "reg" and not bool((y.abs() == 1).all()):
        expected = gettext("targets of 1 and -1")
    elif name == "KLDivLoss" and low < -_ROUNDING:
        expected = gettext("probabilities that add up to 1 for each sample")
    if expected:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss={loss}: expected {expected}, got targets in {low:.5g}..{high:.5g}. For other values use "
            "loss='MSELoss' or 'L1Loss'.",
            loss=shortened(name),
            expected=expected,
            low=low,
            high=high,
        )
    if name == "HingeEmbeddingLoss":
        _check_distances(definition)
    if name == "KLDivLoss":
        _check_distributions(shortened(name), task, definition.net.ending, y)


def _check_distances(definition: Definition) -> None:
    last = last_bounded(definition)
    if last is None and definition.placed()[-1].layer.is_custom:
        return
    if last is None or last[1].bounds[0] < 0:
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss='HingeEmbeddingLoss': expected distances, which are never below 0; without that bound "
            "it has no smallest value. End the network with activation='relu'.",
        )


def _check_distributions(loss: str, task: str, ending: str, y: torch.Tensor) -> None:
    if y.ndim < 2 or y.shape[-1] < 2:
        if task != "cls":
            raise TrainingError.coded(
                "E-TRAIN-04",
                "loss={loss}: expected probabilities that add up to 1 for each sample, got a single "
                "target. For other values use loss='MSELoss' or 'L1Loss'.",
                loss=loss,
            )
        return
    sums = y.sum(-1)
    if bool(((sums - 1).abs() > _ADD_UP).any()):
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss={loss}: expected probabilities that add up to 1 for each sample, got sums of "
            "{low:.5g}..{high:.5g}. Divide each row by its sum. For other values use loss='MSELoss' or "
            "'L1Loss'.",
            loss=loss,
            low=float(sums.min()),
            high=float(sums.max()),
        )
    if ending == "sigmoid" and task != "cls":
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss={loss}: expected probabilities that add up to 1 for each sample, got a network that "
            "ends in sigmoid. End it with activation='softmax', or leave it out.",
            loss=loss,
        )
