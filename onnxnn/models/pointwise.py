"""Convolutions over single pixels with a stride, as the shortcut of a residual network has them.

Their gradients with channels last in memory write beyond their memory in oneDNN, as torch 2.13 carries it, on
processors with AVX-512: the process ends with "corrupted size vs. prev_size" or a segmentation fault, at some
batch sizes and numbers of threads. Leaving out pixels first gives the same outputs without that.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class PointwiseConv2d(nn.Conv2d):
    """`torch.nn.Conv2d` of kernel 1 without padding: pixels that the stride skips are left out before."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        down, right = self.stride
        return F.conv2d(x[..., ::down, ::right], self.weight, self.bias, groups=self.groups)

    def _get_name(self) -> str:
        return "Conv2d"


def is_strided_pointwise(module: nn.Module) -> bool:
    """Return whether a module is a convolution over single pixels that skips some."""
    return isinstance(module, nn.Conv2d) and set(module.kernel_size) == {1} and max(module.stride) > 1


def can_be_channels_last(net: nn.Module) -> bool:
    """Return whether a network has convolutions, all of which train with channels last in memory."""
    modules = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    unsafe = (module for module in modules if not isinstance(module, PointwiseConv2d))
    return bool(modules) and not any(map(is_strided_pointwise, unsafe))
