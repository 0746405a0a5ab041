"""Gradients of a relu at the end of a network that predicts values.

Where relu returns 0 its gradient is 0, so an output that is 0 for every sample never learns again; some
networks with a single output begin like that. During training the last relu (and relu6, at both ends) passes
gradients that lead back between its bounds; its outputs are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from onnxnn.definition.definition import Definition, Net
from onnxnn.definition.last_layer import last_bounded


@contextmanager
def outputs_kept_alive(task: str, definition: Definition, net: Net) -> Iterator[None]:
    """Let the last relu of a regression learn within, wherever it stands.

    Args:
        task: "cls", "reg", "gen" or "embed".
        definition: The network as data.
        net: The network.
    """
    found = last_bounded(definition) if task == "reg" else None
    if found is None or found[1].kind not in ("relu", "relu6"):
        yield
        return
    low, high = found[1].bounds
    module = net.get_submodule(found[0])

    def clamped(module: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> Any:
        return _Clamp.apply(given[0], low, high) if torch.is_grad_enabled() else output  # type: ignore[no-untyped-call]

    handle = module.register_forward_hook(clamped)
    try:
        yield
    finally:
        handle.remove()


class _Bounded(torch.autograd.function.FunctionCtx):
    bounds: tuple[float, float]
    saved_tensors: tuple[torch.Tensor]


class _Clamp(torch.autograd.Function):
    """y = min(max(x, low), high), with the gradients of x outside that lead back inside."""

    @staticmethod
    def forward(ctx: _Bounded, x: torch.Tensor, low: float, high: float) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.bounds = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx: _Bounded, gradient: torch.Tensor) -> Any:
        (x,), (low, high) = ctx.saved_tensors, ctx.bounds
        passes = ((x > low) | (gradient < 0)) & ((x < high) | (gradient > 0))
        return gradient * passes, None, None
