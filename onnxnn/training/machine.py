"""The machine that a training asks for: one device, or several."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.messages.processes import num_processes

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
    options = replace(options, devices=_with_processes(options.devices))
    if options.is_plain and num_processes() == 1:  # two computers may have a device each
        return Machine(options.device, options.precision)
    return _several_devices()(options)


def _with_processes(devices: int) -> int:
    """Return how many devices this computer uses, where `torchrun` or an earlier call started processes.

    Raises:
        DeviceError: As many processes as are wanted cannot be had.
    """
    processes = num_processes()
    if processes == 1:
        return devices
    here = os.environ.get("LOCAL_WORLD_SIZE", "")
    local = int(here) if here.isdecimal() and 0 < int(here) <= processes else processes
    if devices in (1, local, processes):
        return local
    raise DeviceError.coded(
        "E-DEVICE-01",
        "devices={devices}: expected {processes}, since so many processes run this script already. Leave "
        "devices out: train() uses all of them.",
        devices=devices,
        processes=processes,
    )


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
