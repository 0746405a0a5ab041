"""Pooling: the largest or the mean value of every window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import (
    along_steps,
    back_in_order,
    before_flattening,
    per_axis,
    places_expected,
    spatial_axes,
    windows,
    wrong_input,
)
from .registry import Layer, layer

_AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


@dataclass(frozen=True)
class Pooling(Layer):
    """What all poolings share; they work on images, signals and volumes.

    Along each axis there are N = (W - F + 2P)/S + 1 windows, rounded down.

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
        given = {name: getattr(self, name) for name in ("kernel_size", "stride", "padding")}
        lengths = {name: len(value) for name, value in given.items() if isinstance(value, tuple)}
        if len(set(lengths.values())) > 1:
            raise LayerError.coded(
                "E-LAYER-04",
                "{where}: expected one number, or one per axis, got different lengths: {found}.",
                where=self.call(),
                found=", ".join(f"{name}={shortened(given[name])}" for name in lengths),
            )
        self._settings(next(iter(lengths.values()), 1))

    def reads_signals(self, in_shape: Shape) -> bool | None:
        return self.ranks == (1,)

    def out_shape(self, in_shape: Shape) -> Shape:
        axes = spatial_axes(in_shape)
        if in_shape.axes != ("channel", *axes) or len(axes) not in self.ranks:
            expected = (
                places_expected(self.ranks[0])
                if len(self.ranks) == 1
                else gettext(
                    "an image (channels, height, width), a signal (channels, length) or a volume (channels, "
                    "depth, height, width)"
                )
            )
            raise wrong_input(self, in_shape, expected, self._advice(in_shape))
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

    def _advice(self, in_shape: Shape) -> str:
        if in_shape.axes == ("time", "feature") and 1 in self.ranks:
            return along_steps(in_shape)
        wanted = [("channel", *_AXES[rank]) for rank in self.ranks]
        return back_in_order(in_shape, *wanted) or before_flattening()

    def _settings(self, axes: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        kernel = per_axis(self, "kernel_size", self.kernel_size, axes)
        stride = kernel if self.stride is None else per_axis(self, "stride", self.stride, axes)
        padding = per_axis(self, "padding", self.padding, axes, lowest=0)
        if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
            raise LayerError.coded(
                "E-LAYER-04",
                "{where}: expected padding to be at most half of kernel_size={kernel}, got {got}: whole "
                "windows would lie outside.",
                where=self.call(),
                kernel=shortened(self.kernel_size),
                got=shortened(self.padding),
            )
        return kernel, stride, padding


class VolumeAvgPool(nn.AvgPool3d):
    """`torch.nn.AvgPool3d`, also where only the padding makes room for a window, which that refuses."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        depth, height, width = self.padding  # type: ignore[misc]  # given as a tuple
        padded = F.pad(x, (width, width, height, height, depth, depth))
        return F.avg_pool3d(padded, self.kernel_size, self.stride)


@layer("maxpool", "maxpool2d")
@dataclass(frozen=True)
class MaxPool(Pooling):
    """The largest value of every window; padding never wins. Options as in `Pooling`."""

    op: ClassVar[str] = "MaxPool"
    modules: ClassVar[tuple[type[nn.Module], ...]] = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)


@layer("avgpool", "avgpool2d")
@dataclass(frozen=True)
class AvgPool(Pooling):
    """The mean of every window; zeros of the padding count. Options as in `Pooling`."""

    op: ClassVar[str] = "AveragePool"
    modules: ClassVar[tuple[type[nn.Module], ...]] = (nn.AvgPool1d, nn.AvgPool2d, VolumeAvgPool)


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
