"""Layers that only rearrange values."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import AXES, Shape

from ._checks import is_count, wrong_value
from .registry import Layer, layer

_NAMES = tuple(axis for axis in AXES if axis != "token")
"""What the axes of numbers may be called; tokens are no such numbers."""

_AXES_BY_RANK = {1: ("feature",), 2: ("channel", "length"), 3: ("channel", "height", "width")}


@layer("flatten")
@dataclass(frozen=True)
class Flatten(Layer):
    """All values of a sample as one vector, channels before rows before columns."""

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape.vector(in_shape.numel)

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.Flatten()

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.flatten(x, len(in_shape) + 1)


@layer("reshape")
@dataclass(frozen=True)
class Reshape(Layer):
    """The same values of a sample in another shape; without a size they are flattened, as in BaseNN.

    Args:
        size: The new sizes of one sample, without the batch. One of them may be -1: what is left.
        axes: What the new axes are; by default (feature,), (channel, length) or (channel, height, width).
            For recurrent layers write ("time", "feature").
    """

    size: tuple[int, ...] | int = -1
    axes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        size = self.size if isinstance(self.size, tuple) else (self.size,)
        object.__setattr__(self, "size", size)
        if (
            not size
            or not all(is_count(s) or (is_count(s, -1) and s == -1) for s in size)
            or size.count(-1) > 1
        ):
            expected = gettext("integers of at least 1, of which one may be -1")
            raise wrong_value(self, "size", self.size, expected)
        axes = self._axes
        if len(axes) != len(size) or not set(axes) <= set(_NAMES) or len(set(axes)) != len(axes):
            expected = gettext(
                "a different one of {known} for each of the {count} sizes",
                known=", ".join(_NAMES),
                count=len(size),
            )
            raise wrong_value(self, "axes", self.axes, expected)

    def resolve(self, in_shape: Shape) -> Reshape:
        self.out_shape(in_shape)
        return self

    def out_shape(self, in_shape: Shape) -> Shape:
        known = 1
        for size in self._sizes:
            known *= size if size > 0 else 1
        total = in_shape.numel
        matches = total is None or (total % known == 0 if -1 in self._sizes else total == known)
        if not matches:
            raise LayerError.coded(
                "E-LAYER-03",
                "{where}: expected sizes whose product is {total} for {shape}, got {sizes}. -1 stands "
                "for what is left.",
                where=self.call(),
                total=total,
                shape=in_shape.describe(),
                sizes=" x ".join("?" if size < 0 else str(size) for size in self._sizes),
            )
        left = None if total is None else total // known
        return Shape(tuple(left if size < 0 else size for size in self._sizes), self._axes)

    def build(self, in_shape: Shape) -> nn.Module:
        return ReshapeModule(self._sizes)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.reshape(x, 0, *self._sizes)

    def fixes_input_size(self, in_shape: Shape) -> bool:
        return in_shape.numel is None and self._sizes != (-1,)

    @property
    def _sizes(self) -> tuple[int, ...]:
        return instance(self.size, tuple)

    @property
    def _axes(self) -> tuple[str, ...]:
        if self.axes is not None:
            return self.axes if isinstance(self.axes, tuple) else ()
        return _AXES_BY_RANK.get(len(self._sizes), ())


class ReshapeModule(nn.Module):
    """(N, ...) -> (N, *sizes)."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = sizes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(x.shape[0], *self.sizes)
