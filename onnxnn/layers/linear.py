"""The affine layer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from onnxnn_runtime.api.invariants import instance, present
from onnxnn_runtime.errors import LayerError
from onnxnn_runtime.messages.catalogue import ngettext
from torch import nn

from onnxnn.graph.builder import GraphBuilder, Value
from onnxnn.graph.shape import Shape

from ._checks import flag, free_size
from ._sized import Sized
from .registry import layer


@layer("linear", "dense", "fc")
@dataclass(frozen=True)
class Linear(Sized):
    """Affine map y = x Wᵀ + b.

    A sequence (time, feature) whose last axis equals the inputs is mapped step by step; everything
    else is flattened to one vector first, channels before rows before columns.

    Args:
        size: (inputs, outputs). `outputs` alone, or None for the inputs, takes the size of its input.
        bias: Whether to learn b.

    Input shape: any per sample, float32
    Output shape: (outputs,), or (time, outputs) for a sequence
    """

    bias: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        flag(self, "bias", self.bias)

    def resolve(self, in_shape: Shape) -> Linear:
        inputs, outputs = self.sizes
        found = in_shape["feature"] if self._stepwise(in_shape) else in_shape.numel
        if inputs is None:
            if found is None:
                raise free_size(self, in_shape)
            return replace(self, size=(found, outputs))
        if found is not None and found != inputs:
            if in_shape.axes == ("time", "feature"):
                raise LayerError.coded(
                    "E-LAYER-03",
                    "{where}: expected {inputs} for each step of {shape}, or {expected} for all "
                    "steps as one vector, got {got}. Use size=({features}, {outputs}), or "
                    "size=({expected}, {outputs}), which ties the network to sequences of this length.",
                    where=self.call(),
                    inputs=ngettext("{count} input", "{count} inputs", present(in_shape["feature"])),
                    features=in_shape["feature"],
                    shape=in_shape.describe(),
                    expected=found,
                    got=inputs,
                    outputs=outputs,
                )
            raise LayerError.coded(
                "E-LAYER-03",
                "{where}: expected {inputs} for {shape}, got {got}. Use size=({expected}, {outputs}).",
                where=self.call(),
                inputs=ngettext("{count} input", "{count} inputs", found),
                expected=found,
                shape=in_shape.describe(),
                got=inputs,
                outputs=outputs,
            )
        return self

    def out_shape(self, in_shape: Shape) -> Shape:
        if self._stepwise(in_shape):
            return in_shape.with_sizes(feature=self.sizes[1])
        return Shape.vector(self.sizes[1])

    def build(self, in_shape: Shape) -> nn.Module:
        kind = nn.Linear if self._stepwise(in_shape) else FlatLinear
        return kind(*self.resolved_sizes, bias=self.bias)

    def emit(self, graph: GraphBuilder, x: Value, module: nn.Module, in_shape: Shape) -> Value:
        module = instance(module, nn.Linear)
        if self._stepwise(in_shape):
            y = graph.node("MatMul", x, graph.weight("weight", module.weight.T))
            return y if module.bias is None else graph.node("Add", y, graph.weight("bias", module.bias))
        return graph.gemm(graph.flatten(x, len(in_shape) + 1), module.weight, module.bias)

    def multiply_adds(self, in_shape: Shape) -> int | None:
        inputs, outputs = self.sizes
        steps = in_shape["time"] if self._stepwise(in_shape) else 1
        return None if inputs is None or steps is None else inputs * outputs * steps

    def fixes_input_size(self, in_shape: Shape) -> bool:
        return (in_shape["feature"] if self._stepwise(in_shape) else in_shape.numel) is None

    def causal(self, in_shape: Shape) -> bool:
        return self._stepwise(in_shape)

    def _stepwise(self, in_shape: Shape) -> bool:
        if in_shape.axes != ("time", "feature"):
            return False
        return self.sizes[0] in (None, in_shape["feature"]) or in_shape["feature"] is None


class FlatLinear(nn.Linear):
    """`torch.nn.Linear` on samples of any shape, flattened."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.flatten(1))

    def _get_name(self) -> str:
        return "Linear"  # as it is printed
