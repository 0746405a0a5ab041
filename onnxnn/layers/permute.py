"""Putting the axes of a sample into another order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import is_count, wrong_value
from .registry import Layer, layer

_RENAMED: dict[tuple[str, ...], tuple[str, ...]] = {
    ("feature", "time"): ("channel", "length"),
    ("length", "channel"): ("time", "feature"),
}
"""The features of a sequence are the channels of a signal, and the other way round."""


@layer("permute", "transpose")
@dataclass(frozen=True)
class Permute(Layer):
    """The same values with the axes in another order.

    A sequence (time, features) becomes a signal (channels, length), and the other way round, so that
    add("permute", axes=(2, 1)) stands between recurrent layers and one-dimensional convolutions.

    Args:
        axes: Which axis comes first, which second, ...; counted as in torch, where the batch is axis 0
            (it stays first and may be left out) and a sample's own axes begin at 1.
    """

    axes: tuple[int, ...]

    def __post_init__(self) -> None:
        given = self.axes if isinstance(self.axes, tuple) else (self.axes,)
        axes = given[1:] if given[:1] == (0,) else given
        if not axes or not all(map(is_count, axes)) or sorted(axes) != list(range(1, len(axes) + 1)):
            expected = gettext("each axis of a sample once, counted from 1 (0 is the batch), such as (2, 1)")
            raise wrong_value(self, "axes", self.axes, expected)
        object.__setattr__(self, "axes", axes)

    def resolve(self, in_shape: Shape) -> Permute:
        if len(in_shape) != len(self.axes):
            raise LayerError.coded(
                "E-LAYER-03",
                "{where}: expected axes to hold each of 1 to {count} once for {shape}, got {got}.",
                where=self.call(),
                count=len(in_shape),
                shape=in_shape.describe(),
                got=self.axes,
            )
        return self

    def out_shape(self, in_shape: Shape) -> Shape:
        names = tuple(in_shape.axes[axis - 1] for axis in self.axes)
        if names == in_shape.axes:
            return in_shape
        return Shape(tuple(in_shape.sizes[axis - 1] for axis in self.axes), _RENAMED.get(names, names))

    def build(self, in_shape: Shape) -> nn.Module:
        return PermuteModule(self.axes)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.node("Transpose", x, perm=[0, *self.axes])


class PermuteModule(nn.Module):
    """(N, ...) -> (N, ...) with the axes in another order."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, *self.axes)
