"""The modules of GoogLeNet: Inception, and the auxiliary classifier that helps it learn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from onnxnn_runtime.messages.catalogue import gettext, gettext_noop
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import is_count, number, with_channels, wrong_value
from ._sized import SizedForImages
from .registry import Layer, layer


@layer("inception")
@dataclass(frozen=True)
class Inception(Layer):
    """Four branches side by side, their channels one after the other; ReLU after every convolution.

    1x1 | 1x1 then 3x3 | 1x1 then 5x5 | 3x3 maximum then 1x1. The 1x1 convolutions before the large ones
    reduce the channels, which makes them cheap. Height and width stay.

    Args:
        size: (input channels, c1, (r3, c3), (r5, c5), pool): the channels of the 1x1 branch, those that 1x1
            reduces to before 3x3 and those of 3x3, the same for 5x5, and those after the maximum. None for
            the input channels takes those of its input.

    Input shape: (input channels, height, width) per sample, float32
    Output shape: (c1 + c3 + c5 + pool, height, width)
    Source: Szegedy et al., "Going Deeper with Convolutions", 2015, figure 2b and table 1.
    """

    size: tuple[Any, ...]

    def __post_init__(self) -> None:
        size = self.size
        plain = (0, 1, 4)
        good = isinstance(size, tuple) and len(size) == 5
        good = good and all(is_count(size[i]) or (i == 0 and size[i] is None) for i in plain)
        good = good and all(isinstance(p, tuple) and len(p) == 2 and all(map(is_count, p)) for p in size[2:4])
        if not good:
            expected = gettext(
                "(input channels, c1, (r3, c3), (r5, c5), pool), integers of at least 1, such as "
                "(192, 64, (96, 128), (16, 32), 32)"
            )
            raise wrong_value(self, "size", size, expected)

    def assumed_input(self) -> Shape:
        return super().assumed_input() if self.size[0] is None else Shape.image(self.size[0], None, None)

    def resolve(self, in_shape: Shape) -> Inception:
        return replace(self, size=with_channels(self, in_shape, self.size))

    def out_shape(self, in_shape: Shape) -> Shape:
        _, c1, (_, c3), (_, c5), pool = self.size
        return in_shape.with_sizes(channel=c1 + c3 + c5 + pool)

    def build(self, in_shape: Shape) -> nn.Module:
        return InceptionModule(*self.size)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        values = []
        for name, branch in module.named_children():
            y = x
            for part, step in branch.named_children():
                with graph.scope(name), graph.scope(part):
                    y = _emit_step(graph, y, step)
            values.append(y)
        return graph.node("Concat", *values, axis=1)

    def multiply_adds(self, in_shape: Shape) -> int | None:
        inputs, c1, (r3, c3), (r5, c5), pool = self.size
        _, height, width = in_shape.sizes
        if height is None or width is None:
            return None
        weights: int = inputs * (c1 + r3 + r5 + pool) + 9 * r3 * c3 + 25 * r5 * c5
        return height * width * weights


def _emit_step(graph: GraphBuilder, x: Value, step: nn.Module) -> Value:
    if isinstance(step, nn.Conv2d):
        return graph.conv(x, step)
    if isinstance(step, nn.ReLU):
        return graph.node("Relu", x)
    return graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])


class InceptionModule(nn.Module):
    """(N, inputs, H, W) -> (N, c1 + c3 + c5 + pool, H, W)."""

    def __init__(
        self, inputs: int, c1: int, three: tuple[int, int], five: tuple[int, int], pool: int
    ) -> None:
        super().__init__()
        self.branch1 = nn.Sequential(*_conv(inputs, c1, 1))
        self.branch3 = nn.Sequential(*_conv(inputs, three[0], 1), *_conv(*three, 3))
        self.branch5 = nn.Sequential(*_conv(inputs, five[0], 1), *_conv(*five, 5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), *_conv(inputs, pool, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.children()], 1)


def _conv(inputs: int, outputs: int, kernel: int) -> tuple[nn.Module, nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    # Without batch normalisation, 22 layers only learn when values keep their size from layer to layer.
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # there is a bias
    return conv, nn.ReLU(inplace=True)


@layer("auxiliary_head")
@dataclass(frozen=True)
class AuxiliaryHead(SizedForImages):
    """A second classifier in the middle of a deep network, which returns its input unchanged.

    In training its loss, times `weight`, is added to the network's own, so that the layers before it get a
    gradient by a short way. In inference and in exported files it is gone. The classifier: mean of 4 x 4
    parts of the image, 1x1 convolution to 128 channels, linear to 1024, dropout 0.7, linear to the classes.

    Args:
        size: (input channels, classes). `classes` alone takes the channels of its input.
        weight: The share of its loss.

    Input shape: (input channels, height, width) per sample, float32
    Output shape: the same
    Source: Szegedy et al., "Going Deeper with Convolutions", 2015, section 5 (there the parts are windows of
        5 x 5 with stride 3 on 14 x 14, for one size of images only).
    """

    weight: float = 0.3

    meaning: ClassVar[str] = gettext_noop("(input channels, classes)")

    def __post_init__(self) -> None:
        super().__post_init__()
        number(self, "weight", self.weight)
        if self.weight < 0:
            raise wrong_value(self, "weight", self.weight, gettext("a number of at least 0"))

    def build(self, in_shape: Shape) -> nn.Module:
        return AuxiliaryClassifier(*self.resolved_sizes, self.weight)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return x


class AuxiliaryClassifier(nn.Module):
    """x -> x. While training, `take` returns the classifier's scores (N, classes) of the last batch once."""

    def __init__(self, inputs: int, classes: int, weight: float) -> None:
        super().__init__()
        self.weight = weight
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            *_conv(inputs, 128, 1),
            nn.Flatten(),
            nn.Linear(128 * 16, 1024),
            nn.ReLU(inplace=True),
            nn.Dropout(0.7),
            nn.Linear(1024, classes),
        )
        self._scores: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self._scores = self.classifier(x) if self.training else None
        return x

    def take(self) -> torch.Tensor | None:
        """Return the scores before softmax, and forget them; None where no batch was trained on."""
        scores, self._scores = self._scores, None
        return scores
