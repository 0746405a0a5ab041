"""A network and its loss as one module, and how it is measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.definition.definition import Net
from onnxnn.definition.frozen import Part, frozen_beginning
from onnxnn.definition.module import evaluating
from onnxnn.layers.inception import AuxiliaryClassifier

from .losses import EMBEDDING_LOSSES, Loss
from .metrics import Metric

__all__ = ["Learner", "LossModule", "Sums", "evaluate", "figures", "sums"]

Tensor = torch.Tensor


class LossModule(nn.Module):
    """A network and its loss as one module: (x, target) -> (the loss of the batch, what the loss saw).

    Attributes:
        is_per_sample: Whether the loss of a sample is the same in any batch when it is measured.
    """

    net: Net
    loss: Loss
    is_per_sample = True

    def shorten(self) -> Part | None:
        """Let inputs be features from now on: the output of the network's frozen beginning, which it returns.

        None where there is no such beginning; then inputs stay what they are. Call it in training mode.
        """
        return None


class Learner(LossModule):
    """A network and its loss as one module: (x, target) -> (loss, what the loss saw).

    In training the losses of auxiliary classifiers are part of it.
    """

    def __init__(self, net: Net, loss: Loss) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.is_per_sample = loss.name not in EMBEDDING_LOSSES
        self._short: tuple[Net, ...] = ()  # in a tuple, so that its modules are those of `net` alone
        self._has_auxiliary = any(isinstance(module, AuxiliaryClassifier) for module in net.modules())
        if self._has_auxiliary and loss.name in EMBEDDING_LOSSES:
            raise TrainingError.coded(
                "E-TRAIN-04",
                "loss={loss}: expected vectors to compare, got scores of classes from 'auxiliary_head'. "
                "Leave that layer out of nn('embed'), or train with nn('cls').",
                loss=shortened(loss.name),
            )

    def forward(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        given = self.inputs(x, target)
        output = self._learning(given) if self.training else self._run.answer(given, self.loss.from_logits)
        loss: Tensor = self.loss(output, target)
        if self._has_auxiliary and self.training:
            loss = loss + self._auxiliary_loss(target)
        return loss, output

    def shorten(self) -> Part | None:
        found = frozen_beginning(self.net)
        if found is None:
            return None
        beginning, rest = found
        self._short = (rest,)
        return beginning

    @property
    def _run(self) -> Net:
        """The network, or what is left of it."""
        return self._short[0] if self._short else self.net

    def inputs(self, x: Tensor, target: Tensor) -> Any:
        """Return what the network is given for a batch."""
        return x

    def _learning(self, x: Tensor) -> Tensor:
        """Return what the loss sees in training; a custom module may fail on a single sample."""
        try:
            output: Tensor = self._run.logits(x) if self.loss.from_logits else self._run(x)
            return output
        except Exception as error:  # whatever the user's own code raises
            if not self.net.has_custom or len(x) > 1:
                raise
            raise TrainingError.coded(
                "E-LAYER-07",
                "a custom module failed on a batch of a single sample ({error}). Use batch_size=2 or "
                "more and at least two samples, or let the module keep the batch axis.",
                error=error,
            ) from error

    def _auxiliary_loss(self, target: Tensor) -> Tensor:
        """Return the weighted losses of the auxiliary classifiers, which end like the network does."""
        losses = [
            weight * self.loss(scores if self.loss.from_logits else self.net.finish(scores), target)
            for weight, scores in self.net.auxiliary()
        ]
        return torch.stack(losses).sum()


def evaluate(
    learner: LossModule,
    batches: Iterable[tuple[Tensor, Tensor]],
    metrics: Sequence[Metric],
    device: torch.device,
) -> dict[str, float]:
    """Return the mean loss and the metrics over batches, in evaluation mode; the learner's mode comes back.

    Args:
        learner: (x, target) -> (loss, what the loss saw).
        batches: The data.
        metrics: What else to compute.
        device: Where the learner is.
    """
    return figures([sums(learner, batches, metrics, device)], metrics)


@dataclass(frozen=True)
class Sums:
    """What figures are computed from.

    Args:
        loss: The sum of the losses of all samples or tokens.
        size: How many there were.
        counts: For each metric the sum of its counts, None where there was no batch.
    """

    loss: Tensor
    size: int
    counts: tuple[Tensor | None, ...]


def sums(
    learner: LossModule,
    batches: Iterable[tuple[Tensor, Tensor]],
    metrics: Sequence[Metric],
    device: torch.device,
) -> Sums:
    """Return the sums over batches that `figures` makes numbers of; see `evaluate`."""
    total, whole = torch.zeros((), dtype=torch.float64), 0
    counts: list[Tensor | None] = [None] * len(metrics)
    with evaluating(learner), torch.inference_mode():
        for x, target in batches:
            x, target = x.to(device), target.to(device)
            loss, output = learner(x, target)
            size = int(learner.loss.size(target))
            total += loss.double().cpu() * size
            whole += size
            for number, metric in enumerate(metrics):
                counts[number] = _added(counts[number], metric.count(output, target))
    return Sums(total, whole, tuple(None if count is None else count.cpu() for count in counts))


def figures(parts: Sequence[Sums], metrics: Sequence[Metric]) -> dict[str, float]:
    """Return the mean loss and the metrics of all parts of some data together."""
    total = torch.stack([part.loss for part in parts]).sum()
    found = {"loss": float(total) / max(sum(part.size for part in parts), 1)}
    for number, metric in enumerate(metrics):
        count: Tensor | None = None
        for part in parts:
            count = _added(count, part.counts[number])
        if count is not None:
            found[metric.name] = metric.value(count)
    return found


def _added(before: Tensor | None, count: Tensor | None) -> Tensor | None:
    return count if before is None else before if count is None else before + count
