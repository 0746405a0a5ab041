"""The machine that a training asks for: one device, or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxnn_runtime.errors import DeviceError

from .device import Machine
from .device_options import DeviceOptions

if TYPE_CHECKING:
    from .several_devices import SeveralDevices

__all__ = ["machine_for"]


def machine_for(options: DeviceOptions) -> Machine:
    """Return devices, precision and processes of one training.

    Raises:
        DeviceError: The device is not there, or not as many, or they cannot be used with that strategy; or
            Lightning Fabric, which several devices need, is not installed.
        TrainingError: The strategy is unknown.
    """
    if options.is_plain:
        return Machine(options.device, options.precision)
    return _several_devices()(options)


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
