"""Feature vectors from a published network: a weights file of torchvision's is enough."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.card.preprocess import Preprocess
from onnxnn_runtime.errors import CheckpointError, MissingCheckpointError
from onnxnn_runtime.files.access import as_path, regular_file
from onnxnn_runtime.messages.shorten import shortened
from torch import nn

from onnxnn.definition.module import evaluating
from onnxnn.models import weights
from onnxnn.models.mobilenet import MobileNetV2
from onnxnn.models.published import PublishedFile, published
from onnxnn.models.resnet import BasicBlock, Bottleneck

from .predict import arrays

Array = np.ndarray[Any, Any]

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as torchvision's networks want
_PREPROCESS = Preprocess("RGB", (("resize_short", 256), ("center_crop", 224, 224)))
_SPEC = InputSpec("image", ("batch", 3, 224, 224), _PREPROCESS)


def pretrained_features(
    source: object, pretrain: str | Path, batch_size: int = 32, download: bool = False
) -> Array:
    """Return what a published network makes of images: of MobileNetV2 the 1280 features before its
    classifier, of a ResNet the 1000 class scores, as BaseNN has it.

    Args:
        source: An image, a folder, or several, as for inference; arrays in RGB order.
        pretrain: A weights file, or the name that BaseNN's scripts give, such as "resnet18": then a file
            of that name is looked for here and where torchvision keeps its downloads. Which network it is
            shows in the file's tensors.
        batch_size: How many images to run at once.
        download: Whether torchvision's file of that name is fetched where there is none; it is used, and
            kept in the user's cache folder, only with the checksum of `onnxnn.models.published`.

    Returns:
        float32 (N, 1280) or (N, 1000).

    Raises:
        MissingCheckpointError: There is no such file.
        CheckpointError: The file is none of a known network.
        InputError: An image cannot be read.
    """
    path = _find(pretrain)
    file = published(str(pretrain))
    if path is None and (file is None or not download):
        raise _missing(pretrain, file)
    read = weights.read(str(path), None) if path or not file else weights.read(file.address, file.sha256)
    net = _network(read, path or Path(str(pretrain)))
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (_MEAN, _STD))
    read_ahead = closing(arrays(source, _SPEC, batch_size))
    with evaluating(net), torch.inference_mode(), read_ahead as samples:
        return np.concatenate([net((torch.from_numpy(x) - mean) / std).numpy() for x in samples])


class _ResNet(nn.Module):
    """ResNet as torchvision builds and names it (He et al., arXiv:1512.03385)."""

    def __init__(self, block: type[BasicBlock | Bottleneck], depths: list[int], num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for number, depth in enumerate(depths, 1):
            channels = 32 * 2**number
            blocks = []
            for i in range(depth):
                blocks.append(block(inputs, channels, 2 if i == 0 and number > 1 else 1))
                inputs = channels * block.expansion
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self.fc = nn.Linear(inputs, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.max_pool2d(x, 3, 2, 1)
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        scores: torch.Tensor = self.fc(x.mean((2, 3)))
        return scores


def _find(pretrain: str | Path) -> Path | None:
    """Return the weights file of a path or of a network's name; None where there is none."""
    path = as_path(pretrain, "pretrain", CheckpointError)
    if os.path.exists(path) or len(path.name) > 200:
        return regular_file(path, "file of weights", CheckpointError)
    folders = [Path(), Path(torch.hub.get_dir()) / "checkpoints"]
    if path.suffix not in (".pth", ".pt"):
        found = [file for folder in folders for file in sorted(folder.glob(f"{path.name}*.pth"))]
        if found:
            return found[0]
    return None


def _missing(pretrain: str | Path, file: PublishedFile | None) -> MissingCheckpointError:
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    if file is None:
        return MissingCheckpointError.coded(
            "E-CKPT-01",
            "pretrain={pretrain}: no such file of weights here or in {folder}. Give the path of a file. "
            "Known are torchvision's mobilenet_v2 and resnet18, 34, 50, 101 and 152.",
            pretrain=shortened(str(pretrain)),
            folder=folder,
        )
    return MissingCheckpointError.coded(
        "E-CKPT-01",
        "pretrain={pretrain}: no such file of weights here or in {folder}. Nothing is downloaded without "
        "download=True, which fetches {file}. Or put that file into this folder.",
        pretrain=shortened(str(pretrain)),
        folder=folder,
        file=file.describe(),
    )


def _network(tensors: Mapping[str, torch.Tensor], path: Path) -> nn.Module:
    net: nn.Module | None = None
    if "features.0.0.weight" in tensors and "features.18.0.weight" in tensors:
        width = tensors["features.0.0.weight"].shape[0] / 32
        net = MobileNetV2(num_classes=None, width=width)
        tensors = {name: value for name, value in tensors.items() if name.startswith("features.")}
    elif "layer1.0.conv1.weight" in tensors and "fc.weight" in tensors:
        block = Bottleneck if "layer1.0.conv3.weight" in tensors else BasicBlock
        depths = [_depth(tensors, f"layer{number}.") for number in range(1, 5)]
        net = _ResNet(block, depths, len(tensors["fc.weight"]))
    if net is None:
        raise CheckpointError.coded(
            "E-LAYER-08",
            "weights {path}: expected the tensors of a known network, got others. Known are "
            "torchvision's mobilenet_v2 and resnet18, 34, 50, 101 and 152.",
            path=path,
        )
    try:
        net.load_state_dict({**net.state_dict(), **tensors})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise CheckpointError.coded(
            "E-LAYER-08",
            "weights {path}: do not match the network that they name ({reason}). Known are torchvision's "
            "mobilenet_v2 and resnet18, 34, 50, 101 and 152.",
            path=path,
            reason=reason,
        ) from error
    return net


def _depth(tensors: Mapping[str, torch.Tensor], stage: str) -> int:
    return len({name.split(".")[1] for name in tensors if name.startswith(stage)})
