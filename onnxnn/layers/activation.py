"""Activations: layers without weights, added alone or by `activation=`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import number
from .other_names import suggestion
from .registry import Layer, find, layer, make, registry


class Activation(Layer):
    """A function of every value; softmax alone looks at a whole vector."""

    is_activation: ClassVar[bool] = True
    keeps_outputs: ClassVar[bool] = True

    module: ClassVar[type[nn.Module]]
    """Torch's module, of an activation without options."""

    op: ClassVar[str]
    """The ONNX operator, where one alone computes it."""

    def build(self, in_shape: Shape) -> nn.Module:
        return self.module()

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.node(self.op, x)

    def reads_signals(self, in_shape: Shape) -> bool | None:
        return None

    def causal(self, in_shape: Shape) -> bool:
        return True


@layer("relu")
@dataclass(frozen=True)
class ReLU(Activation):
    """y = max(0, x)."""

    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    module: ClassVar[type[nn.Module]] = nn.ReLU
    op: ClassVar[str] = "Relu"


@layer("softmax")
@dataclass(frozen=True)
class Softmax(Activation):
    """yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) over the classes: the features of a vector or step, or the channels.

    As the last layer it returns probabilities; the loss sees the values before it.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.Softmax(dim=self._axis(in_shape))

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.softmax(x, self._axis(in_shape), rank=len(in_shape) + 1)

    @staticmethod
    def _axis(in_shape: Shape) -> int:
        return in_shape.axes.index("channel") + 1 if "channel" in in_shape.axes else len(in_shape)


@layer("sigmoid")
@dataclass(frozen=True)
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)). As the last layer, the loss sees the values before it."""

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    module: ClassVar[type[nn.Module]] = nn.Sigmoid
    op: ClassVar[str] = "Sigmoid"


@layer("leakyrelu", "leaky_relu")
@dataclass(frozen=True)
class LeakyReLU(Activation):
    """y = x for x ≥ 0, slope · x below.

    Args:
        slope: 0.2 by default, as in BaseNN (torch's own default is 0.01).
    """

    slope: float = 0.2

    def __post_init__(self) -> None:
        number(self, "slope", self.slope)

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.LeakyReLU(self.slope)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.node("LeakyRelu", x, alpha=float(self.slope))


@layer("tanh")
@dataclass(frozen=True)
class Tanh(Activation):
    """y = (exp(x) - exp(-x)) / (exp(x) + exp(-x))."""

    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    module: ClassVar[type[nn.Module]] = nn.Tanh
    op: ClassVar[str] = "Tanh"


@layer("relu6")
@dataclass(frozen=True)
class ReLU6(Activation):
    """y = min(max(0, x), 6).

    Source: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision", 2017.
    """

    bounds: ClassVar[tuple[float, float]] = (0.0, 6.0)
    module: ClassVar[type[nn.Module]] = nn.ReLU6

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.clip(x, 0.0, 6.0)


@layer("gelu")
@dataclass(frozen=True)
class GELU(Activation):
    """y = x/2 · (1 + erf(x/√2)), exactly, not its tanh approximation.

    Source: Hendrycks & Gimpel, "Gaussian Error Linear Units (GELUs)", 2016.
    """

    bounds: ClassVar[tuple[float, float]] = (-0.17, math.inf)
    module: ClassVar[type[nn.Module]] = nn.GELU

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.gelu(x)


@layer("silu", "swish")
@dataclass(frozen=True)
class SiLU(Activation):
    """y = x · sigmoid(x).

    Source: Ramachandran et al., "Searching for Activation Functions", 2017 (there: swish).
    """

    bounds: ClassVar[tuple[float, float]] = (-0.2785, math.inf)
    module: ClassVar[type[nn.Module]] = nn.SiLU

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.node("Mul", x, graph.node("Sigmoid", x))


@layer("elu")
@dataclass(frozen=True)
class ELU(Activation):
    """y = x for x ≥ 0, α (exp(x) - 1) below.

    Args:
        alpha: α.

    Source: Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2015.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        number(self, "alpha", self.alpha)

    @property
    def bounds(self) -> tuple[float, float]:  # type: ignore[override]  # alpha says
        return -abs(self.alpha), math.inf

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.ELU(self.alpha)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.node("Elu", x, alpha=float(self.alpha))


@layer("identity")
@dataclass(frozen=True)
class Identity(Activation):
    """y = x."""

    module: ClassVar[type[nn.Module]] = nn.Identity

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return x


def activation_of(name: str) -> Layer:
    """Return the activation of a name in any case.

    Raises:
        LayerError: There is no such activation, or it is a layer; the message names the nearest one.
    """
    if not isinstance(name, str):
        raise LayerError.coded(
            "E-LAYER-05",
            "activation={got}: expected an activation's name. Write the options of a layer with their "
            "names, such as size=(4, 3) or paths=[[...], [...]].",
            got=shortened(name),
        )
    known = sorted(kind for kind, each in registry.items() if issubclass(each, Activation))
    try:
        found = find(name)
    except LayerError as error:
        raise LayerError.coded(
            "E-LAYER-05",
            "activation={got}: unknown activation.{hint} Known: {known}.",
            got=shortened(name),
            hint=suggestion(name, known),
            known=", ".join(known),
        ) from error
    if not issubclass(found, Activation):
        raise LayerError.coded(
            "E-LAYER-05",
            "activation={got}: expected an activation, got the layer {layer}.",
            got=shortened(name),
            layer=shortened(found.kind),
        )
    return make(name, {})
