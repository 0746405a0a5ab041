"""Attention and the blocks that Transformers are stacked from: torch modules, each with its ONNX nodes.

Every block adds to its input and normalises what it reads, not its output ("pre-norm"):
x + f(LayerNorm(x)), with one more normalisation after the last block. Vaswani et al. 2017 normalise the
sum instead, which only trains with a learning rate that is warmed up; with pre-norm any schedule does
(Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from onnx import TensorProto
from onnxnn_runtime.api.invariants import instance
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value

from .masks import lowest

Tensor = torch.Tensor


class Attention(nn.Module):
    """Multi-head attention: softmax(Q Kᵀ / √d) V for each head, with d = dim / heads.

    Q = x Wq + bq, K = memory Wk + bk, V = memory Wv + bv; heads are slices of their features, and their
    outputs are put side by side again and mapped by Wo.

    Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.2.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x: Tensor, memory: Tensor, bias: Tensor | None) -> Tensor:
        """Let every step of x (N, T, dim) look at every step of memory (N, S, dim).

        Args:
            x: Who looks.
            memory: Where to.
            bias: Added to the scores, broadcast to (N, heads, T, S): very low where looking is not allowed.
        """
        q, k, v = self._split(self.query(x)), self._split(self.key(memory)), self._split(self.value(memory))
        y = F.scaled_dot_product_attention(q, k, v, None if bias is None else bias.to(q.dtype))
        mapped: Tensor = self.output(y.transpose(1, 2).flatten(2))
        return mapped

    def _split(self, x: Tensor) -> Tensor:
        """(N, T, dim) -> (N, heads, T, d)."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def emit(self, graph: GraphBuilder, x: Value, memory: Value, bias: Value | None) -> Value:
        """Write the same nodes."""
        dim = self.query.in_features
        size = dim // self.heads
        q, k, v = (
            graph.node(
                "Transpose",
                graph.reshape(emit_linear(graph, name, read, self), 0, 0, self.heads, size),
                perm=[0, 2, 3, 1] if name == "key" else [0, 2, 1, 3],
            )
            for name, read in (("query", x), ("key", memory), ("value", memory))
        )
        q = graph.node("Mul", q, graph.constant(1 / math.sqrt(size), np.float32))
        scores = graph.node("MatMul", q, k, name="scores")
        if bias is not None:
            scores = graph.node("Add", scores, bias)
        y = graph.node("MatMul", graph.softmax(scores, 3, 4), v)
        y = graph.reshape(graph.node("Transpose", y, perm=[0, 2, 1, 3]), 0, 0, dim)
        return emit_linear(graph, "output", y, self)


class Block(nn.Module):
    """One block: attention among the steps, in decoders attention to the encoder's output, two linear maps.

    Dropout acts on what each of the parts adds (Vaswani et al. 2017, section 5.4).
    """

    def __init__(self, dim: int, feedforward: int, heads: int, dropout: float, cross: bool = False) -> None:
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(dim), Attention(dim, heads)
        if cross:
            self.cross_norm, self.cross = nn.LayerNorm(dim), Attention(dim, heads)
        self.has_cross = cross
        self.linear_norm, self.linear1 = nn.LayerNorm(dim), nn.Linear(dim, feedforward)
        self.linear2 = nn.Linear(feedforward, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Tensor, bias: Tensor | None, memory: Tensor | None = None, memory_bias: Tensor | None = None
    ) -> Tensor:
        """(N, T, dim) -> (N, T, dim); memory (N, S, dim) is what a decoder's block also looks at."""
        normal = self.attention_norm(x)
        x = x + self.dropout(self.attention(normal, normal, bias))
        if self.has_cross:
            x = x + self.dropout(self.cross(self.cross_norm(x), memory, memory_bias))
        y: Tensor = x + self.dropout(self.linear2(torch.relu(self.linear1(self.linear_norm(x)))))
        return y

    def emit(
        self,
        graph: GraphBuilder,
        x: Value,
        bias: Value | None,
        memory: Value | None = None,
        memory_bias: Value | None = None,
    ) -> Value:
        """Write the same nodes."""
        normal = _emit_norm(graph, "attention_norm", x, self)
        with graph.scope("attention"):
            added = self.attention.emit(graph, normal, normal, bias)
        x = graph.node("Add", x, added)
        if memory is not None:
            normal = _emit_norm(graph, "cross_norm", x, self)
            with graph.scope("cross"):
                added = self.cross.emit(graph, normal, memory, memory_bias)
            x = graph.node("Add", x, added)
        y = emit_linear(graph, "linear1", _emit_norm(graph, "linear_norm", x, self), self)
        return graph.node("Add", x, emit_linear(graph, "linear2", graph.node("Relu", y), self))


class Stack(nn.Module):
    """Blocks one after the other, and the normalisation after the last."""

    def __init__(self, num_layers: int, dim: int, make: Callable[[], Block]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(make() for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, *seen: Tensor | None) -> Tensor:
        """Run all blocks; `seen` is what each takes besides x."""
        for block in self.blocks:
            x = block(x, *seen)
        y: Tensor = self.norm(x)
        return y

    def emit(self, graph: GraphBuilder, x: Value, *seen: Value | None) -> Value:
        """Write the same nodes."""
        for number, block in enumerate(self.blocks):
            with graph.scope("blocks"), graph.scope(str(number)):
                block = instance(block, Block)
                x = block.emit(graph, x, *seen)
        return _emit_norm(graph, "norm", x, self)


def bias_of(mask: Tensor | None) -> Tensor | None:
    """Return what to add to the scores (N, heads, T, S) for a mask (N, S): very low for padding."""
    return None if mask is None else (~mask)[:, None, None, :] * lowest()


def causal_bias(steps: int, device: torch.device) -> Tensor:
    """Return what to add to the scores (N, heads, steps, steps): very low where a step would look ahead."""
    return torch.ones(steps, steps, dtype=torch.bool, device=device).triu(1) * lowest()


def emit_bias(graph: GraphBuilder, mask: Value | None) -> Value | None:
    """Write the nodes of `bias_of`."""
    if mask is None:
        return None
    padding = graph.node("Cast", graph.node("Not", mask), to=TensorProto.FLOAT)
    bias = graph.node("Mul", padding, graph.constant(lowest(), np.float32))
    return graph.unsqueeze(graph.unsqueeze(bias, 1), 1)


def emit_causal_bias(graph: GraphBuilder, steps: Value) -> Value:
    """Write the nodes of `causal_bias`."""
    positions = graph.count(steps)
    ahead = graph.node("Less", graph.unsqueeze(positions, 1), graph.unsqueeze(positions, 0), name="ahead")
    return graph.node(
        "Mul", graph.node("Cast", ahead, to=TensorProto.FLOAT), graph.constant(lowest(), np.float32)
    )


def emit_linear(graph: GraphBuilder, name: str, x: Value, owner: nn.Module) -> Value:
    """Write the linear layer `name` of a module, for each step of x (N, T, features)."""
    module = instance(owner.get_submodule(name), nn.Linear)
    with graph.scope(name):
        y = graph.node("MatMul", x, graph.weight("weight", module.weight.T))
        return graph.node("Add", y, graph.weight("bias", module.bias))


def _emit_norm(graph: GraphBuilder, name: str, x: Value, owner: nn.Module) -> Value:
    module = instance(owner.get_submodule(name), nn.LayerNorm)
    with graph.scope(name):
        return graph.layer_norm(x, module, rank=3)
