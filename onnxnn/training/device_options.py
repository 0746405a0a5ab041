"""Where and in which precision to train: the options of `train` about devices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.messages.shorten import shortened

from .device import precision_name


@dataclass(frozen=True)
class DeviceOptions:
    """Devices, precision and processes of one training.

    Args:
        device: See `onnxnn.training.device.Machine`.
        devices: How many devices, each with its own process; 1 is the plain case. In a script that
            `torchrun` started, its processes are used.
        strategy: Lightning Fabric's strategy for several devices, e.g. "ddp".
        precision: See `onnxnn.training.device.Machine`.
        may_skip_weights: Whether there are modules that may leave weights out of a step, as custom ones can.

    Raises:
        DeviceError: The number of devices is no integer of at least 1.
        TrainingError: The precision is unknown.
    """

    device: str = "auto"
    devices: int = 1
    strategy: str = "auto"
    precision: str | int = "32-true"
    may_skip_weights: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", precision_name(self.precision))
        if (
            isinstance(self.devices, bool)
            or not isinstance(self.devices, int | np.integer)
            or self.devices < 1
        ):
            raise DeviceError.coded(
                "E-TRAIN-03",
                "{name}={value}: expected an integer of at least 1.",
                name="devices",
                value=shortened(self.devices),
            )
        object.__setattr__(self, "devices", int(self.devices))

    @property
    def is_plain(self) -> bool:
        """Whether one device trains, without a strategy."""
        return self.devices == 1 and isinstance(self.strategy, str) and self.strategy == "auto"

    def described(self) -> str:
        """Return the options that say which devices, as a call has them."""
        several = f", devices={self.devices}" if self.devices != 1 else ""
        by = f", strategy={shortened(self.strategy)}" if self.strategy != "auto" else ""
        return f"device={shortened(self.device)}{several}{by}"
