"""Where training runs: Lightning Fabric under one small interface.

On a single device in full precision nothing of Fabric stands between the loop and torch, so that a
network of a hundred weights does not pay for what it does not use.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision.amp import MixedPrecision
from lightning_fabric.strategies import STRATEGY_REGISTRY
from onnxnn_runtime.errors import DeviceError, TrainingError, name_hint
from onnxnn_runtime.messages.catalogue import coded
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import key_of
from torch import nn

__all__ = ["Machine", "threads_for"]

PRECISIONS = ("32-true", "16-mixed", "bf16-mixed")
_SHORT = {"32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}
Batch = tuple[torch.Tensor, torch.Tensor]


class _InputsKept(MixedPrecision):
    """Mixed precision that leaves inputs and targets as they are: autocast chooses for each operation.

    Fabric rounds them to half precision first, in which 1013.2 is 1016, and values to predict lose all but
    three digits.
    """

    def convert_input(self, data: Any) -> Any:
        return data


ONE_THREAD_BELOW = 1_000_000
"""Multiply-adds of a batch below which a second thread of the processor gains nothing.

Threads wait for each other in every operation. On a computer that does something else besides, one of
them is often not running, and a small network then learns 2 to 4 times as fast on one thread.
"""


@contextlib.contextmanager
def threads_for(multiply_adds: int | None) -> Iterator[None]:
    """Let torch use one thread of the processor within, where batches are small.

    Args:
        multiply_adds: Those of a batch; None where they are not known, which changes nothing.
    """
    before = torch.get_num_threads()
    if multiply_adds is not None and multiply_adds < ONE_THREAD_BELOW:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Machine:
    """Devices, precision and processes of one training.

    Args:
        device: "auto", "cpu", "cuda", "cuda:1", "mps". "auto" takes what is there; anything else is
            honoured or refused.
        devices: How many devices, each with its own process; 1 is the plain case.
        strategy: Fabric's strategy for several devices, e.g. "ddp".
        precision: "32-true", "16-mixed" or "bf16-mixed", short 32, 16 or "bf16"; the weights are float32 in
            each.

    Raises:
        DeviceError: The device is not there, or not as many, or they cannot be used with that strategy.
        TrainingError: The precision or the strategy is unknown.
    """

    def __init__(
        self,
        device: str = "auto",
        devices: int = 1,
        strategy: str = "auto",
        precision: str | int = "32-true",
    ) -> None:
        precision = _precision(precision)
        _check_strategy(strategy)
        if isinstance(devices, bool) or not isinstance(devices, int | np.integer) or devices < 1:
            raise DeviceError(
                coded(
                    "E-TRAIN-03",
                    "{name}={value}: expected an integer of at least 1.",
                    name="devices",
                    value=shortened(devices),
                )
            )
        kind, _, number = key_of(device).partition(":")
        options: Any = {
            "accelerator": kind,
            "devices": [int(number)] if number.isdigit() else int(devices),
            "strategy": strategy,
            "precision": precision,
        }
        try:
            self._fabric = Fabric(**options)
        except Exception as error:  # Fabric has its own tree of errors for what is not there
            several = f", devices={devices}" if devices != 1 else ""
            by = f", strategy={shortened(strategy)}" if strategy != "auto" else ""
            asked = f"device={shortened(device)}{several}{by}"
            raise DeviceError(
                coded(
                    "E-DEVICE-01",
                    "{asked}: not available here. This machine offers: {offered}. Use device='auto' to "
                    "choose one of them.",
                    asked=asked,
                    offered=", ".join(_offered()),
                )
            ) from error
        used = self._fabric.strategy.precision
        if type(used) is MixedPrecision:
            self._fabric.strategy.precision = _InputsKept(cast(Any, used.precision), used.device, used.scaler)
        self._plain = self._fabric.world_size == 1 and precision == "32-true"
        self.fused = precision != "16-mixed"  # the scaler of half precision needs the separate steps

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self._fabric.device

    @property
    def processes(self) -> int:
        """How many processes train together, each on one device."""
        return int(self._fabric.world_size)

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self._fabric.global_rank == 0

    def start(self) -> None:
        """Start the other processes, where there are any; each runs the same script to here."""
        self._fabric.launch()

    def setup(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        """Return module and optimizer ready for this machine; the module must be on its device."""
        if self._plain:
            return module, optimizer
        wrapped: tuple[nn.Module, Any] = self._fabric.setup(module, optimizer)
        return wrapped

    def backward(self, loss: torch.Tensor) -> None:
        """Compute gradients."""
        if self._plain:
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        else:
            self._fabric.backward(loss)

    def clip(self, module: nn.Module, optimizer: Any, norm: float) -> None:
        """Shrink all gradients together so that their norm is at most `norm`."""
        if self._plain:
            torch.nn.utils.clip_grad_norm_(module.parameters(), norm)
        else:
            self._fabric.clip_gradients(module, optimizer, max_norm=norm)

    def batches(self, batches: Any) -> Iterator[Batch]:
        """Yield this process's share of every batch, on its device.

        Every process draws the same order and takes every n-th sample of a batch, so that the batch
        size means the same however many processes there are.
        """
        rank, size = self._fabric.global_rank, self._fabric.world_size
        for x, y in batches:
            if size > 1:
                if len(y) < size:
                    continue
                x, y = x[rank::size], y[rank::size]
            if self.device.type != "cpu":
                x, y = x.to(self.device, non_blocking=True), y.to(self.device, non_blocking=True)
            yield x, y

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum over all processes."""
        if self._fabric.world_size == 1:
            return values
        return torch.as_tensor(self._fabric.all_reduce(values, reduce_op="sum"))

    def means(self, values: torch.Tensor, sizes: list[int]) -> tuple[list[float], list[int]]:
        """Return the mean of each step over all processes, and its number of samples.

        Args:
            values: (steps,), this process's means.
            sizes: This process's number of samples in each step.
        """
        if self._fabric.world_size == 1:
            return values.tolist(), sizes
        counts = torch.tensor(sizes, dtype=torch.float64, device=values.device)
        sums = self.total(torch.stack((values.double() * counts, counts)))
        return (sums[0] / sums[1]).tolist(), [int(count) for count in sums[1].tolist()]

    def agree(self, value: Any) -> Any:
        """Return the main process's value in all processes."""
        return value if self._fabric.world_size == 1 else self._fabric.broadcast(value)


def _precision(given: str | int) -> str:
    name = _SHORT.get(str(given), str(given)) if isinstance(given, str | int) else ""
    if name not in PRECISIONS:
        raise TrainingError(
            coded(
                "E-TRAIN-03",
                "precision={precision}: unknown precision{hint} Known: {known}.",
                precision=shortened(given),
                hint=name_hint(name, PRECISIONS),
                known=", ".join(PRECISIONS),
            )
        )
    return name


def _check_strategy(given: str) -> None:
    known = ("auto", *STRATEGY_REGISTRY.available_strategies())
    if not isinstance(given, str) or given not in known:
        raise TrainingError(
            coded(
                "E-TRAIN-03",
                "strategy={strategy}: unknown strategy{hint} Known: {known}.",
                strategy=shortened(given),
                hint=name_hint(given, known),
                known=", ".join(known),
            )
        )


def _offered() -> list[str]:
    there = ["cpu"]
    if torch.cuda.is_available():
        there += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if sys.platform == "darwin" and torch.backends.mps.is_available():
        there.append("mps")
    return there
