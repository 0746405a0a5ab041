"""Transformers: the encoder alone, and the whole network from sequence to sequence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from onnx import TensorProto
from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.generation.seq2seq import END
from onnxnn_runtime.messages.catalogue import gettext, gettext_noop, ngettext
from torch import nn
from typing_extensions import Self

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import (
    count,
    is_count,
    no_steps,
    probability,
    wrong_input,
    wrong_value,
)
from ._sized import SizedForSequences
from .attention import Block, Stack, bias_of, emit_bias
from .encoder_decoder import TransformerModule
from .masks import Masked
from .registry import Layer, layer


@layer("transformer_encoder")
@dataclass(frozen=True)
class TransformerEncoder(SizedForSequences):
    """Every step looks at all steps of its sequence and takes in what matters to it.

    In each layer x + Attention(LayerNorm(x)), then x + W₂ relu(W₁ LayerNorm(x)); a last LayerNorm after
    them (see `onnxnn.layers.attention` for why the normalisation comes first). Attention alone does not know
    the order of the steps: put `positional_embedding` before. Steps that are padding, as `embedding` knows
    them, are not looked at.

    Args:
        size: (dim, feedforward): the features of a step, and those between the two linear maps. `feedforward`
            alone takes the features of its input.
        num_heads: How many times every step looks, each time with dim / num_heads features.
        num_layers: How many are stacked.
        dropout: Share of what each part adds that is switched off in training.

    Input shape: (time, dim) per sample, float32; any number of steps
    Output shape: the same

    Source: Vaswani et al., "Attention Is All You Need", 2017; pre-norm: Xiong et al., "On Layer
    Normalization in the Transformer Architecture", 2020.
    """

    num_heads: int = 4
    num_layers: int = 1
    dropout: float = 0.1

    meaning: ClassVar[str] = gettext_noop("(dim, feedforward)")

    def __post_init__(self) -> None:
        super().__post_init__()
        count(self, "num_layers", self.num_layers)
        count(self, "num_heads", self.num_heads)
        probability(self, "dropout", self.dropout)

    def resolve(self, in_shape: Shape) -> Self:
        resolved = super().resolve(in_shape)
        check_heads(self, self.num_heads, resolved.sizes[0])
        return resolved

    def build(self, in_shape: Shape) -> nn.Module:
        return EncoderModule(
            *self.resolved_sizes, self.num_heads, self.num_layers, self.dropout, takes_mask=in_shape.masked
        )

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, EncoderModule)
        bias = emit_bias(graph, graph.mask) if module.takes_mask else None
        with graph.scope("stack"):
            return module.stack.emit(graph, x, bias)

    def multiply_adds(self, in_shape: Shape) -> int | None:
        dim, feedforward = self.sizes
        steps = in_shape["time"]
        if steps is None or dim is None:
            return None
        return self.num_layers * steps * dim * (4 * dim + 2 * steps + 2 * feedforward)


@layer("transformer")
@dataclass(frozen=True)
class Transformer(Layer):
    """A whole network from sequence to sequence: an encoder reads the source, a decoder writes the target.

        model = nn("gen")
        model.load_dataset(source, target)   # int (N, S) and (N, T): 0 padding, 1 start, 2 end
        model.add("transformer", source_vocab=30, target_vocab=30, size=(64, 128), max_length=20)
        model.train(lr=1e-3, epochs=30, metrics=["acc", "exact"])
        model.generate([[5, 7, 3]], beams=4)

    The decoder's steps look at themselves and those before them (a causal mask) and at the whole source.
    In training it is given the target up to each step and learns the next token (teacher forcing); `generate`
    gives it what it wrote itself. Blocks are those of `transformer_encoder`; positions are sinusoidal. A
    softmax follows where no activation is named.

    Args:
        source_vocab: How many tokens the source may be made of, 0 for padding among them.
        target_vocab: Those of the target, 0 padding, 1 start and 2 end among them.
        size: (dim, feedforward): the features of a step, and those between a block's two linear maps.
        max_length: The longest source, and the longest target with its end.
        num_heads: How many times every step looks, each time with dim / num_heads features.
        num_layers: Blocks in the encoder, and in the decoder.
        dropout: Share of the embeddings, and of what each part adds, that is switched off in training.

    Input shape: two sequences (token,), int64: the source, and the target as far as it is known
    Output shape: (target's time, target_vocab)

    Source: Vaswani et al., "Attention Is All You Need", 2017; pre-norm: Xiong et al., "On Layer
    Normalization in the Transformer Architecture", 2020.
    """

    source_vocab: int
    target_vocab: int
    size: tuple[int, int]
    max_length: int
    num_heads: int = 4
    num_layers: int = 2
    dropout: float = 0.1

    reads_tokens: ClassVar[bool] = True
    stands_alone: ClassVar[bool] = True
    teacher_forcing: ClassVar[bool] = True
    default_activation: ClassVar[str | None] = "softmax"

    def __post_init__(self) -> None:
        for name in ("max_length", "num_layers"):
            count(self, name, getattr(self, name))
        for name, fewest in (("source_vocab", END), ("target_vocab", END + 2)):
            if not is_count(getattr(self, name), fewest):
                raise wrong_value(
                    self,
                    name,
                    getattr(self, name),
                    gettext("an integer of at least {lowest}", lowest=fewest),
                    gettext("0 is padding, 1 the start and 2 the end of a target."),
                )
        if not (isinstance(self.size, tuple) and len(self.size) == 2 and all(map(is_count, self.size))):
            expected = gettext("{meaning}, integers of at least 1", meaning=gettext("(dim, feedforward)"))
            raise wrong_value(self, "size", self.size, expected)
        probability(self, "dropout", self.dropout)
        check_heads(self, self.num_heads, self.size[0])

    def assumed_input(self) -> Shape:
        return Shape.tokens(None)

    def resolve(self, in_shape: Shape) -> Transformer:
        if in_shape.axes != ("token",):
            raise wrong_input(
                self,
                in_shape,
                gettext("tokens, integers (N, steps), for a whole network that stands alone"),
                gettext("Load pairs with load_dataset(source, target)."),
            )
        (steps,) = in_shape.sizes
        if steps is not None and not 1 <= steps <= self.max_length:
            if steps == 0:
                raise no_steps(self)
            raise LayerError.coded(
                "E-LAYER-03",
                "{where}: expected sources of at most {most}, got {steps}. Use max_length={steps}.",
                where=self.call(),
                most=ngettext("{count} token", "{count} tokens", self.max_length),
                steps=steps,
            )
        if in_shape.vocabulary is not None and in_shape.vocabulary > self.source_vocab:
            raise LayerError.coded(
                "E-LAYER-03",
                "{where}: expected tokens 0..{largest} in the source, got {token}. Use "
                "source_vocab={vocabulary}.",
                where=self.call(),
                largest=self.source_vocab - 1,
                token=in_shape.vocabulary - 1,
                vocabulary=in_shape.vocabulary,
            )
        return self

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape.sequence(None, self.target_vocab)

    def build(self, in_shape: Shape) -> nn.Module:
        return TransformerModule(
            (self.source_vocab, self.target_vocab),
            self.max_length,
            Stack(self.num_layers, self.size[0], lambda: self._block(cross=False)),
            Stack(self.num_layers, self.size[0], lambda: self._block(cross=True)),
            self.dropout,
        )

    def _block(self, cross: bool) -> Block:
        return Block(*self.size, self.num_heads, self.dropout, cross)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, TransformerModule)
        return module.emit(graph, x, graph.input("target", ("batch", "target_time"), TensorProto.INT64))

    def multiply_adds(self, in_shape: Shape) -> int | None:
        return None  # the target's length is free

    @property
    def max_steps(self) -> int | None:
        return self.max_length


class EncoderModule(Masked):
    """(N, time, dim) -> (N, time, dim); mask bool (N, time) says which steps are no padding."""

    def __init__(
        self, dim: int, feedforward: int, heads: int, num_layers: int, dropout: float, takes_mask: bool
    ) -> None:
        super().__init__(takes_mask)
        self.stack = Stack(num_layers, dim, lambda: Block(dim, feedforward, heads, dropout))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        y: torch.Tensor = self.stack(x, bias_of(mask))
        return y


def check_heads(layer: Layer, heads: int, dim: int | None) -> None:
    """Refuse a number of heads that does not divide the features, naming those that do.

    Raises:
        LayerError: It is no such number.
    """
    count(layer, "num_heads", heads)
    if dim is not None and dim % heads:
        known = [number for number in range(1, math.isqrt(dim) + 1) if dim % number == 0]
        known += [dim // number for number in reversed(known) if dim // number not in known]
        raise LayerError.coded(
            "E-LAYER-04",
            "{where}: expected num_heads to divide the features of a step ({dim}), got {heads}. Use one of "
            "{known}.",
            where=layer.call(),
            dim=dim,
            heads=heads,
            known=", ".join(map(str, known)),
        )
