"""The U-Net that predicts the noise in an image: torch modules for training.

    x (N, C, H, W), t (N,) -> the prediction (N, C, H, W)

Down a few levels, each at half the size of the one before, and up again; what a level on the way down gave
is read again on the way up (Ronneberger et al. 2015). Every block is conditioned on the timestep: its
sinusoidal embedding, mapped by two linear layers, scales and shifts what each block has normalised
(Ho et al. 2020, appendix B; Nichol & Dhariwal 2021, section 2.1).

Two presets share this file. "basenn" is the very network of BaseNN 2.0, for comparison (5.24 million
parameters at dim 64 and dim_mults 1-2-2). The default is made for classroom CPUs: it reads squares of 2 x 2
pixels, so that nothing is computed at the full size, and holds fewer and narrower blocks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from onnxnn_runtime.api.invariants import instance, present
from onnxnn_runtime.card.schedule import Schedule
from torch import nn

from onnxnn.graph.builder import Array, GraphBuilder, Value, to_numpy

from .unet_blocks import (
    GROUPS,
    Attention,
    Cond,
    ConvFirst,
    LinearAttention,
    NormFirst,
    ResidualBlock,
    Size,
    begin_at_zero,
    emit_norm,
    emit_silu,
)

Tensor = torch.Tensor

PRESETS = ("classroom", "basenn")

_OF_0_1_0 = re.compile(r"(\.(?:blocks\.\d+|middle[12]|last)\.)tell(?=\.)|(\.(?:down|up)\.\d+\.)behind(?=\.)")


def current_name(name: str) -> str:
    """Return the name of a weight in the state dict; 0.1.0 named two of them otherwise."""
    return _OF_0_1_0.sub(lambda found: f"{found[1]}cond" if found[1] else f"{found[2]}conv", name)


@dataclass(frozen=True)
class Architecture:
    """How large the network is.

    Args:
        dim: Channels at the first level, a multiple of 8.
        dim_mults: Channels after each level, in multiples of `dim`; as many as there are levels.
        attention: The levels, from 0, at which every place looks at every other; the last level's is also
            in the middle. With the preset "basenn" the other levels have linear attention.
        patch: Side of the squares of pixels that the first convolution reads.
        preset: "classroom" or "basenn".
    """

    dim: int
    dim_mults: tuple[int, ...]
    attention: tuple[int, ...]
    patch: int = 1
    preset: str = "classroom"

    @property
    def factor(self) -> int:
        """What height and width must be multiples of."""
        return self.patch << (len(self.dim_mults) - 1)


class Denoiser(nn.Module):
    """What is noise in an image at timestep t.

    Args:
        image_shape: (C, H, W) of an image.
        schedule: How noise grows over the steps, and what is predicted.
        architecture: How large the network is.
        num_classes: How many labels there are; 0 for none.

    Attributes:
        image_shape, schedule, architecture, num_classes: As given.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        schedule: Schedule,
        architecture: Architecture,
        num_classes: int = 0,
    ) -> None:
        super().__init__()
        self.image_shape, self.schedule = image_shape, schedule
        self.architecture, self.num_classes = architecture, num_classes
        channels, dim, patch = image_shape[0], architecture.dim, architecture.patch
        basenn = architecture.preset == "basenn"
        block = ConvFirst if basenn else NormFirst
        blocks = 2 if basenn else 1
        cond = 4 * dim
        widths = [dim, *(dim * mult for mult in architecture.dim_mults)]
        levels = list(enumerate(pairwise(widths)))
        last, wide = len(levels) - 1, widths[-1]

        self.time1, self.time2 = nn.Linear(dim, cond), nn.Linear(cond, cond)
        self.label = nn.Embedding(num_classes + 1, cond) if num_classes else None
        kernel = 7 if basenn else 3
        self.first = nn.Conv2d(channels, dim, kernel * patch, patch, kernel // 2 * patch)
        self.down = nn.ModuleList(
            Down(
                [block(narrow, narrow, cond) for _ in range(blocks)],
                self._attention(level, narrow),
                nn.Conv2d(narrow, wide, 3, padding=1) if level == last else nn.Conv2d(narrow, wide, 2, 2),
            )
            for level, (narrow, wide) in levels
        )
        self.middle1 = block(wide, wide, cond)
        self.middle_attention = self._attention(last, wide, middle=True)
        self.middle2 = block(wide, wide, cond)
        self.up = nn.ModuleList(
            Up(
                [block(wide + narrow, wide, cond) for _ in range(blocks)],
                self._attention(level, wide),
                nn.Conv2d(wide, narrow, 3, padding=1),
                enlarge=level > 0,
            )
            for level, (narrow, wide) in reversed(levels)
        )
        self.last = block(2 * dim, dim, cond)
        self.norm = None if basenn else nn.GroupNorm(GROUPS, dim)
        self.out = nn.Conv2d(dim, channels * patch**2, 1 if basenn else 3, padding=0 if basenn else 1)
        if not basenn:
            begin_at_zero(self.out)

    def _attention(self, level: int, dim: int, middle: bool = False) -> Attention | LinearAttention | None:
        full = level in self.architecture.attention
        if self.architecture.preset == "basenn":
            return (Attention if full or middle else LinearAttention)(dim, heads=4, memory=4)
        return Attention(dim, heads=max(1, dim // 32)) if full else None

    def forward(self, x: Tensor, t: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the prediction, noise or v as the schedule says, of x's shape.

        Args:
            x: float32 (N, C, H, W), noisy images about [-1, 1].
            t: int64 (N,), the steps, 0 to timesteps - 1.
            label: int64 (N,), 0 to num_classes; num_classes, or None for all, is no label.
        """
        cond = self.embed(t, label)
        x = self.first(x)
        begin = x
        skips: list[Tensor] = []
        for down in self.down:
            x = down(x, cond, skips)
        x = self.middle1(x, cond)
        if self.middle_attention is not None:
            x = x + self.middle_attention(x)
        x = self.middle2(x, cond)
        for up in self.up:
            x = up(x, cond, skips)
        x = self.last(torch.cat([x, begin], 1), cond)
        if self.norm is not None:
            x = F.silu(self.norm(x))
        y: Tensor = self.out(x)
        return F.pixel_shuffle(y, self.architecture.patch)

    def embed(self, t: Tensor, label: Tensor | None = None) -> Tensor:
        """Return what blocks are conditioned on, of timestep and label, float32 (N, 4 dim)."""
        cond = self.embed_time(t)
        if self.label is not None:
            cond = cond + self.label(torch.full_like(t, self.num_classes) if label is None else label)
        return F.silu(cond)

    def embed_time(self, t: Tensor) -> Tensor:
        """Return what stands for the timestep, float32 (N, 4 dim), before a label is added and SiLU follows.

        Sine and cosine of t / 10000^(i / (dim / 2 - 1)) (Vaswani et al. 2017, section 3.5), and two linear
        layers with GELU between them.
        """
        half = self.architecture.dim // 2
        speed = torch.exp(torch.arange(half, device=t.device) * (-math.log(10000) / (half - 1)))
        angle = t[:, None].to(torch.float32) * speed
        cond: Tensor = self.time2(F.gelu(self.time1(torch.cat([angle.sin(), angle.cos()], 1))))
        return cond

    def emit(
        self, graph: GraphBuilder, x: Value, row: Value, label: Value | None, steps: Sequence[int]
    ) -> Value:
        """Write the same nodes; all that only depends on the step becomes a table.

        Args:
            graph: Where to.
            x: float32 (N, C, H, W).
            row: int64 (N,) or (1,): a row of the table, that is, which of `steps`.
            label: int64 (N,); None for networks without classes.
            steps: The steps t that occur.
        """
        cond = self._emit_cond(graph, row, label, steps)
        height, width = (number // self.architecture.patch for number in self.image_shape[1:])
        size = height, width
        with graph.scope("first"):
            x = begin = graph.conv(x, self.first)
        skips: list[Value] = []
        for number, down in enumerate(self.down):
            down = instance(down, Down)
            with graph.scope("down"), graph.scope(str(number)):
                x = down.emit(graph, x, size, cond, skips)
            if number < len(self.down) - 1:
                size = size[0] // 2, size[1] // 2
        with graph.scope("middle1"):
            x = self.middle1.emit(graph, x, size, cond)
        with graph.scope("middle_attention"):
            x = emit_attention(graph, x, size, self.middle_attention)
        with graph.scope("middle2"):
            x = self.middle2.emit(graph, x, size, cond)
        for number, up in enumerate(self.up):
            up = instance(up, Up)
            with graph.scope("up"), graph.scope(str(number)):
                x = up.emit(graph, x, size, cond, skips)
            if up.enlarge:
                size = size[0] * 2, size[1] * 2
        with graph.scope("last"):
            x = self.last.emit(graph, graph.node("Concat", x, begin, axis=1), size, cond)
        if self.norm is not None:
            x = emit_silu(graph, emit_norm(graph, "norm", x, self.norm, size))
        with graph.scope("out"):
            x = graph.conv(x, self.out)
            return graph.pixel_shuffle(x, self.architecture.patch)

    def _emit_cond(
        self, graph: GraphBuilder, row: Value, label: Value | None, steps: Sequence[int]
    ) -> Iterator[Value]:
        """Write scale and shift of every block, in the order in which they run."""
        blocks = [module for module in self.modules() if isinstance(module, ResidualBlock)]
        weight, bias = (np.concatenate(parts) for parts in zip(*(b.folded() for b in blocks), strict=True))
        with torch.inference_mode():
            t = torch.tensor(list(steps), device=self.time1.weight.device)
            table = self.embed_time(t)
            if label is None:
                table = F.silu(table)
        rows = to_numpy(table)
        with graph.scope("cond"):
            if label is None and len(rows) <= rows.shape[1]:  # a table no larger than the weight
                rows = (rows.astype(np.float64) @ weight.T + bias).astype(np.float32)
            cond = graph.node("Gather", graph.weight("steps", rows), row, axis=0)
            if label is not None:
                labels = graph.weight("labels", present(self.label).weight)
                named = graph.node("Gather", labels, label, axis=0)
                cond = emit_silu(graph, graph.node("Add", cond, named))
            if rows.shape[1] != len(weight):
                weights = [graph.weight("weight", weight.astype(np.float32))]
                weights.append(graph.weight("bias", bias.astype(np.float32)))
                cond = graph.node("Gemm", cond, *weights, transB=1)
            cond = graph.reshape(cond, 0, -1, 1, 1)
            sizes = [block.conv1.out_channels for block in blocks for _ in range(2)]
            return iter(graph.split(cond, 1, sizes))


class Down(nn.Module):
    """One level on the way down: blocks, attention, then half the size (the last level keeps its own)."""

    def __init__(
        self, blocks: list[ResidualBlock], attention: Attention | LinearAttention | None, conv: nn.Conv2d
    ) -> None:
        super().__init__()
        self.blocks, self.attention, self.conv = nn.ModuleList(blocks), attention, conv

    def forward(self, x: Tensor, cond: Tensor, skips: list[Tensor]) -> Tensor:
        """Append to `skips` the output of each block."""
        for block in self.blocks[:-1]:
            x = block(x, cond)
            skips.append(x)
        x = self.blocks[-1](x, cond)
        if self.attention is not None:
            x = x + self.attention(x)
        skips.append(x)
        y: Tensor = self.conv(x)
        return y

    def emit(self, graph: GraphBuilder, x: Value, size: Size, cond: Cond, skips: list[Value]) -> Value:
        """Write the same nodes."""
        for number, block in enumerate(cast("list[ResidualBlock]", self.blocks)):
            with graph.scope("blocks"), graph.scope(str(number)):
                x = block.emit(graph, x, size, cond)
            if number == len(self.blocks) - 1:
                with graph.scope("attention"):
                    x = emit_attention(graph, x, size, self.attention)
            skips.append(x)
        with graph.scope("conv"):
            return graph.conv(x, self.conv)


class Up(nn.Module):
    """One level on the way up: blocks that also read what the way down left, attention, twice the size."""

    def __init__(
        self,
        blocks: list[ResidualBlock],
        attention: Attention | LinearAttention | None,
        conv: nn.Conv2d,
        enlarge: bool,
    ) -> None:
        super().__init__()
        self.blocks, self.attention, self.conv = nn.ModuleList(blocks), attention, conv
        self.enlarge = enlarge

    def forward(self, x: Tensor, cond: Tensor, skips: list[Tensor]) -> Tensor:
        """Take from the end of `skips` what each block reads beside x."""
        for block in self.blocks:
            x = block(torch.cat([x, skips.pop()], 1), cond)
        if self.attention is not None:
            x = x + self.attention(x)
        if self.enlarge:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        y: Tensor = self.conv(x)
        return y

    def emit(self, graph: GraphBuilder, x: Value, size: Size, cond: Cond, skips: list[Value]) -> Value:
        """Write the same nodes."""
        for number, block in enumerate(cast("list[ResidualBlock]", self.blocks)):
            with graph.scope("blocks"), graph.scope(str(number)):
                x = block.emit(graph, graph.node("Concat", x, skips.pop(), axis=1), size, cond)
        with graph.scope("attention"):
            x = emit_attention(graph, x, size, self.attention)
        with graph.scope("conv"):
            return self._emit_enlarged(graph, x, size) if self.enlarge else graph.conv(x, self.conv)

    def _emit_enlarged(self, graph: GraphBuilder, x: Value, size: Size) -> Value:
        """Write the 3x3 convolution of x at twice the size, computed at the size of x.

        Where pixels stand twice, a row of three taps reads two different ones: [a, b, c] is [a, b + c] for
        even and [a + b, c] for odd rows, and likewise for columns. So four convolutions of 2x2 on x give the
        four kinds of pixels with 16/36 of the work; then they are put side by side.
        """
        weight = to_numpy(self.conv.weight).astype(np.float64)
        bias = present(self.conv.bias)
        shared = graph.weight("bias", bias)
        apart = graph.constant([0, len(bias), size[0], 1, size[1], 1])
        rows = []
        for row in (0, 1):
            pixels = []
            for column in (0, 1):
                taps = _folded_taps(_folded_taps(weight, 2, row), 3, column)
                y = graph.node(
                    "Conv",
                    x,
                    graph.weight("weight", taps.astype(np.float32)),
                    shared,
                    kernel_shape=[2, 2],
                    pads=[1 - row, 1 - column, row, column],
                )
                pixels.append(graph.node("Reshape", y, apart))
            rows.append(graph.node("Concat", *pixels, axis=5))
        y = graph.node("Concat", *rows, axis=3)
        return graph.reshape(y, 0, len(bias), 2 * size[0], 2 * size[1])


def _folded_taps(weight: Array, axis: int, odd: int) -> Array:
    """Three taps along an axis become two for pixels that stand twice: [a, b + c] or, odd, [a + b, c]."""
    a, b, c = np.split(weight, 3, axis)
    return np.concatenate([a + b, c] if odd else [a, b + c], axis)


def emit_attention(
    graph: GraphBuilder, x: Value, size: Size, attention: Attention | LinearAttention | None
) -> Value:
    """Write x + attention(x)."""
    return x if attention is None else graph.node("Add", x, attention.emit(graph, x, size))
