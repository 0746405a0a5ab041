"""MobileNetV2, with the parameter names of torchvision's `mobilenet_v2`.

Source: Sandler, Howard, Zhu, Zhmoginov, Chen: "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
CVPR 2018, arXiv:1801.04381; the rows below are its table 2.
"""

from __future__ import annotations

from . import bottlenecks
from .bottlenecks import BottleneckNet, Stage, Style

_STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)

NUM_BLOCKS = bottlenecks.num_blocks(_STAGES)
"""The first convolution, the residual blocks, and the last convolution."""


def channels(count: float) -> int:
    """Return the multiple of 8 nearest to `count`, at least 8 and never more than a tenth below it."""
    rounded = max(8, int(count + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * count else rounded


class MobileNetV2(BottleneckNet):
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
        widths = _widths(in_channels, width)
        super().__init__(_stages(width), widths, Style(), num_classes, dropout, trainable)


def num_features(width: float) -> int:
    """Return the length of the feature vector: 1280, or more for `width` above 1."""
    return channels(1280 * max(1.0, width))


def multiply_adds(in_channels: int, width: float, height: int, columns: int) -> int:
    """Return the multiply-adds of the features for one image (classifier not counted).

    Args:
        in_channels: Channels of the image.
        width: The network's width multiplier.
        height: Rows of the image.
        columns: Columns of the image.
    """
    return bottlenecks.multiply_adds(_stages(width), _widths(in_channels, width), (height, columns))


def _stages(width: float) -> list[Stage]:
    return [stage._replace(channels=channels(stage.channels * width)) for stage in _STAGES]


def _widths(in_channels: int, width: float) -> tuple[int, int, int]:
    return in_channels, channels(32 * width), num_features(width)
