"""Where in its sequence a step stands, added to what it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from onnxnn_runtime.api.invariants import instance, present
from onnxnn_runtime.errors import InputError, LayerError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import free_size, is_count, sequences, unknown_value, wrong_size, wrong_value
from .registry import Layer, layer

KINDS = ("learned", "sinusoidal")


@layer("positional_embedding", "positional_encoding")
@dataclass(frozen=True)
class PositionalEmbedding(Layer):
    """y[t] = x[t] + P[t]: attention alone would not know the order of the steps.

    "learned" finds P in training. "sinusoidal" fixes P[t, 2i] = sin(t / 10000^(2i/dim)) and
    P[t, 2i+1] = cos(t / 10000^(2i/dim)), so that P[t+k] is the same rotation of P[t] for every t.

    Args:
        size: (max_length, dim): the longest sequence there may be, and the features of a step. `max_length`
            alone takes the features of its input.
        kind: "learned" or "sinusoidal".

    Input shape: (time, dim) per sample, float32; any number of steps up to max_length
    Output shape: the same

    Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.5; learned in Gehring et al.,
    "Convolutional Sequence to Sequence Learning", 2017.
    """

    size: tuple[int, int | None] | int
    made: str = field(default="learned", metadata={"option": "kind"})  # `kind` is the layer's own

    def __post_init__(self) -> None:
        size: Any = self.size if isinstance(self.size, tuple) else (self.size, None)
        if len(size) != 2 or not is_count(size[0]) or not (size[1] is None or is_count(size[1])):
            raise wrong_value(
                self,
                "size",
                self.size,
                gettext("{meaning}, integers of at least 1", meaning=gettext("(max_length, dim)")),
                gettext("To take the second from the layer before, write size=max_length."),
            )
        object.__setattr__(self, "size", size)
        if str(self.made).lower() not in KINDS:
            raise unknown_value(self, "kind", self.made, KINDS)
        object.__setattr__(self, "made", self.made.lower())

    def assumed_input(self) -> Shape:
        return super().assumed_input() if self._sizes[1] is None else Shape.sequence(None, self._sizes[1])

    def resolve(self, in_shape: Shape) -> PositionalEmbedding:
        sequences(self, in_shape)
        longest, dim = self._sizes
        steps, features = in_shape.sizes
        if steps is not None and steps > longest:
            raise LayerError.coded(
                "E-LAYER-03",
                "{where}: expected sequences of at most {longest}, got {steps}. Use size=({steps}, "
                "{features}).",
                where=self.call(),
                longest=ngettext("{count} step", "{count} steps", longest),
                steps=steps,
                features=dim or features,
            )
        if dim is None and features is None:
            raise free_size(self, in_shape, "feature")
        if dim is not None and features is not None and dim != features:
            raise wrong_size(self, in_shape, "feature", features, dim, (longest, features))
        return replace(self, size=(longest, dim or features))

    def build(self, in_shape: Shape) -> nn.Module:
        longest, dim = self._sizes
        dim = present(dim)  # resolved
        return Positions(longest, dim, learned=self.made == "learned")

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, Positions)
        return module.emit(graph, x, graph.weight("weight", module.weight))

    def fixes_input_size(self, in_shape: Shape) -> bool:
        return in_shape["feature"] is None

    @property
    def max_steps(self) -> int | None:
        return self._sizes[0]

    @property
    def _sizes(self) -> tuple[int, int | None]:
        return instance(self.size, tuple)


class Positions(nn.Module):
    """(N, time, dim) -> the same with a vector added for each position."""

    weight: torch.Tensor

    def __init__(self, max_length: int, dim: int, learned: bool) -> None:
        super().__init__()
        if learned:
            self.weight = nn.Parameter(torch.randn(max_length, dim))  # as large as tokens: it learns faster
        else:
            self.register_buffer("weight", sinusoids(max_length, dim), persistent=False)

    def forward(self, x: torch.Tensor, first: int = 0) -> torch.Tensor:
        """Add the vectors of the positions from `first` on."""
        stop = first + x.shape[1]
        if stop > len(self.weight):
            raise InputError.coded(
                "E-INPUT-03",
                "expected a sequence of at most {most} (max_length of the network's positional "
                "embedding), got {steps}.",
                most=ngettext("{count} step", "{count} steps", len(self.weight)),
                steps=stop,
            )
        return x + self.weight[first:stop]

    def emit(self, graph: GraphBuilder, x: Value, weight: Value, positions: Value | None = None) -> Value:
        """Write y = x + P[positions], by default 0..time-1.

        ONNX Runtime may gather no more positions than P has, so that for a longer x the Add fails or, where
        P has only one, repeats it. What refuses a longer x is the card's `max_length`.
        """
        if positions is None:
            positions = graph.count(graph.axis_size(x, 1))
        return graph.node("Add", x, graph.node("Gather", weight, positions, axis=0))


def sinusoids(max_length: int, dim: int) -> torch.Tensor:
    """Return P (max_length, dim) of Vaswani et al. 2017, computed in float64, as float32."""
    position = torch.arange(max_length, dtype=torch.float64).unsqueeze(1)
    frequency = torch.exp(torch.arange(0, dim, 2, dtype=torch.float64) * (-math.log(10000.0) / dim))
    table = torch.empty(max_length, dim, dtype=torch.float64)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency[: dim // 2])
    return table.float()
