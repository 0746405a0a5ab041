"""Convolutions along one and two axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext, gettext_noop
from onnxnn_runtime.messages.shorten import shortened
from torch import nn
from typing_extensions import Self

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import DATA, Shape
from onnxnn.models.pointwise import PointwiseConv2d

from ._checks import (
    along_steps,
    back_in_order,
    count,
    flag,
    is_count,
    per_axis,
    places_expected,
    windows,
    wrong_input,
)
from ._sized import Sized
from .registry import layer


@dataclass(frozen=True)
class Convolution(Sized):
    """What convolutions of any number of axes share.

    y[o, n] = b[o] + Σᵢ Σₖ w[o, i, k] · x[i, S·n + D·k - P] for output channel o and position n, with stride
    S, dilation D and padding P (zeros). Along each axis there are N = (W - F + 2P)/S + 1 positions for a
    kernel of F (spread by the dilation), rounded down.

    Args:
        size: (input channels, output channels). `outputs` alone takes the channels of its input.
        kernel_size: F, one number for all axes or one per axis.
        stride: S, likewise.
        padding: P, likewise; zeros on each side.
        groups: How many groups the channels are split into; each output sees its own group's inputs.
        dilation: D, the distance between the values a kernel looks at.
        bias: Whether to learn b.
    """

    kernel_size: int | tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] = 0
    groups: int = 1
    dilation: int | tuple[int, ...] = 1
    bias: bool = True

    meaning: ClassVar[str] = gettext_noop("(input channels, output channels)")
    axes: ClassVar[tuple[str, ...]]
    module: ClassVar[type[nn.Conv1d | nn.Conv2d | nn.Conv3d]]

    def __post_init__(self) -> None:
        self._check_padding()
        super().__post_init__()
        self._windows  # noqa: B018  # refuses what is no such number
        count(self, "groups", self.groups)
        flag(self, "bias", self.bias)
        inputs, outputs = self.sizes
        if outputs % self.groups or (inputs is not None and inputs % self.groups):
            raise LayerError.coded(
                "E-LAYER-04",
                "{where}: expected groups to divide both the input and the output channels, got {groups}.",
                where=self.call(),
                groups=self.groups,
            )

    def _check_padding(self) -> None:
        """Refuse Keras's and torch's words for a padding, with the number that they mean.

        "same" keeps W where 2P = D·(F - 1), which is an integer P for odd F.
        """
        if not isinstance(self.padding, str):
            return
        word = self.padding.strip().lower()
        advice = "0" if word == "valid" else gettext("a number of zeros for each side")
        kernel, dilation = self.kernel_size, self.dilation
        if word == "same" and is_count(kernel) and is_count(dilation):
            both = dilation * (kernel - 1)
            advice = str(both // 2)
            if both % 2:
                advice = gettext("{padding} with an odd kernel_size", padding=both // 2)
        raise LayerError.coded(
            "E-LAYER-04",
            "{where}: expected padding to be an integer, got {got}. Write padding={advice}.",
            where=self.call(),
            got=shortened(self.padding),
            advice=advice,
        )

    def _input_of(self, inputs: int) -> Shape:
        return Shape((inputs, *(None for _ in self.axes)), ("channel", *self.axes))

    def resolve(self, in_shape: Shape) -> Self:
        return self._with_inputs(self._seen(in_shape), "channel")

    def out_shape(self, in_shape: Shape) -> Shape:
        seen = self._seen(in_shape)
        return seen.with_sizes(channel=self.sizes[1], **windows(self, seen, *self._windows))

    def build(self, in_shape: Shape) -> nn.Module:
        inputs, outputs = self.resolved_sizes
        kernel, stride, padding, _ = self._windows
        is_pointwise = len(self.axes) == 2 and set(kernel) == {1} and max(stride) > 1
        unpadded = is_pointwise and not any(padding)
        return (PointwiseConv2d if unpadded else self.module)(
            inputs,
            outputs,
            *self._windows,  # type: ignore[arg-type]  # tuples of the right length
            groups=self.groups,
            bias=self.bias,
        )

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        if not isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            raise AssertionError
        return graph.conv(x, module)

    def multiply_adds(self, in_shape: Shape) -> int | None:
        inputs = self.sizes[0]
        positions = self.out_shape(in_shape).numel
        if positions is None or inputs is None:
            return None
        return positions * (inputs // self.groups) * math.prod(self._windows[0])

    def fixes_input_size(self, in_shape: Shape) -> bool:
        return self._seen(in_shape)["channel"] is None

    @property
    def _windows(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Kernel, stride, padding and dilation, each one per axis."""
        axes = len(self.axes)
        return (
            per_axis(self, "kernel_size", self.kernel_size, axes),
            per_axis(self, "stride", self.stride, axes),
            per_axis(self, "padding", self.padding, axes, lowest=0),
            per_axis(self, "dilation", self.dilation, axes),
        )

    def _seen(self, in_shape: Shape) -> Shape:
        """Return the shape with the axes that this convolution needs, or refuse it."""
        if in_shape.axes == ("channel", *self.axes):
            return in_shape
        raise wrong_input(self, in_shape, places_expected(len(self.axes)), self._advice(in_shape))

    def _advice(self, in_shape: Shape) -> str:
        return back_in_order(in_shape, ("channel", *self.axes)) or gettext(
            "Put it before the layers that flatten, or give the data these axes."
        )


@layer("conv2d")
@dataclass(frozen=True)
class Conv2d(Convolution):
    """Convolution of images; formula and options as in `Convolution`.

    Input shape: (channels, height, width) per sample, float32
    Output shape: (outputs, N(height), N(width)) per sample, float32
    """

    axes: ClassVar[tuple[str, ...]] = ("height", "width")
    module: ClassVar[type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = nn.Conv2d


@layer("conv1d")
@dataclass(frozen=True)
class Conv1d(Convolution):
    """Convolution of signals; formula and options as in `Convolution`.

    Arrays (N, A, B) say nothing about their axes. In front, `conv1d` reads them as BaseNN does, (N, channels,
    length), when A is its number of input channels.

    Input shape: (channels, length) per sample, float32
    Output shape: (outputs, N(length)) per sample, float32
    """

    axes: ClassVar[tuple[str, ...]] = ("length",)
    module: ClassVar[type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = nn.Conv1d

    def reads_signals(self, in_shape: Shape) -> bool | None:
        return in_shape.sizes[0] == self.sizes[0]

    def _advice(self, in_shape: Shape) -> str:
        if in_shape.axes != ("time", "feature"):
            return super()._advice(in_shape)
        if in_shape.source not in ("", DATA):
            return along_steps(in_shape)
        steps, features = in_shape.sizes
        return gettext(
            "Its channels would be the features ({features}): pass the data as (N, {features}, {steps}) "
            "instead, so that it slides along time.",
            features="?" if features is None else features,
            steps="?" if steps is None else steps,
        )
