"""Batch normalisation over the samples of all processes, as if one process had the whole batch.

Torch's `SyncBatchNorm` does so on GPUs alone; this is the same on any device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["SynchronizedBatchNorm"]

Tensor = torch.Tensor


_TOO_FEW = "Expected more than 1 value per channel when training"
"""What torch's own layers say; `job` makes an error of ours of it."""


class SynchronizedBatchNorm:
    """The layers of batch normalisation in a module, whose statistics all processes share in training.

    Layers with a forward of their own, in a custom module, keep it.

    Args:
        module: The network or what holds it.

    Attributes:
        samples, total: How many samples of the batch this process has, and all of them have.
    """

    def __init__(self, module: nn.Module) -> None:
        self.samples = self.total = 1
        self._layers = [
            each
            for each in module.modules()
            if isinstance(each, _BatchNorm) and type(each).forward is _BatchNorm.forward
        ]

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let the layers share their statistics inside."""
        for layer in self._layers:
            layer.forward = partial(self._forward, layer)  # type: ignore[method-assign]
        try:
            yield
        finally:
            for layer in self._layers:
                del layer.forward

    def _forward(self, layer: _BatchNorm, x: Tensor) -> Tensor:
        """Normalise a batch, of which this process has some samples.

        Mean and variance are those of the whole batch (Ioffe & Szegedy 2015, algorithm 1); each is one sum
        over the processes, and so is its gradient.
        """
        if not layer.training:
            return _BatchNorm.forward(layer, x)
        layer._check_input_dim(x)  # type: ignore[no-untyped-call]  # torch's own
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        axes = [axis for axis in range(x.ndim) if axis != 1]
        own = x.numel() // x.shape[1]
        count = own * self.total // max(self.samples, 1)
        if count < 2:
            raise ValueError(_TOO_FEW)
        counts = 1.0 if self.samples else 0.0  # a sample that stands in for none has no say
        mean = _over_processes(wide.sum(axes) * counts) / count
        centred = wide - _along(mean, x)
        variance = _over_processes(centred.square().sum(axes) * counts) / count
        self._remember(layer, mean.detach(), variance.detach() * (count / (count - 1)))
        normal = centred * _along(torch.rsqrt(variance + layer.eps), x)
        if layer.affine:
            normal = normal * _along(layer.weight, x) + _along(layer.bias, x)
        return normal.to(x.dtype)

    @staticmethod
    def _remember(layer: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics as torch does."""
        if layer.running_mean is None or layer.running_var is None:
            return
        share = layer.momentum
        if layer.num_batches_tracked is not None:
            layer.num_batches_tracked.add_(1)
            share = 1 / float(layer.num_batches_tracked) if share is None else share
        layer.running_mean.lerp_(mean.to(layer.running_mean), share or 0.0)
        layer.running_var.lerp_(variance.to(layer.running_var), share or 0.0)


def _along(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape(1, -1, *([1] * (x.ndim - 2)))


def _over_processes(values: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]  # torch's own
    return total


class _Sum(torch.autograd.Function):
    """The sum over all processes, whose gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: object, values: Tensor) -> Tensor:
        total = values.contiguous().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total
