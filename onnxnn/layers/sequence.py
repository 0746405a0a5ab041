"""Layers between and after recurrent ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from onnxnn_runtime.api.invariants import instance
from onnxnn_runtime.messages.catalogue import gettext
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import sequences, wrong_input
from ._sized import SizedForSequences
from .recurrent import LSTM, LSTMModule
from .registry import Layer, layer

_AFTER_SQUEEZE: dict[tuple[str, ...], tuple[str, ...]] = {
    ("time", "feature"): ("feature",),
    ("channel", "length"): ("feature",),
    ("channel", "height", "width"): ("time", "feature"),
}
"""What the axes mean once the first one is gone; the rows of an image are the steps of a sequence."""


@layer("unsqueeze")
@dataclass(frozen=True)
class Unsqueeze(Layer):
    """The last time step, as a sequence of one step: y = x[:, -1:, :].

    That is the meaning of the word in BaseNN's lessons, which put it between two recurrent layers; it is
    more than torch's function of that name does. `return_sequences=False` says the same more plainly.

    Input shape: (time, features) per sample
    Output shape: (1, features)
    """

    def resolve(self, in_shape: Shape) -> Unsqueeze:
        sequences(self, in_shape)
        return self

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape.sequence(1, in_shape["feature"])

    def build(self, in_shape: Shape) -> nn.Module:
        return LastStep()

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.slice(x, 1, -1, 2**31 - 1)


@layer("squeeze")
@dataclass(frozen=True)
class Squeeze(Layer):
    """Axis 1, the first one after the batch, removed where its size is 1; a batch of one stays a batch.

    Input shape: (1, features), (1, length) or (1, height, width) per sample
    Output shape: (features,); of an image (height steps, width features), to be read row by row
    """

    def resolve(self, in_shape: Shape) -> Squeeze:
        if in_shape.axes not in _AFTER_SQUEEZE or in_shape.sizes[0] != 1:
            raise wrong_input(
                self,
                in_shape,
                gettext("a first axis of size 1, which alone can be removed"),
                gettext(
                    "To use the last step of a sequence, put add('unsqueeze') before, or write "
                    "return_sequences=False in the recurrent layer instead of both."
                ),
            )
        return self

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape(in_shape.sizes[1:], _AFTER_SQUEEZE[in_shape.axes])

    def build(self, in_shape: Shape) -> nn.Module:
        return SqueezeModule()

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return graph.squeeze(x, 1)


@layer("part0")
@dataclass(frozen=True)
class Part0(Layer):
    """Nothing: BaseNN takes the outputs of a recurrent layer with it; ours returns only these."""

    def build(self, in_shape: Shape) -> nn.Module:
        return nn.Identity()

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        return x

    def causal(self, in_shape: Shape) -> bool:
        return True


@layer("action_model")
@dataclass(frozen=True)
class ActionModel(SizedForSequences):
    """An LSTM, its last step, and batch normalisation: the short form of the lesson on actions.

    Args:
        size: (features, hidden). `hidden` alone takes the features of its input.

    Input shape: (time, features) per sample, float32; any number of steps
    Output shape: (hidden,)
    """

    def out_shape(self, in_shape: Shape) -> Shape:
        return Shape.vector(self.sizes[1])

    def build(self, in_shape: Shape) -> nn.Module:
        return ActionModule(self._lstm.build(in_shape), self.sizes[1])

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, ActionModule)
        with graph.scope("lstm"):
            y = self._lstm.emit(graph, x, module.lstm, in_shape)
        return graph.batch_norm(y, module.batchnorm, axis=1, rank=2)

    def multiply_adds(self, in_shape: Shape) -> int | None:
        return self._lstm.multiply_adds(in_shape)

    @property
    def _lstm(self) -> LSTM:
        return LSTM(self.size, return_sequences=False)


class LastStep(nn.Module):
    """(N, time, features) -> (N, 1, features) of the last step."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, -1:]


class SqueezeModule(nn.Module):
    """(N, 1, ...) -> (N, ...)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.squeeze(1)


class ActionModule(nn.Module):
    """(N, time, features) -> (N, hidden)."""

    def __init__(self, lstm: nn.Module, hidden: int) -> None:
        super().__init__()
        lstm = instance(lstm, LSTMModule)
        self.lstm = lstm
        self.batchnorm = nn.BatchNorm1d(hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.batchnorm(self.lstm(x))
        return y
