"""What the U-Net is made of: residual blocks that are told the step, and attention between places.

Two families stand side by side, the ones of the default network and those of BaseNN's, which normalise in
another order and learn a few keys and values of their own.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

__all__ = [
    "GROUPS",
    "Attention",
    "ConvFirst",
    "LinearAttention",
    "NormFirst",
    "ResidualBlock",
    "RmsNorm",
    "begin_at_zero",
]

Tensor = torch.Tensor

GROUPS = 8
"""Groups of channels that are normalised together; every width is a multiple of it."""

HEAD_DIM = 32
"""Features with which one head of attention looks."""


class ResidualBlock(nn.Module):
    """f(x, told) + shortcut(x) for pictures (N, inputs, H, W), with two 3x3 convolutions in f.

    `told` (N, features) scales and shifts, by a linear map, what one of the normalisations gives:
    (1 + scale) norm(x) + shift (Perez et al., "FiLM", 2018).
    """

    def __init__(self, inputs: int, outputs: int, told: int) -> None:
        super().__init__()
        self.tell = nn.Linear(told, 2 * outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        scale, shift = self.tell(told)[:, :, None, None].chunk(2, dim=1)
        return self.change(x, scale, shift) + (x if self.shortcut is None else self.shortcut(x))

    def change(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Return f."""
        raise NotImplementedError


class NormFirst(ResidualBlock):
    """f: norm, SiLU, 3x3, norm that is told, SiLU, 3x3 beginning at zero (Dhariwal & Nichol 2021)."""

    def __init__(self, inputs: int, outputs: int, told: int) -> None:
        super().__init__(inputs, outputs, told)
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, inputs), nn.GroupNorm(GROUPS, outputs)
        begin_at_zero(self.conv2)

    def change(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        y = torch.addcmul(shift, self.norm2(y), 1 + scale)
        changed: Tensor = self.conv2(F.silu(y))
        return changed


class ConvFirst(ResidualBlock):
    """f: 3x3, norm that is told, SiLU, 3x3, norm, SiLU, as BaseNN has it."""

    def __init__(self, inputs: int, outputs: int, told: int) -> None:
        super().__init__(inputs, outputs, told)
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, outputs), nn.GroupNorm(GROUPS, outputs)

    def change(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        y = F.silu(self.norm1(self.conv1(x)) * (scale + 1) + shift)
        return F.silu(self.norm2(self.conv2(y)))


class Attention(nn.Module):
    """Every place of a picture looks at every other: softmax(K Qᵀ / √d) V for each head.

    Args:
        dim: Channels that arrive and come out.
        heads: How many times every place looks.
        memory: How many keys and values are learned beside those of the picture, as BaseNN has it; its
            network also divides each place by its length, where the other normalises groups.

    Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.2.
    """

    def __init__(self, dim: int, heads: int, memory: int = 0) -> None:
        super().__init__()
        hidden = heads * HEAD_DIM
        self.heads = heads
        self.norm = RmsNorm(dim) if memory else nn.GroupNorm(GROUPS, dim)
        self.memory = nn.Parameter(torch.randn(2, heads, memory, HEAD_DIM)) if memory else None
        self.qkv = nn.Conv2d(dim, 3 * hidden, 1, bias=False)
        self.out = nn.Conv2d(hidden, dim, 1)
        if not memory:
            begin_at_zero(self.out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, dim, H, W) -> what is to be added to it."""
        q, k, v = _heads(self.qkv(self.norm(x)), self.heads).transpose(-1, -2).unbind(1)
        if self.memory is not None:
            k, v = (
                torch.cat([known.expand(len(x), -1, -1, -1), seen], 2)
                for known, seen in zip(self.memory, (k, v), strict=True)
            )
        y = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2)
        added: Tensor = self.out(y.reshape(len(x), -1, *x.shape[2:]))
        return added


class LinearAttention(nn.Module):
    """Attention whose cost grows with the places and not with their square, as BaseNN has it.

    Every head collects what all places hold, context = softmax(K) Vᵀ over places, and each place reads it
    with softmax(q) / √d over features.

    Args:
        dim: Channels that arrive and come out.
        heads: How many times every place looks.
        memory: How many keys and values are learned beside those of the picture.

    Source: Shen et al., "Efficient Attention: Attention with Linear Complexities", 2021, section 3.
    """

    def __init__(self, dim: int, heads: int, memory: int) -> None:
        super().__init__()
        hidden = heads * HEAD_DIM
        self.heads = heads
        self.norm = RmsNorm(dim)
        self.memory = nn.Parameter(torch.randn(2, heads, HEAD_DIM, memory))
        self.qkv = nn.Conv2d(dim, 3 * hidden, 1, bias=False)
        self.out = nn.Conv2d(hidden, dim, 1)
        self.out_norm = RmsNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(N, dim, H, W) -> what is to be added to it."""
        q, k, v = _heads(self.qkv(self.norm(x)), self.heads).unbind(1)
        k, v = (
            torch.cat([known.expand(len(x), -1, -1, -1), seen], 3)
            for known, seen in zip(self.memory, (k, v), strict=True)
        )
        context = k.softmax(-1) @ v.transpose(-1, -2)  # (N, heads, key features, value features)
        y = context.transpose(-1, -2) @ (q.softmax(-2) / math.sqrt(HEAD_DIM))
        added: Tensor = self.out_norm(self.out(y.reshape(len(x), -1, *x.shape[2:])))
        return added


class RmsNorm(nn.Module):
    """Each place divided by the root of the mean square of its channels, times a learned gain."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """(N, dim, H, W) -> the same shape."""
        return F.normalize(x, dim=1) * (self.gain * math.sqrt(x.shape[1]))[:, None, None]


def begin_at_zero(conv: nn.Conv2d) -> None:
    """Let a convolution give zeros before training, so that what it is added to passes unchanged."""
    nn.init.zeros_(conv.weight)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)


def _heads(x: Tensor, heads: int) -> Tensor:
    """(N, 3 heads d, H, W) -> (N, 3, heads, d, places)."""
    return x.reshape(len(x), 3, heads, HEAD_DIM, -1)
