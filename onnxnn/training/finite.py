"""Losses and weights that became NaN or infinite."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import Message, coded, gettext
from torch import nn

from .history import Row


def check_losses(values: Sequence[float], epoch: int, first_step: int = 1) -> None:
    """Refuse losses that are no numbers.

    Args:
        values: The losses of steps in order.
        epoch: How many epochs are done.
        first_step: The number of the first of those steps in the epoch that follows.

    Raises:
        TrainingError: One is NaN or infinite.
    """
    for step, value in enumerate(values, first_step):
        if not math.isfinite(value):
            raise TrainingError.coded(
                "E-TRAIN-05",
                "the loss became {value} in epoch {epoch}, step {step}. {advice}",
                value=value,
                epoch=epoch + 1,
                step=step,
                advice=_advice(epoch),
            )


def check_figures(row: Row, net: nn.Module) -> None:
    """Refuse an epoch whose figures are no numbers: those of validation may be none before the loss is.

    Args:
        row: An epoch of the history.
        net: The network after it, whose weights say more where they are no numbers.

    Raises:
        TrainingError: One is NaN or infinite.
    """
    epoch = int(row["epoch"])
    for name, value in row.items():
        if not math.isfinite(value):
            check_weights(net, epoch)
            raise TrainingError.coded(
                "E-TRAIN-05",
                "{name} became {value} in epoch {epoch}. {advice}",
                name=name,
                value=value,
                epoch=epoch,
                advice=_advice(epoch - 1),
            )


def check_weights(net: nn.Module, epoch: int) -> None:
    """Refuse weights that are no numbers, and NaN in buffers, such as running statistics.

    Raises:
        TrainingError: One is NaN or infinite.
    """
    for name, weight in net.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise TrainingError(_diverged(name, epoch))
    for name, buffer in net.named_buffers():
        if bool(torch.isnan(buffer).any()):
            raise TrainingError(_diverged(name, epoch))


def _diverged(name: str, epoch: int) -> Message:
    return coded(
        "E-TRAIN-05",
        "the weights of {name} became NaN or infinite in epoch {epoch}. {advice}",
        name=name,
        epoch=epoch,
        advice=_advice(epoch),
    )


def _advice(epoch: int) -> str:
    """Return what to do, and what is kept."""
    if epoch:
        return gettext(
            "Try a smaller lr, clip=1.0, or look for extreme numbers in the data. The network has again the "
            "weights with which this training began; the last checkpoint written before it is as it was."
        )
    return gettext(
        "Try a smaller lr, clip=1.0, or look for extreme numbers in the data. The network has again the "
        "weights with which this training began; nothing was written."
    )
