"""Layers of volumes and video: three spatial axes (channels, depth, height, width); time is the depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from onnxnn_runtime.api.invariants import present
from torch import nn

from onnxnn.graph.shape import Shape

from .conv import Convolution
from .norm import BatchNorm
from .registry import layer


@layer("conv3d")
@dataclass(frozen=True)
class Conv3d(Convolution):
    """Convolution of volumes or video; formula and options as in `Convolution`.

    Input shape: (channels, depth, height, width) per sample, float32
    Output shape: (outputs, N(depth), N(height), N(width)) per sample, float32
    """

    axes: ClassVar[tuple[str, ...]] = ("depth", "height", "width")
    module: ClassVar[type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = nn.Conv3d


@layer("batchnorm3d")
@dataclass(frozen=True)
class BatchNorm3d(BatchNorm):
    """Batch normalisation of volumes or video; formula and options as in `BatchNorm`.

    Input shape: (channels, depth, height, width) per sample, float32
    Output shape: the same
    """

    layouts: ClassVar[tuple[tuple[str, ...], ...]] = (("channel", "depth", "height", "width"),)

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.BatchNorm3d(present(self.size))  # resolved
