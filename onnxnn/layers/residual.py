"""The residual blocks of ResNet as layers."""

from __future__ import annotations

import abc
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.messages.catalogue import gettext_noop
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape
from onnxnn.models.resnet import BasicBlock, Bottleneck

from ._checks import count
from ._sized import SizedForImages
from .registry import layer


@dataclass(frozen=True)
class Residual(SizedForImages):
    """What both kinds of residual blocks share: y = relu(F(x) + shortcut(x)).

    The shortcut is x itself, or a 1x1 convolution with batch normalisation where F changes the shape.
    Weights have torchvision's names and order: conv1, bn1, conv2, bn2, ..., downsample.0, downsample.1.

    Args:
        size: (input channels, channels of the block). `channels` alone takes those of its input.
        num_blocks: How many blocks follow each other. The same as so many calls, of which the first has
            this stride and the others stride 1.
        stride: 2 halves height and width.

    Source: He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", 2016.
    """

    num_blocks: int = 1
    stride: int = 1

    meaning: ClassVar[str] = gettext_noop("(input channels, channels)")
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)
    block: ClassVar[type[BasicBlock | Bottleneck]]

    def __post_init__(self) -> None:
        super().__post_init__()
        count(self, "num_blocks", self.num_blocks)
        count(self, "stride", self.stride)

    def out_shape(self, in_shape: Shape) -> Shape:
        # 3x3 padded by 1 and 1x1 agree at any size: N = (W - 1)/S + 1.
        height, width = (_strided(in_shape[axis], self.stride) for axis in ("height", "width"))
        return in_shape.with_sizes(channel=self.sizes[1] * self.block.expansion, height=height, width=width)

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.Sequential(*(self.block(*settings) for settings in self._blocks()))

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        for name, block in module.named_children():
            block = instance(block, BasicBlock, Bottleneck)
            with graph.scope(name):
                x = block.emit(graph, x)
            x = graph.node("Relu", x)
        return x

    def multiply_adds(self, in_shape: Shape) -> int | None:
        total = 0
        _, height, width = in_shape.sizes
        for inputs, channels, stride in self._blocks():
            if height is None or width is None:
                return None
            before = height * width
            height, width = (height - 1) // stride + 1, (width - 1) // stride + 1
            total += self._of_block(inputs, channels, before, height * width)
            if stride != 1 or inputs != channels * self.block.expansion:
                total += height * width * inputs * channels * self.block.expansion
        return total

    @abc.abstractmethod
    def _of_block(self, inputs: int, channels: int, before: int, after: int) -> int:
        """Return the multiply-adds of F for images of so many pixels before and after the stride."""

    def _blocks(self) -> Iterator[tuple[int, int, int]]:
        """Yield (input channels, channels, stride) of every block."""
        inputs, channels = self.resolved_sizes
        yield inputs, channels, self.stride
        for _ in range(self.num_blocks - 1):
            yield channels * self.block.expansion, channels, 1


@layer("res_block")
@dataclass(frozen=True)
class ResBlock(Residual):
    """Residual blocks of two 3x3 convolutions (ResNet-18 and -34); formula and options as in `Residual`.

    Input shape: (input channels, height, width) per sample, float32
    Output shape: (channels, height / stride, width / stride), rounded up
    """

    block: ClassVar[type[BasicBlock | Bottleneck]] = BasicBlock

    def _of_block(self, inputs: int, channels: int, before: int, after: int) -> int:
        return 9 * after * channels * (inputs + channels)


@layer("res_bottleneck")
@dataclass(frozen=True)
class ResBottleneck(Residual):
    """Residual blocks of 1x1, 3x3 and 1x1 convolutions (ResNet-50 and deeper), as in `Residual`.

    The second number of `size` is the inner width; four times as many channels come out, so the layers of
    ResNet-50 are written (64, 64), (256, 128), (512, 256), (1024, 512).

    Input shape: (input channels, height, width) per sample, float32
    Output shape: (4 · channels, height / stride, width / stride), rounded up
    """

    block: ClassVar[type[BasicBlock | Bottleneck]] = Bottleneck

    def _of_block(self, inputs: int, channels: int, before: int, after: int) -> int:
        narrow, filtered, widen = inputs * channels, 9 * channels**2, 4 * channels**2
        return before * narrow + after * (filtered + widen)


def _strided(size: int | None, stride: int) -> int | None:
    return None if size is None else (size - 1) // stride + 1
