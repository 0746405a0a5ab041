"""What the U-Net is made of: residual blocks conditioned on the timestep, and attention between places.

Two families stand side by side, the ones of the default network and those of BaseNN's, which normalise in
another order and learn a few keys and values of their own.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from onnxnn_runtime.api.invariants import instance, present
from torch import nn

from onnxnn.graph.builder import Array, GraphBuilder, Value, to_numpy

Tensor = torch.Tensor

Size = tuple[int, int]
"""Height and width."""

Cond = Iterator[Value]
"""Scale and shift of each block in turn, (N, C, 1, 1) or (1, C, 1, 1)."""

GROUPS = 8
"""Groups of channels that are normalised together; every width is a multiple of it."""

HEAD_DIM = 32
"""Features with which one head of attention looks."""


class ResidualBlock(nn.Module, abc.ABC):
    """f(x, cond) + shortcut(x) for images (N, inputs, H, W), with two 3x3 convolutions in f.

    `cond` (N, features) scales and shifts, by a linear map, the output of one of the normalisations:
    (1 + scale) norm(x) + shift (Perez et al., "FiLM", 2018).
    """

    def __init__(self, inputs: int, outputs: int, cond: int) -> None:
        super().__init__()
        self.cond = nn.Linear(cond, 2 * outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor, cond: Tensor) -> Tensor:
        scale, shift = self.cond(cond)[:, :, None, None].chunk(2, dim=1)
        return self.change(x, scale, shift) + (x if self.shortcut is None else self.shortcut(x))

    @abc.abstractmethod
    def change(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Return f."""

    @property
    @abc.abstractmethod
    def conditioned_norm(self) -> nn.GroupNorm:
        """The normalisation that is scaled and shifted."""

    def folded(self) -> tuple[Array, Array]:
        """Return weight and bias of `cond` with "1 +" and the conditioned normalisation's own map folded in.

        With norm(x) = g n(x) + h: (1 + scale) norm(x) + shift = g (1 + scale) n(x) + h (1 + scale) + shift.
        """
        gain, offset = _column(self.conditioned_norm.weight), _column(self.conditioned_norm.bias)
        scale, shift = np.split(_with_bias(self.cond), 2)
        scale[:, -1] += 1
        both = np.concatenate([gain * scale, offset * scale + shift])
        return both[:, :-1], both[:, -1]

    def emit(self, graph: GraphBuilder, x: Value, size: Size, cond: Cond) -> Value:
        """Write the same nodes; scale and shift as `folded` has them."""
        y = self.emit_change(graph, x, size, next(cond), next(cond))
        if self.shortcut is not None:
            with graph.scope("shortcut"):
                x = graph.conv(x, self.shortcut)
        return graph.node("Add", y, x)

    @abc.abstractmethod
    def emit_change(self, graph: GraphBuilder, x: Value, size: Size, scale: Value, shift: Value) -> Value:
        """Write the nodes of f."""

    def _emit_conv(self, graph: GraphBuilder, name: str, x: Value) -> Value:
        module = instance(self.get_submodule(name), nn.Conv2d)
        with graph.scope(name):
            return graph.conv(x, module)


class NormFirst(ResidualBlock):
    """f: norm, SiLU, 3x3, conditioned norm, SiLU, 3x3 beginning at zero (Dhariwal & Nichol 2021)."""

    def __init__(self, inputs: int, outputs: int, cond: int) -> None:
        super().__init__(inputs, outputs, cond)
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, inputs), nn.GroupNorm(GROUPS, outputs)
        begin_at_zero(self.conv2)

    def change(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        y = torch.addcmul(shift, self.norm2(y), 1 + scale)
        changed: Tensor = self.conv2(F.silu(y))
        return changed

    @property
    def conditioned_norm(self) -> nn.GroupNorm:
        return self.norm2

    def emit_change(self, graph: GraphBuilder, x: Value, size: Size, scale: Value, shift: Value) -> Value:
        y = self._emit_conv(graph, "conv1", emit_silu(graph, emit_norm(graph, "norm1", x, self.norm1, size)))
        y = emit_conditioned_norm(graph, "norm2", y, self.norm2, size, scale, shift)
        return self._emit_conv(graph, "conv2", emit_silu(graph, y))


class ConvFirst(ResidualBlock):
    """f: 3x3, conditioned norm, SiLU, 3x3, norm, SiLU, as BaseNN has it."""

    def __init__(self, inputs: int, outputs: int, cond: int) -> None:
        super().__init__(inputs, outputs, cond)
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, outputs), nn.GroupNorm(GROUPS, outputs)

    def change(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        y = F.silu(self.norm1(self.conv1(x)) * (scale + 1) + shift)
        return F.silu(self.norm2(self.conv2(y)))

    @property
    def conditioned_norm(self) -> nn.GroupNorm:
        return self.norm1

    def emit_change(self, graph: GraphBuilder, x: Value, size: Size, scale: Value, shift: Value) -> Value:
        y = self._emit_conv(graph, "conv1", x)
        y = emit_silu(graph, emit_conditioned_norm(graph, "norm1", y, self.norm1, size, scale, shift))
        y = self._emit_conv(graph, "conv2", y)
        return emit_silu(graph, emit_norm(graph, "norm2", y, self.norm2, size))


class Attention(nn.Module):
    """Every place of an image looks at every other: softmax(K Qᵀ / √d) V for each head.

    Args:
        dim: Channels of input and output.
        heads: How many times every place looks.
        memory: How many keys and values are learned beside those of the image, as BaseNN has it; its
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

    def emit(self, graph: GraphBuilder, x: Value, size: Size) -> Value:
        """Write the same nodes, places always last, so that nothing has to be turned round."""
        q, k, v = (
            to_numpy(self.qkv.weight[:, :, 0, 0]).astype(np.float64).reshape(3, self.heads, HEAD_DIM, -1)
        )
        q = q / math.sqrt(HEAD_DIM)
        dim, places = self.qkv.in_channels, size[0] * size[1]
        if isinstance(self.norm, RmsNorm):
            gain = to_numpy(self.norm.gain)
            q, k, v = q * gain, k * gain, v * gain
            plain = emit_rms_norm(graph, graph.reshape(x, 0, dim, places))
        else:
            plain = graph.reshape(emit_norm(graph, "norm", x, self.norm, size), 0, dim, places)
        seen = plain
        if self.memory is not None:
            learned = to_numpy(self.memory).astype(np.float64).swapaxes(-1, -2)
            k, v = (np.concatenate(pair, axis=2) for pair in zip((k, v), learned, strict=True))
            seen = emit_beside(graph, plain, dim, places, self.memory.shape[2])
        heads = (
            graph.reshape(
                graph.node("MatMul", _flat_weight(graph, name, weight), read), 0, self.heads, HEAD_DIM, -1
            )
            for name, weight, read in (("query", q, plain), ("key", k, seen), ("value", v, seen))
        )
        query, key, value = heads
        scores = graph.node("MatMul", graph.node("Transpose", query, perm=[0, 1, 3, 2]), key, name="scores")
        share = graph.node("Transpose", graph.softmax(scores, 3, 4), perm=[0, 1, 3, 2])
        y = graph.reshape(graph.node("MatMul", value, share), 0, self.heads * HEAD_DIM, places)
        with graph.scope("out"):
            y = graph.node("MatMul", graph.weight("weight", self.out.weight[:, :, 0, 0]), y)
            y = graph.node("Add", y, graph.weight("bias", present(self.out.bias)[:, None]))
        return graph.reshape(y, 0, dim, *size)


class LinearAttention(nn.Module):
    """Attention whose cost grows with the places and not with their square, as BaseNN has it.

    Every head collects what all places hold, context = softmax(K) Vᵀ over places, and each place reads it
    with softmax(q) / √d over features.

    Args:
        dim: Channels of input and output.
        heads: How many times every place looks.
        memory: How many keys and values are learned beside those of the image.

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

    def emit(self, graph: GraphBuilder, x: Value, size: Size) -> Value:
        """Write nodes that give the same with a fifth less to compute.

        With X (C, places) what is read, P = softmax(K) and W_v, W_o the maps to values and out of them, each
        head adds W_o context^T softmax(q) = (P X^T W_v^T W_o^T)^T softmax(q). So W_v^T W_o^T is one matrix,
        made here, that stands after P X^T (features, C), and no values are computed for the places.
        """
        dim, places = self.qkv.in_channels, size[0] * size[1]
        gain = to_numpy(self.norm.gain).astype(np.float64)
        weight = to_numpy(self.qkv.weight[:, :, 0, 0]).astype(np.float64) * gain
        q, k, v = weight.reshape(3, self.heads, HEAD_DIM, -1)
        known = to_numpy(self.memory).astype(np.float64)
        k, v = (np.concatenate(pair, axis=2) for pair in zip((k, v), known, strict=True))
        out = to_numpy(self.out.weight[:, :, 0, 0]).astype(np.float64).reshape(dim, self.heads, HEAD_DIM)
        through = np.einsum("hec,ohe->hco", v, out) / math.sqrt(HEAD_DIM)
        hidden = self.heads * HEAD_DIM

        plain = emit_rms_norm(graph, graph.reshape(x, 0, dim, places))
        seen = emit_beside(graph, plain, dim, places, known.shape[3])
        turned = graph.node("Transpose", plain, perm=[0, 2, 1])
        query = graph.node("MatMul", turned, graph.weight("query", _flat(q).T))
        query = graph.softmax(graph.reshape(query, 0, places, self.heads, HEAD_DIM), 3, 4)
        query = graph.node("Transpose", graph.reshape(query, 0, places, hidden), perm=[0, 2, 1])
        share = graph.softmax(graph.node("MatMul", _flat_weight(graph, "key", k), seen), 2, 3)
        context = graph.node("MatMul", share, graph.node("Transpose", seen, perm=[0, 2, 1]))
        context = graph.reshape(context, 0, self.heads, HEAD_DIM, -1)
        context = graph.node("MatMul", context, graph.weight("value", through.astype(np.float32)))
        context = graph.node("Transpose", graph.reshape(context, 0, hidden, dim), perm=[0, 2, 1])
        y = graph.node("MatMul", context, query)
        y = graph.node("Add", y, graph.weight("bias", present(self.out.bias)[:, None]))
        y = graph.node("Mul", emit_rms_norm(graph, y), graph.weight("gain", self.out_norm.gain[:, None]))
        return graph.reshape(y, 0, dim, *size)


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
    nn.init.zeros_(present(conv.bias))


def emit_silu(graph: GraphBuilder, x: Value) -> Value:
    """x / (1 + exp(-x)); ONNX Runtime makes one operator of it."""
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def emit_norm(graph: GraphBuilder, name: str, x: Value, norm: nn.GroupNorm, size: Size) -> Value:
    """Write group normalisation of x (N, C, *size) with its own scale and shift."""
    with graph.scope(name):
        scale = graph.weight("weight", norm.weight[:, None, None])
        shift = graph.weight("bias", norm.bias[:, None, None])
    return emit_conditioned_norm(graph, name, x, norm, size, scale, shift)


def emit_conditioned_norm(
    graph: GraphBuilder, name: str, x: Value, norm: nn.GroupNorm, size: Size, scale: Value, shift: Value
) -> Value:
    """Write group normalisation of x (N, C, *size) with another scale and shift than its own."""
    groups = norm.num_groups
    with graph.scope(name):
        ones, zeros = (
            graph.constant(np.ones(groups), np.float32),
            graph.constant(np.zeros(groups), np.float32),
        )
        y = graph.reshape(x, 0, groups, -1)
        y = graph.node("InstanceNormalization", y, ones, zeros, epsilon=norm.eps)
        y = graph.reshape(y, 0, norm.num_channels, *size)
        return graph.node("Add", graph.node("Mul", y, scale), shift)


def emit_rms_norm(graph: GraphBuilder, x: Value) -> Value:
    """Write x (N, C, places) divided by the root of the mean square of its channels."""
    square = graph.mean(graph.node("Mul", x, x), [1], keepdims=True)
    length = graph.clip(graph.node("Sqrt", square), 1e-12, float(np.finfo(np.float32).max))
    return graph.node("Div", x, length)


def emit_beside(graph: GraphBuilder, x: Value, dim: int, places: int, memory: int) -> Value:
    """Write [[x, 0], [0, 1]]: x (N, dim, places) with `memory` places more, each with a channel of its own.

    A map of it whose last columns are the learned keys returns those of the image, then the learned ones.
    """
    corner = np.zeros((dim + memory, places + memory), np.float32)
    corner[dim:, places:] = np.eye(memory)
    padded = graph.node("Pad", x, graph.constant([0, 0, 0, 0, memory, memory]))
    return graph.node("Add", padded, graph.weight("corner", corner))


def _column(x: Tensor) -> Array:
    return to_numpy(x).astype(np.float64)[:, None]


def _with_bias(module: nn.Linear) -> Array:
    """Return [W b], float64."""
    return np.concatenate([to_numpy(module.weight).astype(np.float64), _column(module.bias)], axis=1)


def _flat(weight: Array) -> Array:
    """(heads, d, inputs) -> (heads d, inputs), float32."""
    return weight.reshape(-1, weight.shape[-1]).astype(np.float32)


def _flat_weight(graph: GraphBuilder, name: str, weight: Array) -> Value:
    return graph.weight(name, _flat(weight))


def _heads(x: Tensor, heads: int) -> Tensor:
    """(N, 3 heads d, H, W) -> (N, 3, heads, d, places)."""
    return x.reshape(len(x), 3, heads, HEAD_DIM, -1)
