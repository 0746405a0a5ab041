"""What all processes of one training have in common, and what differs where a script draws it unseeded."""

from __future__ import annotations

import zlib

from onnxnn_runtime.messages.catalogue import gettext
from torch import nn

from onnxnn.data.batches import Batches, InMemory

from .device import Machine
from .settings import TrainSettings

__all__ = ["check_agreement"]

_LOOKED_AT = 1_000_000
"""Elements of the samples in memory that are compared, from the first on."""


def check_agreement(
    machine: Machine,
    learner: nn.Module,
    train: Batches,
    validation: Batches | None,
    settings: TrainSettings,
) -> None:
    """Refuse a training that is another one in another process, before they wait for each other in vain.

    Raises:
        TrainingError: Data, layers or settings differ.
    """
    if machine.processes == 1:
        return

    def facts() -> dict[str, str]:
        held_back = 0 if validation is None else validation.num_samples
        weights = [tuple(each.shape) for each in learner.state_dict().values()]
        return {
            gettext("the number of samples"): str(train.num_samples),
            gettext("the number of samples for validation"): str(held_back),
            "batch_size": str(train.batch_size),
            gettext("the data"): f"{_checksum(train):08x}",
            "epochs": str(settings.epochs),
            gettext("the settings"): f"{zlib.crc32(repr(settings.to_data()).encode()):08x}",
            gettext("the layers"): f"{zlib.crc32(repr(weights).encode()):08x}",
        }

    machine.check_same(facts)


def _checksum(batches: Batches) -> int:
    """Return a number that other data in memory, or other labels, do not have."""
    samples = batches.samples
    if isinstance(samples, InMemory):
        first = samples.x.flatten()[:_LOOKED_AT]
        return zlib.crc32(first.numpy().tobytes(), zlib.crc32(samples.y.numpy().tobytes()))
    return 0 if samples.labels is None else zlib.crc32(samples.labels.numpy().tobytes())
