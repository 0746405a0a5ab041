"""Regularisation: what acts in training only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import probability
from .registry import Layer, layer


@layer("dropout")
@dataclass(frozen=True)
class Dropout(Layer):
    """In training, zeroes each value with probability p and scales the others by 1/(1 - p).

    In inference and in exported files it is gone.

    Args:
        p: The probability.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """

    keeps_outputs: ClassVar[bool] = True

    p: float = 0.5

    def __post_init__(self) -> None:
        probability(self, "p", self.p)

    def reads_signals(self, in_shape: Shape) -> bool | None:
        return None

    def causal(self, in_shape: Shape) -> bool:
        return True

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.Dropout(self.p)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return x
