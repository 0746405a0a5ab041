"""The blocks of ResNet, with the parameter names of torchvision's `resnet18` to `resnet152`.

Source: He, Zhang, Ren, Sun: "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385.
"""

from __future__ import annotations

import abc
from typing import ClassVar

import torch
from onnxnn_runtime.api.invariants import instance
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value

from .pointwise import PointwiseConv2d


class _Block(nn.Module, abc.ABC):
    """y = relu(F(x) + shortcut(x)) for images (N, inputs, H, W).

    Args:
        inputs: Channels of x.
        channels: Channels inside the block; `expansion` times as many come out.
        stride: 2 halves height and width.
    """

    expansion: ClassVar[int]

    downsample: nn.Sequential | None
    """The shortcut where F changes the shape of x; None where x itself will do."""

    def _finish(self, inputs: int, channels: int, stride: int) -> None:
        """Add what comes after F in torchvision's order, and draw the weights as the paper's authors do."""
        outputs = channels * self.expansion
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                PointwiseConv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @abc.abstractmethod
    def emit(self, graph: GraphBuilder, x: Value) -> Value:
        """Write the nodes up to the addition."""

    def _emit_sum(self, graph: GraphBuilder, x: Value, y: Value) -> Value:
        if self.downsample is not None:
            x = _conv_norm(graph, x, self, "downsample.0", "downsample.1")
        return graph.node("Add", y, x)


class BasicBlock(_Block):
    """F: 3x3, batch normalisation, ReLU, 3x3, batch normalisation (ResNet-18 and -34)."""

    expansion = 1

    def __init__(self, inputs: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self._finish(inputs, channels, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += x if self.downsample is None else self.downsample(x)
        activated: torch.Tensor = self.relu(y)
        return activated

    def emit(self, graph: GraphBuilder, x: Value) -> Value:
        y = graph.node("Relu", _conv_norm(graph, x, self, "conv1", "bn1"))
        y = _conv_norm(graph, y, self, "conv2", "bn2")
        return self._emit_sum(graph, x, y)


class Bottleneck(_Block):
    """F: 1x1 narrows, 3x3 filters, 1x1 widens to four times `channels`; batch normalisation after each
    and ReLU between (ResNet-50 and deeper). The stride is the 3x3's, as in torchvision."""

    expansion = 4

    def __init__(self, inputs: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion)
        self._finish(inputs, channels, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        activated: torch.Tensor = self.relu(y)
        return activated

    def emit(self, graph: GraphBuilder, x: Value) -> Value:
        y = graph.node("Relu", _conv_norm(graph, x, self, "conv1", "bn1"))
        y = graph.node("Relu", _conv_norm(graph, y, self, "conv2", "bn2"))
        y = _conv_norm(graph, y, self, "conv3", "bn3")
        return self._emit_sum(graph, x, y)


def _conv_norm(graph: GraphBuilder, x: Value, block: nn.Module, conv: str, norm: str) -> Value:
    """A convolution with its batch normalisation folded in."""
    convolution, normalisation = block.get_submodule(conv), block.get_submodule(norm)
    convolution = instance(convolution, nn.Conv2d)
    normalisation = instance(normalisation, nn.BatchNorm2d)
    with graph.scope(conv):
        return graph.batch_norm(graph.conv(x, convolution), normalisation, axis=1, rank=4)
