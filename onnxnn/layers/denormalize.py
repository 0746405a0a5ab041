"""From a network's own numbers to the units of the values that it predicts: linear, or exponential."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from onnxnn_runtime.api.invariants import instance
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from .norm import MeanAndStd, Normalize
from .registry import layer


@layer("denormalize")
@dataclass(frozen=True)
class Denormalize(Normalize):
    """y = x · std + mean for each channel or feature: the last operation of a regression.

    Training puts it there, with mean and deviation of the targets (see `onnxnn.training.ending`), so that the
    network before it learns numbers around 0 of size 1, whatever the units. Nothing is learned.

    Args:
        mean: One number per channel or feature, or one for all of them.
        std: Likewise, above 0.

    Input shape: any per sample, float32
    Output shape: the same
    """

    named: ClassVar[bool] = False

    def build(self, in_shape: Shape) -> nn.Module:
        return DenormalizeModule(self._mean, self._std, self._trailing(in_shape))

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, DenormalizeModule)
        scaled = graph.node("Mul", x, graph.weight("std", module.std))
        return graph.node("Add", scaled, graph.weight("mean", module.mean))


class DenormalizeModule(MeanAndStd):
    """x · std + mean."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.std + self.mean

    def undo(self, y: torch.Tensor) -> torch.Tensor:
        """Return the x for which `forward` returns y."""
        return (y - self.mean) / self.std


@layer("exponential")
@dataclass(frozen=True)
class Exponential(Denormalize):
    """y = exp(x) · std + mean: the rate of counts, whose logarithm PoissonNLLLoss learns.

    Training puts it at the end of a network that learns counts, with mean 0.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def build(self, in_shape: Shape) -> nn.Module:
        return ExponentialModule(self._mean, self._std, self._trailing(in_shape))

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return super().emit(graph, graph.node("Exp", x), module, in_shape)


class ExponentialModule(DenormalizeModule):
    """exp(x) · std + mean."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.exp())
