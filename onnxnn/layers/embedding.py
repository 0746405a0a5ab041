"""Layers that read tokens: the embedding, and the whole network of the poem writer."""

from __future__ import annotations

import abc
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from onnxnn_runtime.api.invariants import instance, present
from onnxnn_runtime.errors import InputError, LayerError
from onnxnn_runtime.messages.catalogue import gettext
from torch import nn
from typing_extensions import Self

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape, total

from ._checks import count, flag, is_count, pair_of_sizes, wrong_input, wrong_value
from .linear import Linear
from .recurrent import LSTM, LSTMModule, State
from .registry import Layer, layer


class TokenReader(Layer):
    """What layers that read tokens share: the size of the vocabulary, the data's where left open."""

    reads_tokens: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def vocabulary(self) -> int | None:
        """How many different tokens there are; None while the data decides."""

    def assumed_input(self) -> Shape:
        return Shape.tokens(None)

    def _with_vocabulary(self, in_shape: Shape, given: int | None) -> int:
        if in_shape.axes != ("token",):
            raise wrong_input(
                self,
                in_shape,
                gettext("tokens, integers (N, steps)"),
                gettext("Put it first, after loading data with word2idx=..."),
            )
        known = in_shape.vocabulary
        if given is None and known is None:
            raise LayerError.coded(
                "E-LAYER-02",
                "{where}: the size of the vocabulary is not known. Load the data before this line, or "
                "write it.",
                where=self.call(),
            )
        if given is not None and known is not None and known > given:
            raise LayerError.coded(
                "E-LAYER-03",
                "{where}: expected a vocabulary of at least {known} for the tokens of the data, got "
                "{given}. Use {known}.",
                where=self.call(),
                known=known,
                given=given,
            )
        return given or known or 0


@layer("embedding")
@dataclass(frozen=True)
class Embedding(TokenReader):
    """One learned vector for each token of the vocabulary: y[t] = E[x[t]].

    Args:
        size: (vocabulary, dim), also spelled vocab_size=..., embedding_dim=...; `dim` alone takes the data's
            vocabulary.
        channels_first: Whether the output is a signal (dim channels, steps), as convolutions read it.
        padding: The token that fills short sequences up; layers that can leave these steps out do. Its
            vector is learned like any other's. None where every token counts.
        vocab_size, embedding_dim: The other spelling of `size`.

    Input shape: (token,) per sample, int64 below the size of the vocabulary; any number of steps
    Output shape: (time, dim), or (dim, length) with channels_first=True
    """

    size: tuple[int | None, int] | int | None = None
    channels_first: bool = False
    padding: int | None = 0
    vocab_size: int | None = None
    embedding_dim: int | None = None

    def __post_init__(self) -> None:
        size = pair_of_sizes(self, self._one_spelling(), lambda: gettext("(vocabulary, dim)"), from_data=True)
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "vocab_size", None)
        object.__setattr__(self, "embedding_dim", None)
        flag(self, "channels_first", self.channels_first)
        if self.padding is not None and not is_count(self.padding, 0):
            expected = gettext("a token id, or None where none is padding")
            raise wrong_value(self, "padding", self.padding, expected)

    def resolve(self, in_shape: Shape) -> Self:
        vocabulary = self._with_vocabulary(in_shape, self._sizes[0])
        if self.padding is not None and vocabulary is not None and self.padding >= vocabulary:
            expected = gettext("a token id of the vocabulary, 0..{largest}", largest=vocabulary - 1)
            raise wrong_value(self, "padding", self.padding, expected)
        return replace(self, size=(vocabulary, self._sizes[1]))

    def out_shape(self, in_shape: Shape) -> Shape:
        steps, dim = in_shape["token"], self._sizes[1]
        if self.channels_first:
            return Shape.signal(dim, steps)
        return replace(Shape.sequence(steps, dim), masked=self.padding is not None)

    def build(self, in_shape: Shape) -> nn.Module:
        vocabulary, dim = self._sizes
        vocabulary = present(vocabulary)  # resolved
        return EmbeddingModule(vocabulary, dim, self.padding, self.channels_first)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        if self.padding is not None and not self.channels_first:
            graph.mark_tokens(x, self.padding)
        y = graph.node("Gather", graph.weight("weight", module.get_parameter("weight")), x, axis=0)
        return graph.node("Transpose", y, perm=[0, 2, 1]) if self.channels_first else y

    def causal(self, in_shape: Shape) -> bool:
        return not self.channels_first

    @property
    def vocabulary(self) -> int | None:
        return self._sizes[0]

    def _one_spelling(self) -> Any:
        if self.vocab_size is None and self.embedding_dim is None:
            return self.size
        if self.size is not None or self.embedding_dim is None:
            raise LayerError.coded(
                "E-LAYER-02",
                "{where}: expected size=(vocabulary, dim), or vocab_size=... and embedding_dim=...",
                where=self.call(),
            )
        return (self.vocab_size, self.embedding_dim)

    @property
    def _sizes(self) -> tuple[int | None, int]:
        return instance(self.size, tuple)


@layer("em_lstm")
@dataclass(frozen=True)
class EmLSTM(TokenReader):
    """Embedding, LSTM and a linear layer at each step: how likely each token is to come next.

    Args:
        size: (dim, hidden): the length of a token's vector, and of the LSTM's state.
        num_layers: How many LSTMs are stacked.
        vocab_size: How many different tokens there are; the data's where left out.

    A softmax follows where no activation is named.

    Input shape: (token,) per sample, int64 below the size of the vocabulary; any number of steps
    Output shape: (time, vocabulary)
    """

    size: tuple[int, int]
    num_layers: int = 1
    vocab_size: int | None = None

    default_activation: ClassVar[str | None] = "softmax"

    def __post_init__(self) -> None:
        if not (isinstance(self.size, tuple) and len(self.size) == 2 and all(map(is_count, self.size))):
            expected = gettext("{meaning}, integers of at least 1", meaning=gettext("(dim, hidden)"))
            raise wrong_value(self, "size", self.size, expected)
        count(self, "num_layers", self.num_layers)
        if self.vocab_size is not None:
            count(self, "vocab_size", self.vocab_size)

    def resolve(self, in_shape: Shape) -> Self:
        return replace(self, vocab_size=self._with_vocabulary(in_shape, self.vocab_size))

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape.sequence(in_shape["token"], self.vocab_size)

    def build(self, in_shape: Shape) -> nn.Module:
        return EmLSTMModule(*(part.build(shape) for part, shape in self._parts(in_shape)))

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        for name, (part, shape) in zip(("embedding", "lstm", "linear"), self._parts(in_shape), strict=True):
            with graph.scope(name):
                x = part.emit(graph, x, module.get_submodule(name), shape)
        return x

    def multiply_adds(self, in_shape: Shape) -> int | None:
        return total(part.multiply_adds(shape) for part, shape in self._parts(in_shape))

    def causal(self, in_shape: Shape) -> bool:
        return True

    @property
    def vocabulary(self) -> int | None:
        return self.vocab_size

    def _parts(self, in_shape: Shape) -> list[tuple[Layer, Shape]]:
        """Return the three layers, each with its input shape."""
        (dim, hidden), steps = self.size, in_shape["token"]
        vocab_size = present(self.vocab_size)  # resolved
        return [
            (Embedding((vocab_size, dim), padding=None), in_shape),
            (LSTM((dim, hidden), self.num_layers), Shape.sequence(steps, dim)),
            (Linear((hidden, vocab_size)), Shape.sequence(steps, hidden)),
        ]


class EmbeddingModule(nn.Embedding):
    """int64 (N, time) -> (N, time, dim), or (N, dim, time); knows which steps are padding."""

    def __init__(self, vocabulary: int, dim: int, padding: int | None, channels_first: bool) -> None:
        super().__init__(vocabulary, dim)
        self.padding, self.channels_first = padding, channels_first
        self.makes_mask = padding is not None and not channels_first

    def mask(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return which steps hold a token, bool (N, time); a row of nothing but padding counts as tokens."""
        real = tokens.ne(self.padding if self.padding is not None else -1)
        return real | ~real.any(1, keepdim=True)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        try:
            y = F.embedding(tokens, self.weight)
        except IndexError as error:
            raise InputError.coded(
                "E-INPUT-07",
                "expected tokens 0..{largest}, the ids of the vocabulary, got {lowest}..{highest}.",
                largest=self.num_embeddings - 1,
                lowest=int(tokens.min()),
                highest=int(tokens.max()),
            ) from error
        return y.transpose(1, 2) if self.channels_first else y


class EmLSTMModule(nn.Module):
    """int64 (N, time) -> (N, time, vocabulary)."""

    num_states = 2

    def __init__(self, embedding: nn.Module, lstm: nn.Module, linear: nn.Module) -> None:
        super().__init__()
        lstm = instance(lstm, LSTMModule)
        self.embedding, self.lstm, self.linear = embedding, lstm, linear

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.step(tokens, None)[0]

    def step(self, tokens: torch.Tensor, state: State | None) -> tuple[torch.Tensor, State]:
        """Return the outputs and the state after them; state None begins with zeros."""
        y, after = self.lstm.step(self.embedding(tokens), state)
        return self.linear(y), after

    @property
    def state_shape(self) -> tuple[int, str, int]:
        """Sizes of one state: (layers, "batch", hidden)."""
        return self.lstm.state_shape
