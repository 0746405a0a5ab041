"""Layer normalisation: every vector by its own mean and variance."""

from __future__ import annotations

from dataclasses import dataclass, replace

from onnxnn_runtime.api.invariants import instance, present
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import size_along, wrong_input
from .norm import FeatureNorm
from .registry import layer


@layer("layernorm", "layer_norm")
@dataclass(frozen=True)
class LayerNorm(FeatureNorm):
    """y = γ (x - μ) / √(σ² + ε) + β, with μ and σ² over the features of each vector or step, ε = 1e-5.

    Unlike batch normalisation it does the same in training and inference, and no sample depends on others.

    Args:
        size: The features of the input; None takes those.

    Input shape: (feature,) or (time, feature) per sample, float32
    Output shape: the same

    Source: Ba, Kiros, Hinton: "Layer Normalization", 2016, arXiv:1607.06450.
    """

    def assumed_input(self) -> Shape:
        return super().assumed_input() if self.size is None else Shape.vector(self.size)

    def resolve(self, in_shape: Shape) -> LayerNorm:
        if in_shape.axes[-1] != "feature":
            other = {2: "batchnorm1d", 3: "batchnorm2d", 4: "batchnorm3d"}.get(len(in_shape), "embedding")
            raise wrong_input(
                self,
                in_shape,
                gettext("(features,) or (steps, features)"),
                gettext("Use {layer} here.", layer=shortened(other)),
            )
        return replace(self, size=size_along(self, in_shape, "feature", self.size))

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.LayerNorm(present(self.size))  # resolved

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, nn.LayerNorm)
        return graph.layer_norm(x, module, rank=len(in_shape) + 1)

    def fixes_input_size(self, in_shape: Shape) -> bool:
        return in_shape["feature"] is None
