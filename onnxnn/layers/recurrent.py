"""Recurrent layers: vanilla RNN, GRU and LSTM."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.messages.catalogue import gettext
from torch import nn

from onnxnn.graph.builder import Array, GraphBuilder, Value, to_numpy
from onnxnn.graph.shape import Shape

from ._checks import count, flag, probability, wrong_value
from ._sized import SizedForSequences
from .registry import layer

State = tuple[torch.Tensor, ...]
"""What a recurrent layer remembers: each (layers x directions, N, hidden); LSTM has two, h and c."""


@dataclass(frozen=True)
class Recurrent(SizedForSequences):
    """What recurrent layers share: a state h that is updated at every step of a sequence.

    Args:
        size: (features, hidden). `hidden` alone takes the features of its input.
        num_layers: How many are stacked; each reads the output of the one below.
        bidirectional: Whether a second one reads the sequence backwards; its outputs stand after the
            first one's, which makes 2 x hidden features.
        return_sequences: Whether every step's output is returned, or the last one's only (of the backward
            one: its last, the sequence's first).
        dropout: Share of features switched off between stacked layers in training.

    Input shape: (time, features) per sample, float32; any number of steps
    Output shape: (time, hidden), or (hidden,) with return_sequences=False
    """

    num_layers: int = 1
    bidirectional: bool = False
    return_sequences: bool = True
    dropout: float = 0.0

    module: ClassVar[Callable[..., RecurrentModule]]
    operator: ClassVar[str]
    gates: ClassVar[Sequence[int]]
    """The order in which ONNX wants torch's gates."""

    def __post_init__(self) -> None:
        super().__post_init__()
        count(self, "num_layers", self.num_layers)
        flag(self, "bidirectional", self.bidirectional)
        flag(self, "return_sequences", self.return_sequences)
        probability(self, "dropout", self.dropout)

    def remarks(self) -> list[str]:
        if self.num_layers > 1 or not self.dropout:
            return []
        return [
            gettext(
                "{where}: dropout acts between stacked layers, and this is one. Write num_layers=2, or "
                "add('dropout') after it.",
                where=self.call(),
            )
        ]

    def out_shape(self, in_shape: Shape) -> Shape:
        features = self.sizes[1] * self._directions
        return in_shape.with_sizes(feature=features) if self.return_sequences else Shape.vector(features)

    def causal(self, in_shape: Shape) -> bool:
        return self.return_sequences and not self.bidirectional

    def build(self, in_shape: Shape) -> nn.Module:
        dropout = self.dropout if self.num_layers > 1 else 0.0  # torch warns where it has no effect
        module = self.module(
            *self.resolved_sizes,
            self.num_layers,
            batch_first=True,
            dropout=dropout,
            bidirectional=self.bidirectional,
            **self._more_options(),
        )
        module.return_sequences = self.return_sequences
        return module

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, RecurrentModule)
        directions = self._directions
        states = [graph.state(module.state_shape) for _ in range(module.num_states)]
        finals: list[list[Value]] = [[] for _ in range(module.num_states)]
        x = graph.node("Transpose", x, perm=[1, 0, 2])  # time first, as ONNX has it
        for number in range(self.num_layers):
            first = number * directions
            initial = [graph.slice(state, 0, first, first + directions) for state in states if state]
            x, last = self._emit_layer(graph, x, module, number, initial)
            for found, value in zip(finals, last, strict=True):
                found.append(value)
        if graph.stateful:
            for state, found in zip(states, finals, strict=True):
                graph.next_state(state, found[0] if len(found) == 1 else graph.node("Concat", *found, axis=0))
        if self.return_sequences:
            return graph.node("Transpose", x, perm=[1, 0, 2])
        y = graph.node("Transpose", finals[0][-1], perm=[1, 0, 2])  # (N, directions, hidden)
        return graph.reshape(y, 0, -1)

    def _emit_layer(
        self, graph: GraphBuilder, x: Value, module: RecurrentModule, number: int, initial: list[Value]
    ) -> tuple[Value, list[Value]]:
        """Write one of the stacked layers; return its sequence (time, N, features) and its last states."""
        suffixes = [f"l{number}", f"l{number}_reverse"][: self._directions]
        weights = [
            graph.weight(role, np.stack([self._reordered(module, role, suffix) for suffix in suffixes]))
            for role in ("weight_ih", "weight_hh")
        ]
        biases = np.stack(
            [
                np.concatenate([self._reordered(module, role, suffix) for role in ("bias_ih", "bias_hh")])
                for suffix in suffixes
            ]
        )
        y, *last = graph.nodes(
            self.operator,
            x,
            *weights,
            graph.weight("bias", biases),
            *(["", *initial] if initial else []),
            outputs=1 + module.num_states,
            hidden_size=self.sizes[1],
            direction="bidirectional" if self.bidirectional else "forward",
            **self._attributes(),
        )
        if not self.bidirectional:
            return graph.squeeze(y, 1), last
        y = graph.node("Transpose", y, perm=[0, 2, 1, 3])  # (time, N, directions, hidden)
        return graph.reshape(y, 0, 0, -1), last

    def _reordered(self, module: RecurrentModule, role: str, suffix: str) -> Array:
        """Return a weight with its gates, blocks of `hidden` rows, in ONNX's order."""
        blocks = np.split(to_numpy(getattr(module, f"{role}_{suffix}")), len(self.gates))
        return np.concatenate([blocks[gate] for gate in self.gates])

    def multiply_adds(self, in_shape: Shape) -> int | None:
        features, hidden = self.sizes
        steps = in_shape["time"]
        if steps is None or features is None:
            return None
        total, inputs = 0, features
        for _ in range(self.num_layers):
            total += self._directions * len(self.gates) * hidden * (inputs + hidden)
            inputs = hidden * self._directions
        return total * steps

    def _more_options(self) -> dict[str, Any]:
        """What torch's module of this kind takes besides."""
        return {}

    def _attributes(self) -> dict[str, Any]:
        """What ONNX's operator of this kind takes besides."""
        return {}

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1


class RecurrentModule(nn.RNNBase):
    """A torch recurrent module, batch first, that returns its outputs alone, or resumes from a state."""

    num_states = 1
    return_sequences = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, time, features) -> (N, time, hidden), or (N, hidden) of the last step."""
        return self.step(x, None)[0]

    def step(self, x: torch.Tensor, state: State | None) -> tuple[torch.Tensor, State]:
        """Return the outputs and the state after them; state None begins with zeros."""
        y, after = self._run(x, state)
        if self.return_sequences:
            return y, after
        directions = 2 if self.bidirectional else 1
        return torch.cat(tuple(after[0][-directions:]), dim=1), after

    def _run(self, x: torch.Tensor, state: State | None) -> tuple[torch.Tensor, State]:
        y, h = super().forward(x, None if state is None else state[0])
        return y, (h,)

    @property
    def state_shape(self) -> tuple[int, str, int]:
        """Sizes of one state: (layers x directions, "batch", hidden)."""
        return self.num_layers * (2 if self.bidirectional else 1), "batch", self.hidden_size


class RNNModule(RecurrentModule, nn.RNN):  # type: ignore[misc]  # the outputs alone, on purpose
    """`torch.nn.RNN` as a `RecurrentModule`."""


class GRUModule(RecurrentModule, nn.GRU):  # type: ignore[misc]
    """`torch.nn.GRU` as a `RecurrentModule`."""


class LSTMModule(RecurrentModule, nn.LSTM):  # type: ignore[misc]
    """`torch.nn.LSTM` as a `RecurrentModule`; its states are h and c."""

    num_states = 2

    def _run(self, x: torch.Tensor, state: State | None) -> tuple[torch.Tensor, State]:
        y, after = nn.LSTM.forward(self, x, state)  # type: ignore[arg-type]  # two tensors
        return y, after


@layer("rnn")
@dataclass(frozen=True)
class RNN(Recurrent):
    """hₜ = f(W xₜ + b + U hₜ₋₁ + c), the simplest recurrent layer (Elman 1990); options as in `Recurrent`.

    Args:
        nonlinearity: f, "tanh" or "relu".
    """

    nonlinearity: str = "tanh"

    module: ClassVar[Callable[..., RecurrentModule]] = RNNModule
    operator: ClassVar[str] = "RNN"
    gates: ClassVar[Sequence[int]] = (0,)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nonlinearity not in ("tanh", "relu"):
            raise wrong_value(self, "nonlinearity", self.nonlinearity, gettext("'tanh' or 'relu'"))

    @property
    def bounds(self) -> tuple[float, float]:  # type: ignore[override]  # f says
        return (-1.0, 1.0) if self.nonlinearity == "tanh" else (0.0, math.inf)

    def _more_options(self) -> dict[str, Any]:
        return {"nonlinearity": self.nonlinearity}

    def _attributes(self) -> dict[str, Any]:
        return {"activations": [self.nonlinearity.capitalize()] * self._directions}


@layer("gru")
@dataclass(frozen=True)
class GRU(Recurrent):
    """Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078); options as in `Recurrent`.

    r = σ(Wᵣ x + Uᵣ h + bᵣ), z = σ(W_z x + U_z h + b_z), n = tanh(Wₙ x + bₙ + r ⊙ (Uₙ h + cₙ)),
    h' = (1 - z) ⊙ n + z ⊙ h.
    """

    module: ClassVar[Callable[..., RecurrentModule]] = GRUModule
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    operator: ClassVar[str] = "GRU"
    gates: ClassVar[Sequence[int]] = (1, 0, 2)  # torch: r, z, n; ONNX: z, r, h

    def _attributes(self) -> dict[str, Any]:
        return {"linear_before_reset": 1}  # r acts on Uₙ h + cₙ, as in torch


@layer("lstm")
@dataclass(frozen=True)
class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997, with forget gates); options as in `Recurrent`.

    i, f, o = σ(W x + U h + b) each, g = tanh(W_g x + U_g h + b_g), c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c').
    """

    module: ClassVar[Callable[..., RecurrentModule]] = LSTMModule
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    operator: ClassVar[str] = "LSTM"
    gates: ClassVar[Sequence[int]] = (0, 3, 1, 2)  # torch: i, f, g, o; ONNX: i, o, f, c
