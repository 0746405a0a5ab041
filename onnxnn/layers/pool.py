"""Pooling: the largest or the mean value of every window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from onnxnn_runtime.errors import LayerError
from torch import nn

from onnxnn.graph import GraphBuilder, Value
from onnxnn.shape import Shape

from ._checks import per_axis, spatial_axes, windows
from ._registry import Layer, layer


@dataclass(frozen=True)
class Pooling(Layer):
    """What both poolings share; they work on pictures and on signals.

    Along each axis N = (W - F + 2P)/S + 1 windows come out, rounded down.

    Args:
        kernel_size: F, one number for all axes or one per axis.
        stride: S; the kernel size by default, so that windows touch and do not overlap.
        padding: P on each side, at most half the kernel.

    Input shape: (channels, height, width) or (channels, length) per sample, float32
    Output shape: the same with N(height), N(width) or N(length)
    """

    kernel_size: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None = None
    padding: int | tuple[int, ...] = 0

    op: ClassVar[str]

    def __post_init__(self) -> None:
        lengths = {len(v) for v in (self.kernel_size, self.stride, self.padding) if isinstance(v, tuple)}
        self._settings(lengths.pop() if lengths else 1)

    def out_shape(self, in_shape: Shape) -> Shape:
        axes = spatial_axes(in_shape)
        if not axes or in_shape.axes[0] != "channel":
            raise LayerError(
                f"{self.call()}: {in_shape.describe()} arrive, but {self.kind!r} needs pictures (channels, "
                "height, width) or signals (channels, length). Put it before the layers that flatten."
            )
        return in_shape.with_sizes(**windows(self, in_shape, *self._settings(len(axes))))

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        kernel, stride, padding = self._settings(len(in_shape) - 1)
        include = 1 if self.op == "AveragePool" and any(padding) else None
        return graph.node(
            self.op,
            x,
            kernel_shape=kernel,
            strides=stride,
            pads=[*padding, *padding],
            count_include_pad=include,
        )

    def multiply_adds(self, in_shape: Shape) -> int | None:
        out = self.out_shape(in_shape).numel
        kernel = self._settings(len(in_shape) - 1)[0]
        return 0 if self.op == "MaxPool" else (None if out is None else out * math.prod(kernel))

    def _settings(self, axes: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        kernel = per_axis(self, "kernel_size", self.kernel_size, axes)
        stride = kernel if self.stride is None else per_axis(self, "stride", self.stride, axes)
        padding = per_axis(self, "padding", self.padding, axes, lowest=0)
        if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
            raise LayerError(
                f"{self.call()}: padding={self.padding!r} must be at most half of kernel_size="
                f"{self.kernel_size!r}, or whole windows would lie outside."
            )
        return kernel, stride, padding


@layer("maxpool")
@dataclass(frozen=True)
class MaxPool(Pooling):
    """The largest value of every window; padding never wins."""

    op: ClassVar[str] = "MaxPool"

    def build(self, in_shape: Shape) -> nn.Module:
        settings = self._settings(len(in_shape) - 1)
        if len(in_shape) == 2:
            return nn.MaxPool1d(settings[0][0], settings[1][0], settings[2][0])
        return nn.MaxPool2d(*settings)


@layer("avgpool")
@dataclass(frozen=True)
class AvgPool(Pooling):
    """The mean of every window; zeros of the padding count."""

    op: ClassVar[str] = "AveragePool"

    def build(self, in_shape: Shape) -> nn.Module:
        settings = self._settings(len(in_shape) - 1)
        if len(in_shape) == 2:
            return nn.AvgPool1d(settings[0][0], settings[1][0], settings[2][0])
        kernel, stride, padding = settings
        return nn.AvgPool2d(kernel, stride, padding)  # type: ignore[arg-type]  # pairs here
