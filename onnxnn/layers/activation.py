"""Activations: layers without weights, added alone or by `activation=`."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from onnxnn.graph import GraphBuilder, Value
from onnxnn.shape import Shape

from ._registry import Layer, layer


class Activation(Layer):
    """A function of every value; softmax alone looks at a whole vector."""

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape


@layer("relu")
@dataclass(frozen=True)
class ReLU(Activation):
    """y = max(0, x)."""

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.ReLU()

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.node("Relu", x)


@layer("softmax")
@dataclass(frozen=True)
class Softmax(Activation):
    """yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) over the classes: the features of a vector or step, or the channels.

    As the last layer it gives probabilities; the loss sees the values before it.
    """

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.Softmax(dim=self._axis(in_shape))

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.softmax(x, self._axis(in_shape), rank=len(in_shape) + 1)

    @staticmethod
    def _axis(in_shape: Shape) -> int:
        return 1 if "channel" in in_shape.axes else len(in_shape)


@layer("sigmoid")
@dataclass(frozen=True)
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)). As the last layer, the loss sees the values before it."""

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.Sigmoid()

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.node("Sigmoid", x)


@layer("leakyrelu", "leaky_relu")
@dataclass(frozen=True)
class LeakyReLU(Activation):
    """y = x for x ≥ 0, slope · x below.

    Args:
        slope: 0.2 by default, as in BaseNN (torch's own default is 0.01).
    """

    slope: float = 0.2

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.LeakyReLU(self.slope)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.node("LeakyRelu", x, alpha=float(self.slope))


@layer("identity")
@dataclass(frozen=True)
class Identity(Activation):
    """y = x."""

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.Identity()

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return x


def is_probability(module: nn.Module) -> bool:
    """Tell whether a module turns logits into probabilities, which training leaves off."""
    return isinstance(module, nn.Softmax | nn.Sigmoid)
