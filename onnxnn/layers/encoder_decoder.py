"""The module of `transformer`: encoder and decoder, which also writes a target step by step.

What a step needs of those before it is a cache: which tokens of the source are real, and the keys and values
of every block of the decoder, of the source and of the target so far. With it the decoder computes the new
steps alone, and the encoder nothing (Pope et al., "Efficiently Scaling Transformer Inference", 2022).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from onnx import TensorProto
from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.generation.seq2seq import PADDING
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value

from .attention import (
    Attention,
    Block,
    Emitted,
    Pair,
    Stack,
    bias_of,
    causal_bias,
    emit_causal_bias,
    emit_linear,
)
from .embedding import EmbeddingModule
from .masks import lowest
from .positional import Positions

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class Cache:
    """What the decoder needs of a source, and of the target so far.

    Args:
        bias: What is added to the scores of looking at the source (N, 1, 1, S).
        source: The keys and values of the source, for each block.
        target: Those of the target so far; () before its first step.
    """

    bias: Tensor
    source: tuple[Pair, ...]
    target: tuple[Pair, ...] = ()

    @property
    def steps(self) -> int:
        """How long the target is so far."""
        return self.target[0][0].shape[2] if self.target else 0

    def rows(self, index: Tensor) -> Cache:
        """Return the cache of some sequences of the batch, in an order: int64 (M,)."""
        source, target = (
            tuple((keys[index], values[index]) for keys, values in pairs)
            for pairs in (self.source, self.target)
        )
        return Cache(self.bias[index], source, target)


class TransformerModule(nn.Module):
    """(source (N, S), target (N, T)) int64 -> scores before softmax (N, T, target_vocab).

    Args:
        vocabularies: How many tokens source and target may be made of.
        max_length: The longest source or target.
        encoder: The encoder's blocks.
        decoder: The decoder's blocks, which look at the encoder's output.
        dropout: Share of the embeddings that is switched off in training.
    """

    def __init__(
        self, vocabularies: tuple[int, int], max_length: int, encoder: Stack, decoder: Stack, dropout: float
    ) -> None:
        super().__init__()
        (dim,) = encoder.norm.normalized_shape
        source_vocab, target_vocab = vocabularies
        self.source_embedding = EmbeddingModule(source_vocab, dim, PADDING, channels_first=False)
        self.target_embedding = EmbeddingModule(target_vocab, dim, None, channels_first=False)
        self.positions = Positions(max_length, dim, learned=False)
        self.dropout = nn.Dropout(dropout)
        self.encoder, self.decoder = encoder, decoder
        self.output = nn.Linear(dim, target_vocab)

    def forward(self, pair: tuple[Tensor, Tensor]) -> Tensor:
        source, target = pair
        return self.decode(target, self.encode(source))[0]

    def encode(self, source: Tensor) -> Cache:
        """Return what the decoder needs of sources (N, S)."""
        bias = bias_of(self.source_embedding.mask(source))
        memory = self.encoder(self._embed(self.source_embedding, source), bias)
        crosses = (instance(block, Block).cross for block in self.decoder.blocks)
        return Cache(instance(bias, Tensor), tuple(cross.keys_and_values(memory) for cross in crosses))

    def decode(self, tokens: Tensor, cache: Cache) -> tuple[Tensor, Cache]:
        """Return the scores (N, T, target_vocab) of the next tokens of targets (N, T), and the cache then."""
        x = self._embed(self.target_embedding, tokens, cache.steps)
        ahead = causal_bias(tokens.shape[1], tokens.device, cache.steps)
        own: list[Pair] = []
        for number, (block, seen) in enumerate(zip(self.decoder.blocks, cache.source, strict=True)):
            past = cache.target[number] if cache.target else None
            x, pair = instance(block, Block).step(x, ahead, past, seen, cache.bias)
            own.append(pair)
        scores: Tensor = self.output(self.decoder.norm(x))
        return scores, replace(cache, target=tuple(own))

    def _embed(self, embedding: nn.Module, tokens: Tensor, first: int = 0) -> Tensor:
        y: Tensor = self.dropout(self.positions(embedding(tokens), first))
        return y

    # ---- the graph -----------------------------------------------------------------------------

    def emit(self, graph: GraphBuilder, source: Value, target: Value) -> Value:
        """Write the same nodes; where the graph keeps a cache, for a target that may come in parts.

        The whole source comes with the first part, and none with the others: its axis has no steps then.
        """
        with graph.scope("positions"):
            positions = graph.weight("weight", self.positions.weight)
        batch = graph.axis_size(target, 0)
        seen_bias, seen = self._emit_source(graph, source, batch, positions)
        shape = self._cached_shape("past_target_time")
        past = graph.cached(shape, batch)
        steps = graph.axis_size(target, 1)
        places = graph.count(steps)
        if past:
            before = graph.axis_size(past, 2)
            steps, places = graph.node("Add", before, steps), graph.node("Add", places, before)
        ahead = emit_causal_bias(graph, steps, places)
        x = self._emit_embedded(graph, "target_embedding", target, positions, places)
        own: list[Value] = []
        with graph.scope("decoder"):
            for number, block in enumerate(self.decoder.scoped(graph)):
                mine = self._pair_of(graph, past, number) if past else None
                pair = self._pair_of(graph, seen, number)
                x, after = block.emit_step(graph, x, ahead, mine, (pair, seen_bias))
                own.extend(after)
            x = self.decoder.emit_norm(graph, x)
        if past:
            graph.next_state(past, graph.node("Concat", *own, axis=1, name="target_cache"))
        return emit_linear(graph, "output", x, self)

    def _emit_source(
        self, graph: GraphBuilder, source: Value, batch: Value, positions: Value
    ) -> tuple[Value, Value]:
        """Write the encoder; return the bias and the packed keys and values of the source."""
        same = graph.node("Equal", source, graph.constant(PADDING), name="is_padding")
        mask = graph.node("Cast", graph.node("Not", same), to=TensorProto.FLOAT)
        known = graph.grown(("batch", "past_time"), mask, 1, batch)
        some = graph.largest(known, [1], keepdims=True)  # 0 for nothing but padding, all of which counts then

        def bias(real: Value) -> Value:
            low = graph.node("Mul", graph.node("Sub", some, real), graph.constant(lowest(), np.float32))
            return graph.unsqueeze(graph.unsqueeze(low, 1), 1)

        x = self._emit_embedded(graph, "source_embedding", source, positions)
        with graph.scope("encoder"):
            memory = self.encoder.emit(graph, x, bias(mask))
        pairs: list[Value] = []
        with graph.scope("decoder"):
            for block in self.decoder.scoped(graph):
                with graph.scope("cross"):
                    pairs.extend(block.cross.emit_keys_and_values(graph, memory))
        packed = graph.node("Concat", *pairs, axis=1, name="source_cache")
        seen = graph.grown(self._cached_shape("past_time"), packed, 2, batch)
        return bias(known), seen

    def _emit_embedded(
        self,
        graph: GraphBuilder,
        name: str,
        tokens: Value,
        positions: Value,
        places: Value | None = None,
    ) -> Value:
        with graph.scope(name):
            weight = graph.weight("weight", self.get_parameter(f"{name}.weight"))
            x = graph.node("Gather", weight, tokens, axis=0)
        with graph.scope("positions"):
            return self.positions.emit(graph, x, positions, places)

    @property
    def _attention(self) -> Attention:
        return instance(self.decoder.blocks[0], Block).attention

    def _cached_shape(self, time: str) -> tuple[int | str, ...]:
        """Return the sizes of the keys and values of all blocks, one pair after the other along the heads."""
        heads, dim = self._attention.heads, self._attention.query.in_features
        return ("batch", 2 * len(self.decoder.blocks) * heads, time, dim // heads)

    def _pair_of(self, graph: GraphBuilder, packed: Value, number: int) -> Emitted:
        """Return the keys and values of a block."""
        heads = self._attention.heads
        first = 2 * number * heads
        keys, values = (graph.slice(packed, 1, start, start + heads) for start in (first, first + heads))
        return keys, values
