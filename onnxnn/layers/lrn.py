"""Local response normalisation, as AlexNet has it."""

from __future__ import annotations

from dataclasses import dataclass

from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import count, images, number, wrong_value
from .registry import Layer, layer


@layer("lrn", "local_response_norm")
@dataclass(frozen=True)
class LocalResponseNorm(Layer):
    """y[c] = x[c] / (k + α/n · Σⱼ x[j]²)^β over the n channels j around c, at each place of the image.

    The sum is divided by n as in torch and ONNX; Krizhevsky's paper does not divide, so that its
    n = 5, α = 1e-4, β = 0.75, k = 2 are written size=5, alpha=5e-4, beta=0.75, k=2.0.

    Args:
        size: n, an odd number: the channel itself and as many before as after it.
        alpha: α.
        beta: β.
        k: k, above 0.

    Input shape: (channels, height, width) per sample, float32
    Output shape: the same
    Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012,
        section 3.3.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def __post_init__(self) -> None:
        count(self, "size", self.size)
        for name in ("alpha", "beta", "k"):
            number(self, name, getattr(self, name))
        if self.size % 2 == 0:
            expected = gettext(
                "odd, as many channels before as after: {lower} or {upper}",
                lower=self.size - 1,
                upper=self.size + 1,
            )
            raise wrong_value(self, "size", self.size, expected)
        if self.alpha < 0 or self.k <= 0:
            raise LayerError.coded(
                "E-LAYER-04",
                "{where}: expected alpha of at least 0 and k above 0, got alpha={alpha} and k={k}: roots "
                "of negative numbers do not exist.",
                where=self.call(),
                alpha=self.alpha,
                k=self.k,
            )

    def resolve(self, in_shape: Shape) -> LocalResponseNorm:
        images(self, in_shape)
        return self

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.LocalResponseNorm(self.size, self.alpha, self.beta, self.k)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        alpha, beta, k = float(self.alpha), float(self.beta), float(self.k)
        return graph.node("LRN", x, size=self.size, alpha=alpha, beta=beta, bias=k)

    def multiply_adds(self, in_shape: Shape) -> int | None:
        return None if in_shape.numel is None else in_shape.numel * (self.size + 1)
