"""Several devices for one training, each with its own process: Lightning Fabric under one small interface.

The one module that imports Fabric, which the `scale` extra installs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision.amp import MixedPrecision
from lightning_fabric.strategies import STRATEGY_REGISTRY
from onnxnn_runtime.errors import TrainingError, name_hint
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import key_of
from torch import nn

from .device import Batch, Machine, Step, not_available
from .device_options import DeviceOptions
from .history import Row

__all__ = ["SeveralDevices"]

Tensor = torch.Tensor
Optimizer = torch.optim.Optimizer


class _InputsKept(MixedPrecision):
    """Mixed precision that leaves inputs and targets as they are; see `onnxnn.training.device.Machine`."""

    def convert_input(self, data: object) -> object:
        return data


class SeveralDevices(Machine):
    """Devices, precision and processes of one training.

    Args:
        options: Which devices, how many, in which precision.
    """

    def __init__(self, options: DeviceOptions) -> None:
        _check_strategy(options.strategy)
        kind, _, number = key_of(options.device).partition(":")
        given: Any = {
            "accelerator": kind,
            "devices": [int(number)] if number.isdecimal() else options.devices,
            "strategy": options.strategy,
            "precision": options.precision,
        }
        try:
            self._fabric = Fabric(**given)
        except Exception as error:  # Fabric has its own tree of errors for what is not there
            raise not_available(options.described()) from error
        used = self._fabric.strategy.precision
        if type(used) is MixedPrecision:
            self._fabric.strategy.precision = _InputsKept(cast(Any, used.precision), used.device, used.scaler)
        self.device = self._fabric.device
        self.processes = int(self._fabric.world_size)
        self.is_main = self._fabric.global_rank == 0
        self.fused = options.precision != "16-mixed"

    def start(self) -> None:
        """Start the other processes, where there are any; each runs the same script to here."""
        self._fabric.launch()
        self.device, self.is_main = self._fabric.device, self._fabric.global_rank == 0

    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[Step, Optimizer]:
        """Return module and optimizer ready for this machine; the module must be on its device."""
        self._module, wrapped = self._fabric.setup(module, optimizer)
        return self._module, cast(Optimizer, wrapped)

    def backward(self, loss: Tensor) -> None:
        """Compute gradients."""
        self._fabric.backward(loss)

    def clip(self, optimizer: Optimizer, norm: float) -> None:
        """Shrink all gradients together so that their norm is at most `norm`."""
        self._fabric.clip_gradients(self._module, optimizer, max_norm=norm, error_if_nonfinite=False)

    def step(self, optimizer: Optimizer) -> None:
        """Take a step, the same in each process."""
        optimizer.step()

    def batches(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield this process's share of every batch, on its device.

        Every process draws the same order and takes every n-th sample of a batch, so that the batch
        size means the same however many processes there are.
        """
        rank, size = self._fabric.global_rank, self.processes
        shares = ((x[rank::size], y[rank::size]) for x, y in batches if len(y) >= size)
        return super().batches(shares)

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        return torch.as_tensor(self._fabric.all_reduce(values, reduce_op="sum"))

    def means(self, values: Tensor, sizes: list[int]) -> tuple[list[float], list[int]]:
        """Return the mean of each step over all processes, and its number of samples."""
        counts = torch.tensor(sizes, dtype=torch.float64, device=values.device)
        sums = self.total(torch.stack((values.double() * counts, counts)))
        return (sums[0] / sums[1]).tolist(), [int(count) for count in sums[1].tolist()]

    def agree(self, row: Row) -> Row:
        """Return the main process's figures in all processes."""
        return self._fabric.broadcast(row)


def _check_strategy(given: str) -> None:
    known = ("auto", *STRATEGY_REGISTRY.available_strategies())
    if not isinstance(given, str) or given not in known:
        raise TrainingError.coded(
            "E-TRAIN-03",
            "strategy={strategy}: unknown strategy{hint} Known: {known}.",
            strategy=shortened(given),
            hint=name_hint(given, known),
            known=", ".join(known),
        )
