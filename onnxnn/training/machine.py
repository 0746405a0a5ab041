"""The machine that a training asks for: one device, or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.messages.shorten import shortened

from .device import Machine, precision_name

if TYPE_CHECKING:
    from .several_devices import SeveralDevices

__all__ = ["machine_for"]


def machine_for(
    device: str = "auto", devices: int = 1, strategy: str = "auto", precision: str | int = "32-true"
) -> Machine:
    """Return devices, precision and processes of one training.

    Args:
        device: See `onnxnn.training.device.Machine`.
        devices: How many devices, each with its own process; 1 is the plain case.
        strategy: Lightning Fabric's strategy for several devices, e.g. "ddp".
        precision: See `onnxnn.training.device.Machine`.

    Raises:
        DeviceError: The device is not there, or not as many, or they cannot be used with that strategy; or
            Lightning Fabric, which several devices need, is not installed.
        TrainingError: The precision or the strategy is unknown.
    """
    precision = precision_name(precision)
    if isinstance(devices, bool) or not isinstance(devices, int | np.integer) or devices < 1:
        raise DeviceError.coded(
            "E-TRAIN-03",
            "{name}={value}: expected an integer of at least 1.",
            name="devices",
            value=shortened(devices),
        )
    if devices == 1 and isinstance(strategy, str) and strategy == "auto":
        return Machine(device, precision)
    return _several_devices()(device, int(devices), strategy, precision)


def _several_devices() -> type[SeveralDevices]:
    try:
        from .several_devices import SeveralDevices
    except ImportError as error:
        if str(error.name).startswith("onnxnn"):
            raise
        raise DeviceError.coded(
            "E-PACKAGE-01",
            "several devices, or a strategy for them, need Lightning Fabric. Install it: pip install "
            '"onnxnn[scale]", or pip install lightning-fabric.',
        ) from error
    return SeveralDevices
