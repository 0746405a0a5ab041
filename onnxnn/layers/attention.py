"""Attention and the blocks that Transformers are stacked from: torch modules, each with its ONNX nodes.

Every block adds to its input and normalises what it reads, not its output ("pre-norm"):
x + f(LayerNorm(x)), with one more normalisation after the last block. Vaswani et al. 2017 normalise the
sum instead, which only trains with a learning rate that is warmed up; with pre-norm any schedule does
(Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from onnx import TensorProto
from onnxnn_runtime.api.invariants import instance
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value

from .masks import lowest

Tensor = torch.Tensor

Pair = tuple[Tensor, Tensor]
"""Keys and values of attention, each (N, heads, time, dim / heads)."""

Emitted = tuple[Value, Value]
"""The values of such keys and values in a graph."""

Seen = tuple[Emitted, Value]
"""Keys and values of what a decoder looks at, and what is added to the scores of looking there."""

Step = tuple[Value, Emitted]
"""What a block returns, and the keys and values of all steps so far."""


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
        return self.look(x, self.keys_and_values(memory), bias)

    def keys_and_values(self, memory: Tensor) -> Pair:
        """Return K and V (N, heads, S, d) of every step of memory (N, S, dim)."""
        return self._split(self.key(memory)), self._split(self.value(memory))

    def look(self, x: Tensor, seen: Pair, bias: Tensor | None) -> Tensor:
        """Do what `forward` does, with the K and V of a memory; see `keys_and_values`."""
        q = self._split(self.query(x))
        y = F.scaled_dot_product_attention(q, *seen, None if bias is None else bias.to(q.dtype))
        mapped: Tensor = self.output(y.transpose(1, 2).flatten(2))
        return mapped

    def _split(self, x: Tensor) -> Tensor:
        """(N, T, dim) -> (N, heads, T, d)."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def emit(self, graph: GraphBuilder, x: Value, memory: Value, bias: Value | None) -> Value:
        """Write the same nodes."""
        keys = self._emit_split(graph, "key", memory, [0, 2, 3, 1])
        return self._emit_look(graph, x, keys, self._emit_split(graph, "value", memory), bias)

    def emit_keys_and_values(self, graph: GraphBuilder, memory: Value) -> Emitted:
        """Write the nodes of `keys_and_values`."""
        keys, values = (self._emit_split(graph, name, memory) for name in ("key", "value"))
        return keys, values

    def emit_look(self, graph: GraphBuilder, x: Value, seen: Emitted, bias: Value | None) -> Value:
        """Write the nodes of `look`."""
        keys, values = seen
        return self._emit_look(graph, x, graph.node("Transpose", keys, perm=[0, 1, 3, 2]), values, bias)

    def _emit_look(
        self, graph: GraphBuilder, x: Value, keys: Value, values: Value, bias: Value | None
    ) -> Value:
        """Write the nodes of `look` for keys (N, heads, d, S) and values (N, heads, S, d)."""
        dim = self.query.in_features
        q = self._emit_split(graph, "query", x)
        q = graph.node("Mul", q, graph.constant(1 / math.sqrt(dim // self.heads), np.float32))
        scores = graph.node("MatMul", q, keys, name="scores")
        if bias is not None:
            scores = graph.node("Add", scores, bias)
        y = graph.node("MatMul", graph.softmax(scores, 3, 4), values)
        y = graph.reshape(graph.node("Transpose", y, perm=[0, 2, 1, 3]), 0, 0, dim)
        return emit_linear(graph, "output", y, self)

    def _emit_split(
        self, graph: GraphBuilder, name: str, x: Value, perm: Sequence[int] = (0, 2, 1, 3)
    ) -> Value:
        """Write a linear layer and the nodes that cut its features into heads."""
        size = self.query.in_features // self.heads
        y = graph.reshape(emit_linear(graph, name, x, self), 0, 0, self.heads, size)
        return graph.node("Transpose", y, perm=list(perm))


class Block(nn.Module):
    """One block: attention among the steps, in decoders attention to the encoder's output, two linear maps.

    Dropout acts on what each of the parts adds (Vaswani et al. 2017, section 5.4).
    """

    def __init__(self, dim: int, feedforward: int, heads: int, dropout: float, cross: bool = False) -> None:
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(dim), Attention(dim, heads)
        if cross:
            self.cross_norm, self.cross = nn.LayerNorm(dim), Attention(dim, heads)
        self.linear_norm, self.linear1 = nn.LayerNorm(dim), nn.Linear(dim, feedforward)
        self.linear2 = nn.Linear(feedforward, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """(N, T, dim) -> (N, T, dim), without a memory to look at."""
        return self.step(x, bias, None, None, None)[0]

    def step(
        self, x: Tensor, bias: Tensor | None, past: Pair | None, seen: Pair | None, seen_bias: Tensor | None
    ) -> tuple[Tensor, Pair]:
        """Run the block for steps that follow others.

        Args:
            x: (N, T, dim).
            bias: Added to the scores of attention among the steps, those before included.
            past: The keys and values of the steps before; None where there are none.
            seen: Those of what a decoder's block also looks at.
            seen_bias: Added to the scores of looking there.

        Returns:
            (N, T, dim), and the keys and values of the steps before and these.
        """
        normal = self.attention_norm(x)
        keys, values = self.attention.keys_and_values(normal)
        if past is not None:
            keys, values = torch.cat((past[0], keys), 2), torch.cat((past[1], values), 2)
        x = x + self.dropout(self.attention.look(normal, (keys, values), bias))
        if seen is not None:
            x = x + self.dropout(self.cross.look(self.cross_norm(x), seen, seen_bias))
        y: Tensor = x + self.dropout(self.linear2(torch.relu(self.linear1(self.linear_norm(x)))))
        return y, (keys, values)

    def emit(self, graph: GraphBuilder, x: Value, bias: Value | None) -> Value:
        """Write the nodes of `forward` without a memory."""
        normal = _emit_norm(graph, "attention_norm", x, self)
        with graph.scope("attention"):
            added = self.attention.emit(graph, normal, normal, bias)
        return self._emit_linears(graph, graph.node("Add", x, added))

    def emit_step(self, graph: GraphBuilder, x: Value, bias: Value, past: Emitted | None, seen: Seen) -> Step:
        """Write the nodes of `step`."""
        normal = _emit_norm(graph, "attention_norm", x, self)
        with graph.scope("attention"):
            own = self.attention.emit_keys_and_values(graph, normal)
            if past is not None:
                keys, values = (graph.node("Concat", *both, axis=2) for both in zip(past, own, strict=True))
                own = keys, values
            added = self.attention.emit_look(graph, normal, own, bias)
        x = graph.node("Add", x, added)
        normal = _emit_norm(graph, "cross_norm", x, self)
        with graph.scope("cross"):
            added = self.cross.emit_look(graph, normal, *seen)
        return self._emit_linears(graph, graph.node("Add", x, added)), own

    def _emit_linears(self, graph: GraphBuilder, x: Value) -> Value:
        y = emit_linear(graph, "linear1", _emit_norm(graph, "linear_norm", x, self), self)
        return graph.node("Add", x, emit_linear(graph, "linear2", graph.node("Relu", y), self))


class Stack(nn.Module):
    """Blocks one after the other, and the normalisation after the last."""

    def __init__(self, num_layers: int, dim: int, make: Callable[[], Block]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(make() for _ in range(num_layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """Run all blocks; the bias is added to the scores of each."""
        for block in self.blocks:
            x = block(x, bias)
        y: Tensor = self.norm(x)
        return y

    def emit(self, graph: GraphBuilder, x: Value, bias: Value | None) -> Value:
        """Write the same nodes."""
        for block in self.scoped(graph):
            x = block.emit(graph, x, bias)
        return self.emit_norm(graph, x)

    def scoped(self, graph: GraphBuilder) -> Iterator[Block]:
        """Yield each block within its own scope of a graph."""
        for number, block in enumerate(self.blocks):
            with graph.scope("blocks"), graph.scope(str(number)):
                yield instance(block, Block)

    def emit_norm(self, graph: GraphBuilder, x: Value) -> Value:
        """Write the nodes of the normalisation after the last block."""
        return _emit_norm(graph, "norm", x, self)


def bias_of(mask: Tensor | None) -> Tensor | None:
    """Return what to add to the scores (N, heads, T, S) for a mask (N, S): very low for padding."""
    return None if mask is None else (~mask)[:, None, None, :] * lowest()


def causal_bias(steps: int, device: torch.device, past: int = 0) -> Tensor:
    """Return what to add to the scores (N, heads, steps, past + steps): very low where a step looks ahead.

    Args:
        steps: How many steps look.
        device: Where the bias is to be.
        past: How many steps come before them.
    """
    ones = torch.ones(steps, past + steps, dtype=torch.bool, device=device)
    return ones.triu(1 + past) * lowest()


def emit_bias(graph: GraphBuilder, mask: Value | None) -> Value | None:
    """Write the nodes of `bias_of`."""
    if mask is None:
        return None
    padding = graph.node("Cast", graph.node("Not", mask), to=TensorProto.FLOAT)
    bias = graph.node("Mul", padding, graph.constant(lowest(), np.float32))
    return graph.unsqueeze(graph.unsqueeze(bias, 1), 1)


def emit_causal_bias(graph: GraphBuilder, steps: Value, positions: Value) -> Value:
    """Write the nodes of `causal_bias`.

    Args:
        graph: Where to.
        steps: How many steps there are, those before included.
        positions: Which of them look, int64 (T,).
    """
    everywhere = graph.unsqueeze(graph.count(steps), 0)
    ahead = graph.node("Less", graph.unsqueeze(positions, 1), everywhere, name="ahead")
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
