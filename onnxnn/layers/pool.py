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

_INPUTS = {
    1: "signals (channels, length)",
    2: "pictures (channels, height, width)",
    3: "volumes (channels, depth, height, width)",
}
"""What is pooled along so many axes."""


@dataclass(frozen=True)
class Pooling(Layer):
    """What all poolings share; they work on pictures, signals and volumes.

    Along each axis N = (W - F + 2P)/S + 1 windows come out, rounded down.

    Args:
        kernel_size: F, one number for all axes or one per axis.
        stride: S; the kernel size by default, so that windows touch and do not overlap.
        padding: P on each side, at most half the kernel.

    Input shape: (channels, height, width), (channels, length) or (channels, depth, height, width) per
        sample, float32
    Output shape: the same with N(height), N(width), N(length), N(depth)
    """

    kernel_size: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None = None
    padding: int | tuple[int, ...] = 0

    op: ClassVar[str]
    modules: ClassVar[tuple[type[nn.Module], ...]]
    ranks: ClassVar[tuple[int, ...]] = (2, 1, 3)

    def __post_init__(self) -> None:
        lengths = {len(v) for v in (self.kernel_size, self.stride, self.padding) if isinstance(v, tuple)}
        self._settings(lengths.pop() if lengths else 1)

    def reads_signals(self, in_shape: Shape) -> bool | None:
        return self.ranks == (1,)

    def out_shape(self, in_shape: Shape) -> Shape:
        axes = spatial_axes(in_shape)
        if in_shape.axes[0] != "channel" or len(axes) not in self.ranks:
            wanted = " or ".join(_INPUTS[rank] for rank in self.ranks)
            raise LayerError(
                f"{self.call()}: {in_shape.describe()} arrive, but {self.kind!r} needs {wanted}. "
                "Put it before the layers that flatten."
            )
        return in_shape.with_sizes(**windows(self, in_shape, *self._settings(len(axes))))

    def build(self, in_shape: Shape) -> nn.Module:
        kernel, stride, padding = self._settings(len(in_shape) - 1)
        return self.modules[len(kernel) - 1](kernel, stride, padding)

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


@layer("maxpool", "maxpool2d")
@dataclass(frozen=True)
class MaxPool(Pooling):
    """The largest value of every window; padding never wins. Options as in `Pooling`."""

    op: ClassVar[str] = "MaxPool"
    modules: ClassVar[tuple[type[nn.Module], ...]] = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)


@layer("avgpool", "avgpool2d")
@dataclass(frozen=True)
class AvgPool(Pooling):
    """The mean of every window; zeros of the padding count. Options as in `Pooling`.

    Volumes have to be as large as a window without the padding: torch takes the mean of no smaller ones.
    """

    op: ClassVar[str] = "AveragePool"
    modules: ClassVar[tuple[type[nn.Module], ...]] = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)

    def out_shape(self, in_shape: Shape) -> Shape:
        out = super().out_shape(in_shape)
        axes = spatial_axes(in_shape)
        for axis, kernel in zip(axes, self._settings(len(axes))[0], strict=True):
            size = in_shape[axis]
            if len(axes) == 3 and size is not None and size < kernel:
                raise LayerError(
                    f"{self.call()}: {in_shape.describe()} arrive, but the mean of volumes needs at least "
                    f"the kernel's {kernel} along the {axis}; padding does not count there. Use a "
                    f"kernel_size of at most {size}."
                )
        return out


@layer("maxpool1d")
@dataclass(frozen=True)
class MaxPool1d(MaxPool):
    """`maxpool` of signals only, (channels, length)."""

    ranks: ClassVar[tuple[int, ...]] = (1,)


@layer("avgpool1d")
@dataclass(frozen=True)
class AvgPool1d(AvgPool):
    """`avgpool` of signals only, (channels, length)."""

    ranks: ClassVar[tuple[int, ...]] = (1,)


@layer("maxpool3d")
@dataclass(frozen=True)
class MaxPool3d(MaxPool):
    """`maxpool` of volumes or video only, (channels, depth, height, width)."""

    ranks: ClassVar[tuple[int, ...]] = (3,)
