"""MobileNetV2, with the parameter names of torchvision's `mobilenet_v2`.

Source: Sandler, Howard, Zhu, Zhmoginov, Chen: "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
CVPR 2018, arXiv:1801.04381; the rows below are its table 2.
"""

from __future__ import annotations

import torch
from onnxnn_runtime.api.invariants import instance
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value

# expansion t, output channels c, repetitions n, stride s of the first
_BOTTLENECKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def channels(count: float) -> int:
    """Return the multiple of 8 nearest to `count`, at least 8 and never more than a tenth below it."""
    rounded = max(8, int(count + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * count else rounded


def conv_block(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution without bias, batch normalisation, ReLU6."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Widen by 1x1, filter each channel by 3x3, narrow by 1x1 without activation.

    The input is added to the output where both have the same shape.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        widen = [conv_block(inputs, hidden, kernel=1)] if expansion != 1 else []
        self.conv = nn.Sequential(
            *widen,
            conv_block(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """MobileNetV2: images (N, C, H, W) of any size to (N, num_features), or to class scores.

    Args:
        num_classes: Outputs of the classifier; None leaves it out.
        width: Multiplies the channels of every layer; the last one never has fewer than 1280.
        in_channels: C.
        dropout: Probability before the classifier.
        trainable: Whether `features` learns; if not, its batch statistics stay as they are, too.
    """

    def __init__(
        self,
        num_classes: int | None = 1000,
        width: float = 1.0,
        in_channels: int = 3,
        dropout: float = 0.2,
        trainable: bool = True,
    ) -> None:
        super().__init__()
        inputs = channels(32 * width)
        self.num_features = num_features(width)
        blocks: list[nn.Module] = [conv_block(in_channels, inputs, stride=2)]
        for expansion, base, repetitions, first_stride in _BOTTLENECKS:
            outputs = channels(base * width)
            for i in range(repetitions):
                blocks.append(InvertedResidual(inputs, outputs, first_stride if i == 0 else 1, expansion))
                inputs = outputs
        blocks.append(conv_block(inputs, self.num_features, kernel=1))
        self.features = nn.Sequential(*blocks)
        if num_classes is not None:
            self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.num_features, num_classes))
        self._trainable = trainable
        self._initialise()
        if not trainable:
            self.features.requires_grad_(False)
            self.features.eval()

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

    def train(self, mode: bool = True) -> MobileNetV2:
        """As in torch, but a frozen `features` always stays in evaluation mode."""
        super().train(mode)
        if not self._trainable:
            self.features.eval()
        return self

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Return the feature vectors (N, num_features)."""
        features: torch.Tensor = self.features(x)
        return features.mean((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        return self.classifier(x) if hasattr(self, "classifier") else x


def num_features(width: float) -> int:
    """Return the length of the feature vector: 1280, or more for `width` above 1."""
    return channels(1280 * max(1.0, width))


def emit(graph: GraphBuilder, x: Value, module: MobileNetV2) -> Value:
    """Write MobileNetV2's nodes; the feature vector is marked as the graph's embedding."""
    for name, block in module.features.named_children():
        path = f"features.{name}"
        if isinstance(block, InvertedResidual):
            y = _emit_sequence(graph, x, block.conv, f"{path}.conv")
            if block.residual:
                with graph.scope(path):
                    y = graph.node("Add", x, y)
            x = y
        else:
            block = instance(block, nn.Sequential)
            x = _emit_sequence(graph, x, block, path)
    x = graph.flatten(graph.node("GlobalAveragePool", x), rank=4)
    if hasattr(module, "classifier"):
        graph.mark_feature(x)
        linear = instance(module.classifier[1], nn.Linear)
        with graph.scope("classifier.1"):
            x = graph.gemm(x, linear.weight, linear.bias)
    return x


def _emit_sequence(graph: GraphBuilder, x: Value, blocks: nn.Sequential, path: str) -> Value:
    for name, block in blocks.named_children():
        if isinstance(block, nn.Sequential):
            x = _emit_sequence(graph, x, block, f"{path}.{name}")
            continue
        with graph.scope(f"{path}.{name}"):
            if isinstance(block, nn.Conv2d):
                x = graph.conv(x, block)
            elif isinstance(block, nn.BatchNorm2d):
                x = graph.batch_norm(x, block, axis=1, rank=4)
            else:
                x = graph.clip(x, 0.0, 6.0)
    return x


def multiply_adds(module_channels: int, width: float, height: int, columns: int) -> int:
    """Return the multiply-adds of the features for one image (classifier not counted).

    Args:
        module_channels: Channels of the image.
        width: The network's width multiplier.
        height: Rows of the image.
        columns: Columns of the image.
    """

    def halve(size: int) -> int:
        return (size - 1) // 2 + 1

    rows, columns = halve(height), halve(columns)
    inputs = channels(32 * width)
    total = rows * columns * inputs * module_channels * 9
    for expansion, base, repetitions, first_stride in _BOTTLENECKS:
        outputs = channels(base * width)
        for i in range(repetitions):
            hidden = inputs * expansion
            if expansion != 1:
                total += rows * columns * inputs * hidden
            if i == 0 and first_stride == 2:
                rows, columns = halve(rows), halve(columns)
            total += rows * columns * hidden * (9 + outputs)
            inputs = outputs
    return total + rows * columns * inputs * num_features(width)
