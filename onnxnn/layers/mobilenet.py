"""MobileNetV2 as a layer: the whole classifier, or its backbone alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import gettext
from torch import nn
from typing_extensions import Self

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape
from onnxnn.models import bottlenecks, mobilenet
from onnxnn.models.mobilenet import MobileNetV2
from onnxnn.models.weights import fetch, load_into

from ._checks import count, probability, wrong_value
from ._encoder import ImageEncoder
from .registry import layer


@dataclass(frozen=True)
class _MobileNet(ImageEncoder):
    """What the whole network and its backbone share.

    Args:
        weights: A weights file with torchvision's names (`mobilenet_v2`, or a checkpoint of ours), or an
            https address of one. Read once, when the network is built; checkpoints hold the weights
            themselves and never this option, so loading one needs neither the file nor the web.
        sha256: The file's checksum; needed for an address.
        trainable: False keeps the features' weights and batch statistics as they are.
        unfrozen, lr_factor: See `ImageEncoder`.
        width: Multiplies the channels of every layer: 0.35 or 0.5 for small boards. The feature vector
            has 1280 numbers, more only for a width above 1.
    """

    width: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.width, bool) or not isinstance(self.width, int | float) or not 0 < self.width <= 8:
            expected = gettext("a number above 0 and up to {most}, such as 1.0 or 0.5", most=8)
            raise wrong_value(self, "width", self.width, expected)
        super().__post_init__()

    @property
    def num_blocks(self) -> int:
        return mobilenet.NUM_BLOCKS

    def build(self, in_shape: Shape) -> nn.Module:
        module = MobileNetV2(
            num_classes=self._num_classes(),
            width=self.width,
            in_channels=in_shape["channel"] or 3,
            dropout=self._dropout(),
            trainable=self.trainable,
        )
        if self.weights is not None:
            load_into(module, fetch(self.weights, self.sha256), self.weights, "MobileNetV2")
        self.freeze(module)
        return module

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        height, width = in_shape.sizes[1:]
        return bottlenecks.emit(graph, x, instance(module, MobileNetV2), (height, width))

    def multiply_adds(self, in_shape: Shape) -> int | None:
        inputs, height, width = in_shape.sizes
        if inputs is None or height is None or width is None:
            return None
        head = mobilenet.num_features(self.width) * (self._num_classes() or 0)
        return mobilenet.multiply_adds(inputs, self.width, height, width) + head

    def _num_classes(self) -> int | None:
        return None

    def _dropout(self) -> float:
        return 0.0


@layer("mobilenet_backbone", "mobilenetv2_backbone")
@dataclass(frozen=True)
class MobileNetBackbone(_MobileNet):
    """MobileNetV2 without its classifier: an image of any size becomes a vector of 1280 numbers.

    Options as in `_MobileNet`: weights, sha256, trainable, unfrozen, lr_factor, width.

    Input shape: (channels, height, width) per sample, any size, float32
    Output shape: (1280,) per sample, float32
    Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018.
    """

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape.vector(mobilenet.num_features(self.width))


@layer("mobilenet", "mobilenetv2")
@dataclass(frozen=True)
class MobileNet(_MobileNet):
    """MobileNetV2 with its classifier: an image of any size becomes one score (logit) per class.

    Args:
        num_classes: Taken from the data when left out.
        dropout: Probability before the classifier.

    Other options as in `_MobileNet`: weights (the classifier's are used when the number of classes
    is the same), sha256, trainable (False freezes the features, the classifier learns), unfrozen,
    lr_factor, width.

    Input shape: (channels, height, width) per sample, any size, float32
    Output shape: (num_classes,) per sample, float32
    Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018.
    """

    num_classes: int | None = None
    dropout: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        probability(self, "dropout", self.dropout)
        if self.num_classes is not None:
            count(self, "num_classes", self.num_classes)

    def with_classes(self, number: int) -> Self:
        return replace(self, num_classes=number) if self.num_classes is None else self

    def resolve(self, in_shape: Shape) -> Self:
        if self.num_classes is None:
            raise LayerError.coded(
                "E-LAYER-02",
                "{where}: the number of classes is not known. Load the data before this line, or write "
                "num_classes=...",
                where=self.call(),
            )
        return super().resolve(in_shape)

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape.vector(self.num_classes)

    def feature_size(self, in_shape: Shape) -> int | None:
        return mobilenet.num_features(self.width)

    def _num_classes(self) -> int | None:
        return self.num_classes

    def _dropout(self) -> float:
        return self.dropout
