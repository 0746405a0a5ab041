"""Global pooling: one value for each channel or feature, however large the input."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from onnx import TensorProto
from onnxnn_runtime.messages.catalogue import gettext
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import back_in_order, before_flattening, spatial_axes, wrong_input
from .masks import Masked, lowest
from .registry import Layer, layer


@dataclass(frozen=True)
class GlobalPooling(Layer):
    """What both share: everything but the channels (or features) is looked at as one window.

    Steps that are padding are left out where the layers before know them (`embedding` does).

    Input shape: (channels, height, width), (channels, length), (channels, depth, height, width) or
        (time, features) per sample, float32
    Output shape: (channels,) or (features,)
    """

    over_places: ClassVar[str]
    is_mean: ClassVar[bool] = False

    def resolve(self, in_shape: Shape) -> GlobalPooling:
        if in_shape.axes != ("time", "feature") and (
            in_shape.axes[0] != "channel" or not spatial_axes(in_shape)
        ):
            places = ("channel", *sorted(spatial_axes(in_shape)))
            advice = back_in_order(in_shape, places) or before_flattening()
            expected = gettext("(channels, height, width), (channels, length) or (steps, features)")
            raise wrong_input(self, in_shape, expected, advice)
        return self

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape.vector(in_shape[self._kept(in_shape)])

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        if self._kept(in_shape) == "channel":
            found = graph.flatten(graph.node(self.over_places, x), len(in_shape) + 1)
            if self.is_mean and len(in_shape) == 3:
                graph.mark_means(x, found)
            return found
        mask = graph.mask if in_shape.masked else None
        if mask is None:
            return self._emit_over_time(graph, x)
        return self._emit_masked(graph, x, graph.unsqueeze(mask, 2))

    @abc.abstractmethod
    def _emit_over_time(self, graph: GraphBuilder, x: Value) -> Value:
        """Write the pooling over all steps."""

    @abc.abstractmethod
    def _emit_masked(self, graph: GraphBuilder, x: Value, real: Value) -> Value:
        """Write the pooling over the steps that are `real`, bool (N, time, 1)."""

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
    """The mean of each channel over the whole image or signal, or of each feature over time.

    Shapes as in `GlobalPooling`.

    Source: Lin, Chen, Yan: "Network In Network", 2014.
    """

    over_places: ClassVar[str] = "GlobalAveragePool"
    is_mean: ClassVar[bool] = True

    def build(self, in_shape: Shape) -> nn.Module:
        return Mean(self._pooled(in_shape), in_shape.masked)

    def multiply_adds(self, in_shape: Shape) -> int | None:
        return in_shape.numel

    def _emit_over_time(self, graph: GraphBuilder, x: Value) -> Value:
        return graph.mean(x, [1])

    def _emit_masked(self, graph: GraphBuilder, x: Value, real: Value) -> Value:
        counted = graph.node("Cast", real, to=TensorProto.FLOAT)
        return graph.node("Div", graph.total(graph.node("Mul", x, counted), [1]), graph.total(counted, [1]))


@layer("global_maxpool", "global_max")
@dataclass(frozen=True)
class GlobalMaxPool(GlobalPooling):
    """The largest value of each channel in the whole image or signal, or of each feature over time.

    Shapes as in `GlobalPooling`.
    """

    over_places: ClassVar[str] = "GlobalMaxPool"

    def build(self, in_shape: Shape) -> nn.Module:
        return Largest(self._pooled(in_shape), in_shape.masked)

    def _emit_over_time(self, graph: GraphBuilder, x: Value) -> Value:
        return graph.largest(x, [1])

    def _emit_masked(self, graph: GraphBuilder, x: Value, real: Value) -> Value:
        return graph.largest(graph.node("Where", real, x, graph.constant(lowest(), np.float32)), [1])


class Mean(Masked):
    """The mean over axes; over the steps that are no padding where a mask comes with x."""

    def __init__(self, axes: tuple[int, ...], takes_mask: bool = False) -> None:
        super().__init__(takes_mask)
        self.axes = axes

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is None:
            return x.mean(self.axes)
        counted = mask.unsqueeze(2).to(x.dtype)
        return (x * counted).sum(self.axes) / counted.sum(self.axes)


class Largest(Masked):
    """The largest value over axes; over the steps that are no padding where a mask comes with x."""

    def __init__(self, axes: tuple[int, ...], takes_mask: bool = False) -> None:
        super().__init__(takes_mask)
        self.axes = axes

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is not None:
            x = x.masked_fill(~mask.unsqueeze(2), lowest(x.dtype))
        return x.amax(self.axes)
