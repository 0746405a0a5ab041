"""Which steps of a sequence are padding, passed from module to module."""

from __future__ import annotations

import torch
from torch import nn


class Masked(nn.Module):
    """A module that gets which steps are no padding, where the layers before it know.

    Args:
        takes_mask: Whether they know; then the module is called `module(x, mask)`, mask bool (N, time).
    """

    def __init__(self, takes_mask: bool) -> None:
        super().__init__()
        self.takes_mask = takes_mask


def lowest(dtype: torch.dtype = torch.float32) -> float:
    """Return what stands for minus infinity: hardly a number is below, and any score can be added."""
    return torch.finfo(dtype).min / 2


def call(module: nn.Module, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Return module(x), or module(x, mask) for one that takes a mask."""
    y: torch.Tensor = module(x, mask) if getattr(module, "takes_mask", False) else module(x)
    return y
