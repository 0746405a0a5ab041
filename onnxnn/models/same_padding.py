"""Convolutions that pad as TensorFlow's "SAME" does: by the size of their input, and more at the end."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


def same_pads(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return how many zeros stand before and after an axis so that size / stride, rounded up, comes out.

    An odd number of zeros is one more at the end: a kernel of 3 with stride 2 has (0, 1) for an even size,
    (1, 1) for an odd one.

    Source: TensorFlow's notes on padding, https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2

    Args:
        size: Of the axis.
        kernel: Of the filter along it.
        stride: Likewise.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """Convolution of images (N, C, H, W) of any size to (N, C', H / stride, W / stride), rounded up."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (top, bottom), (left, right) = self._before_and_after(x.shape[2:])
        return super().forward(functional.pad(x, (left, right, top, bottom)))

    def pads(self, sizes: tuple[int | None, int | None]) -> list[int] | str:
        """Return ONNX's `pads` for a height and a width; "SAME_UPPER" where one is free.

        Args:
            sizes: Height and width.
        """
        known = [size for size in sizes if size is not None]
        if len(known) < len(sizes):
            return "SAME_UPPER"  # the runtime computes them, for each image
        (top, bottom), (left, right) = self._before_and_after(known)
        return [top, left, bottom, right]

    def _before_and_after(self, sizes: Sequence[int]) -> list[tuple[int, int]]:
        return [same_pads(*each) for each in zip(sizes, self.kernel_size, self.stride, strict=True)]
