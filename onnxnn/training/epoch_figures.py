"""What one epoch of training came to: losses and metrics of its steps, turned into numbers at its end."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .device import Machine
from .finite import check_losses
from .history import Row
from .losses import Loss
from .metrics import Metric

__all__ = ["EpochFigures"]

Tensor = torch.Tensor


class EpochFigures:
    """Losses and metrics of the steps of one epoch; nothing leaves the device before its end.

    Args:
        loss: What is minimised.
        metrics: What else is reported.
        epoch: How many epochs are done.
    """

    def __init__(self, loss: Loss, metrics: Sequence[Metric], epoch: int) -> None:
        self._loss, self._metrics, self._epoch = loss, metrics, epoch
        self._losses: list[Tensor] = []
        self._sizes: list[int | Tensor] = []
        self._counts: list[list[Tensor]] = [[] for _ in metrics]

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self._losses)

    def add(self, loss: Tensor, output: Tensor, target: Tensor, share: float) -> None:
        """Take in a step.

        Args:
            loss: The mean loss.
            output: What the loss saw.
            target: What it was compared with.
            share: 0 where the samples stand in for none and count for nothing.
        """
        self._losses.append(loss)
        self._sizes.append(self._loss.size(target) if share else 0)
        for metric, found in zip(self._metrics, self._counts, strict=True):
            count = metric.count(output, target)
            found.append(count if share else torch.zeros_like(count))

    def check_last(self) -> None:
        """Refuse a loss that is no number, before the epoch ends.

        Raises:
            TrainingError: It is NaN or infinite.
        """
        check_losses([float(self._losses[-1])], self._epoch, len(self._losses))

    def summary(self, machine: Machine) -> tuple[Row, list[Row]]:
        """Return the row of the epoch and those of its steps, over all processes.

        Raises:
            TrainingError: A loss is NaN or infinite.
        """
        values, sizes = machine.means(torch.stack(self._losses), [int(size) for size in self._sizes])
        check_losses(values, self._epoch)
        mean = sum(value * size for value, size in zip(values, sizes, strict=True)) / sum(sizes)
        row: Row = {"epoch": self._epoch + 1, "loss": mean}
        steps: list[Row] = [
            {"epoch": self._epoch + 1, "step": number, "loss": value}
            for number, value in enumerate(values, 1)
        ]
        for metric, found in zip(self._metrics, self._counts, strict=True):
            each = machine.total(torch.stack(found)).cpu()
            row[metric.name] = metric.value(each.sum(0))
            for step, count in zip(steps, each, strict=True):
                step[metric.name] = metric.value(count)
        return row, steps
