"""The depthwise separable convolution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from onnxnn_runtime.api.invariants import instance
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import flag, per_axis, windows
from ._sized import SizedForImages
from .registry import layer


@layer("separable_conv2d", "separableconv2d")
@dataclass(frozen=True)
class SeparableConv2d(SizedForImages):
    """A convolution in two steps: each channel by itself along the image, then 1x1 across the channels.

    z[i, n] = Σₖ d[i, k] · x[i, S·n + k - P], y[o, n] = b[o] + Σᵢ p[o, i] · z[i, n]: inputs · F² +
    inputs · outputs weights, where a full convolution has inputs · outputs · F². Along each axis
    there are N = (W - F + 2P)/S + 1 positions, rounded down.

    Args:
        size: (input channels, output channels). `outputs` alone takes the channels of its input.
        kernel_size: F, one number for both axes or one per axis.
        stride: S, likewise.
        padding: P, likewise; zeros on each side.
        bias: Whether to learn b; the first step has none.

    Input shape: (input channels, height, width) per sample, float32
    Output shape: (output channels, N(height), N(width)) per sample, float32
    Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2017.
    """

    kernel_size: int | tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] = 0
    bias: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settings()
        flag(self, "bias", self.bias)

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape.with_sizes(channel=self.sizes[1], **windows(self, in_shape, *self._settings()))

    def build(self, in_shape: Shape) -> nn.Module:
        return Separable(*self.resolved_sizes, *self._settings(), bias=self.bias)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, Separable)
        with graph.scope("depthwise"):
            x = graph.conv(x, module.depthwise)
        with graph.scope("pointwise"):
            return graph.conv(x, module.pointwise)

    def multiply_adds(self, in_shape: Shape) -> int | None:
        inputs, outputs = self.sizes
        positions = self.out_shape(in_shape).with_sizes(channel=1).numel
        if positions is None or inputs is None:
            return None
        return positions * inputs * (math.prod(self._settings()[0]) + outputs)

    def _settings(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return (
            per_axis(self, "kernel_size", self.kernel_size, 2),
            per_axis(self, "stride", self.stride, 2),
            per_axis(self, "padding", self.padding, 2, lowest=0),
        )


class Separable(nn.Module):
    """(N, inputs, H, W) -> (N, outputs, H', W'): `depthwise`, then `pointwise`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        bias: bool,
    ) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            inputs,
            inputs,
            kernel_size,  # type: ignore[arg-type]  # pairs
            stride,  # type: ignore[arg-type]  # likewise
            padding,  # type: ignore[arg-type]  # likewise
            groups=inputs,
            bias=False,
        )
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.pointwise(self.depthwise(x))
        return y
