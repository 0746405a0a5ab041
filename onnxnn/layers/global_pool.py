"""Global pooling: one value for each channel or feature, however large the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from onnxnn_runtime.errors import LayerError
from torch import nn

from onnxnn.graph import GraphBuilder, Value
from onnxnn.shape import Shape

from ._checks import spatial_axes
from ._registry import Layer, layer


@dataclass(frozen=True)
class GlobalPooling(Layer):
    """What both share: everything but the channels (or features) is looked at as one window.

    Input shape: (channels, height, width), (channels, length), (channels, depth, height, width) or
        (time, features) per sample, float32
    Output shape: (channels,) or (features,)
    """

    over_time: ClassVar[str]
    over_places: ClassVar[str]

    def resolve(self, in_shape: Shape) -> GlobalPooling:
        if in_shape.axes != ("time", "feature") and (
            in_shape.axes[0] != "channel" or not spatial_axes(in_shape)
        ):
            raise LayerError(
                f"{self.call()}: {in_shape.describe()} arrive, but {self.kind!r} reads (channels, height, "
                "width), (channels, length) or (time, features). Put it before the layers that flatten."
            )
        return self

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape.vector(in_shape[self._kept(in_shape)])

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        if self._kept(in_shape) == "channel":
            return graph.flatten(graph.node(self.over_places, x), len(in_shape) + 1)
        if graph.opset < 18:
            return graph.node(self.over_time, x, axes=[1], keepdims=0)
        return graph.node(self.over_time, x, graph.constant([1]), keepdims=0)

    @staticmethod
    def _kept(in_shape: Shape) -> str:
        return "feature" if in_shape.axes == ("time", "feature") else "channel"

    def _pooled(self, in_shape: Shape) -> tuple[int, ...]:
        """Return the pooled axes, the batch counted."""
        kept = in_shape.axes.index(self._kept(in_shape)) + 1
        return tuple(axis for axis in range(1, len(in_shape) + 1) if axis != kept)


@layer("global_avgpool", "mean", "global_mean")
@dataclass(frozen=True)
class GlobalAvgPool(GlobalPooling):
    """The mean of each channel over the whole picture or signal, or of each feature over time.

    Shapes as in `GlobalPooling`.

    Source: Lin, Chen, Yan: "Network In Network", 2014.
    """

    over_time: ClassVar[str] = "ReduceMean"
    over_places: ClassVar[str] = "GlobalAveragePool"

    def build(self, in_shape: Shape) -> nn.Module:
        return Mean(self._pooled(in_shape))

    def multiply_adds(self, in_shape: Shape) -> int | None:
        return in_shape.numel


@layer("global_maxpool", "global_max")
@dataclass(frozen=True)
class GlobalMaxPool(GlobalPooling):
    """The largest value of each channel in the whole picture or signal, or of each feature over time.

    Shapes as in `GlobalPooling`.
    """

    over_time: ClassVar[str] = "ReduceMax"
    over_places: ClassVar[str] = "GlobalMaxPool"

    def build(self, in_shape: Shape) -> nn.Module:
        return Largest(self._pooled(in_shape))


class Mean(nn.Module):
    """The mean over axes."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(self.axes)


class Largest(nn.Module):
    """The largest value over axes."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.amax(self.axes)
