"""Networks of inverted residual blocks: MobileNetV2 and EfficientNet-Lite differ in table and padding.

Source: Sandler, Howard, Zhu, Zhmoginov, Chen: "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
CVPR 2018, arXiv:1801.04381.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from onnxnn_runtime.api.invariants import instance
from torch import nn
from typing_extensions import Self

from onnxnn.graph.builder import GraphBuilder, Value

from .same_padding import SameConv2d


class Stage(NamedTuple):
    """A row of such a network's table.

    Args:
        expansion: By how much a block widens its channels inside.
        channels: Of its output.
        repetitions: How many blocks there are.
        stride: Of the first one; the others have 1.
        kernel: Height and width of the filters.
    """

    expansion: int
    channels: int
    repetitions: int
    stride: int
    kernel: int = 3


def num_blocks(stages: Iterable[Stage]) -> int:
    """Return how many blocks the features of a table have, the first and the last convolution among them."""
    return sum(stage.repetitions for stage in stages) + 2


@dataclass(frozen=True)
class Style:
    """How the convolutions and batch normalisations of a network are.

    Args:
        eps: What is added to the variance in batch normalisation.
        same: Whether convolutions pad as TensorFlow's "SAME" does (see `SameConv2d`), not evenly.
    """

    eps: float = 1e-5
    same: bool = False

    def conv(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
        """Return a convolution without bias, from a size to size / stride, rounded up."""
        if self.same and stride > 1:
            return SameConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)

    def norm(self, channels: int) -> nn.BatchNorm2d:
        """Return batch normalisation."""
        return nn.BatchNorm2d(channels, self.eps)

    def block(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1
    ) -> nn.Sequential:
        """Return convolution, batch normalisation, ReLU6."""
        conv = self.conv(inputs, outputs, kernel, stride, groups)
        return nn.Sequential(conv, self.norm(outputs), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """Widen by 1x1, filter each channel, narrow by 1x1 without activation.

    The input is added to the output where both have the same shape.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        stride: Of the filters.
        stage: The row of the table, for expansion and kernel.
        style: How its convolutions are.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, stage: Stage, style: Style = Style()) -> None:
        super().__init__()
        hidden = inputs * stage.expansion
        widen = [style.block(inputs, hidden, kernel=1)] if stage.expansion != 1 else []
        self.conv = nn.Sequential(
            *widen,
            style.block(hidden, hidden, stage.kernel, stride, groups=hidden),
            style.conv(hidden, outputs, kernel=1),
            style.norm(outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        return x + y if self.residual else y


class BottleneckNet(nn.Module):
    """Images (N, C, H, W) of any size to feature vectors (N, num_features), or to class scores.

    `features` holds the first convolution, the blocks, and a last 1x1 convolution; `classifier`, if any,
    dropout and a linear layer.

    Args:
        stages: The table, its channels as they are built.
        widths: Channels of the image, after the first convolution, and after the last one.
        style: How the convolutions are.
        num_classes: Outputs of the classifier; None leaves it out.
        dropout: Probability before the classifier.
        trainable: Whether `features` learns; if not, its batch statistics stay as they are, too.
    """

    def __init__(
        self,
        stages: Iterable[Stage],
        widths: tuple[int, int, int],
        style: Style,
        num_classes: int | None,
        dropout: float = 0.2,
        trainable: bool = True,
    ) -> None:
        super().__init__()
        in_channels, inputs, self.num_features = widths
        blocks: list[nn.Module] = [style.block(in_channels, inputs, stride=2)]
        for stage in stages:
            for i in range(stage.repetitions):
                stride = stage.stride if i == 0 else 1
                blocks.append(InvertedResidual(inputs, stage.channels, stride, stage, style))
                inputs = stage.channels
        blocks.append(style.block(inputs, self.num_features, kernel=1))
        self.features = nn.Sequential(*blocks)
        if num_classes is not None:
            self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.num_features, num_classes))
        self._trainable = trainable
        self._lr_factor = 1.0
        self._initialise()
        if not trainable:
            self.features.requires_grad_(False)
            self.features.eval()

    def unfreeze(self, last: int, lr_factor: float) -> None:
        """Let the last blocks of frozen `features` learn; batch statistics stay as they are.

        Args:
            last: How many blocks learn; the others are frozen.
            lr_factor: Their share of the learning rate.
        """
        blocks = list(self.features)
        for number, block in enumerate(blocks):
            block.requires_grad_(number >= len(blocks) - last)
        self._lr_factor = lr_factor

    def lr_factors(self) -> dict[nn.Parameter, float]:
        """Return the share of the learning rate of each weight that has another one than the network."""
        return {} if self._lr_factor == 1 else dict.fromkeys(self.features.parameters(), self._lr_factor)

    def _initialise(self) -> None:
        """Draw the weights as torchvision does, and let residual blocks begin as the identity.

        Convolutions are drawn from a normal distribution by their fan-out (He et al., "Delving Deep into
        Rectifiers", 2015, section 2.2; arXiv:1502.01852). The last batch normalisation of a block with a
        residual connection has weight 0 (Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 5.1;
        arXiv:1706.02677), by which a small data set trains more in the few steps that it gives.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, InvertedResidual) and module.residual:
                nn.init.zeros_(module.conv[-1].get_parameter("weight"))
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)

    def train(self, mode: bool = True) -> Self:
        """As in torch, but a frozen `features` always stays in evaluation mode."""
        super().train(mode)
        if not self._trainable:
            self.features.eval()
        return self

    def prepared(self, x: torch.Tensor) -> torch.Tensor:
        """Return images in 0..1 as `features` wants them."""
        return x

    def parts(self) -> list[Callable[[torch.Tensor], torch.Tensor]]:
        """Return what an image goes through, one after the other; functions among them have no state."""
        classifier = [self.classifier] if hasattr(self, "classifier") else []
        return [self.prepared, *self.features, _pooled, *classifier]

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Return the feature vectors (N, num_features)."""
        return _pooled(self.features(self.prepared(x)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        return self.classifier(x) if hasattr(self, "classifier") else x


def _pooled(x: torch.Tensor) -> torch.Tensor:
    """Return the means over height and width."""
    return x.mean((2, 3))


def emit(graph: GraphBuilder, x: Value, module: BottleneckNet, sizes: tuple[int | None, int | None]) -> Value:
    """Write the network's nodes; the feature vector is marked as the graph's embedding.

    Args:
        graph: Where to.
        x: Images (N, C, H, W).
        module: The network, in evaluation mode.
        sizes: H and W; None where they are free.
    """
    writer = _Writer(graph, sizes)
    for name, block in module.features.named_children():
        path = f"features.{name}"
        if isinstance(block, InvertedResidual):
            y = writer.sequence(x, block.conv, f"{path}.conv")
            if block.residual:
                with graph.scope(path):
                    y = graph.node("Add", x, y)
            x = y
        else:
            x = writer.sequence(x, instance(block, nn.Sequential), path)
    means = graph.flatten(graph.node("GlobalAveragePool", x), rank=4)
    graph.mark_means(x, means)
    x = means
    if hasattr(module, "classifier"):
        graph.mark_feature(x)
        linear = instance(module.classifier[1], nn.Linear)
        with graph.scope("classifier.1"):
            x = graph.gemm(x, linear.weight, linear.bias)
    return x


class _Writer:
    """Writes convolutions one after the other, and follows the size of the image through them."""

    def __init__(self, graph: GraphBuilder, sizes: tuple[int | None, int | None]) -> None:
        self._graph, self._sizes = graph, sizes

    def sequence(self, x: Value, blocks: nn.Sequential, path: str) -> Value:
        for name, block in blocks.named_children():
            if isinstance(block, nn.Sequential):
                x = self.sequence(x, block, f"{path}.{name}")
                continue
            with self._graph.scope(f"{path}.{name}"):
                x = self._one(x, block)
        return x

    def _one(self, x: Value, block: nn.Module) -> Value:
        if isinstance(block, nn.Conv2d):
            pads = block.pads(self._sizes) if isinstance(block, SameConv2d) else ()
            height, width = (
                None if size is None else -(-size // stride)
                for size, stride in zip(self._sizes, block.stride, strict=True)
            )
            self._sizes = height, width
            return self._graph.conv(x, block, pads)
        if isinstance(block, nn.BatchNorm2d):
            return self._graph.batch_norm(x, block, axis=1, rank=4)
        return self._graph.clip(x, 0.0, 6.0)


def multiply_adds(stages: Iterable[Stage], widths: tuple[int, int, int], sizes: tuple[int, int]) -> int:
    """Return the multiply-adds of the features for one image (classifier not counted).

    Args:
        stages: As for `BottleneckNet`.
        widths: Likewise.
        sizes: Height and width of the image.
    """
    in_channels, inputs, outputs = widths
    rows, columns = (-(-size // 2) for size in sizes)
    total = rows * columns * inputs * in_channels * 9
    for stage in stages:
        for i in range(stage.repetitions):
            hidden = inputs * stage.expansion
            if stage.expansion != 1:
                total += rows * columns * inputs * hidden
            if i == 0:
                rows, columns = -(-rows // stage.stride), -(-columns // stage.stride)
            total += rows * columns * hidden * (stage.kernel**2 + stage.channels)
            inputs = stage.channels
    return total + rows * columns * inputs * outputs
