"""The running statistics of batch normalisation, which inference uses in place of a batch's own.

Torch averages them as training goes, r <- 0.9 r + 0.1 batch. After a few dozen steps that still holds the
values a layer began with, and the statistics of weights that have changed since: a network that knows its
training data by heart then answers the same for everything (Wu & Johnson, "Rethinking 'Batch' in BatchNorm",
2021, section 3). Two things are done about it.

1. In the first steps of every epoch the average is a plain one: step k of an epoch counts 1/k, until that is
   torch's own share. So what an epoch ends with comes from that epoch alone, at no cost.
2. Where it matters (the last epoch, `best.pth`) the statistics are measured again: the weights stand still,
   and a pass over the training data averages every layer's statistics (PreciseBN, ibid. section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from onnxnn.data.batches import Batch
from onnxnn.definition.module import full_precision

from .random_state import random_state, set_random_state

SAMPLES = 2_000
"""How many samples are measured at most; 1,000 are enough (Wu & Johnson, section 3.2)."""


SMALLEST_BATCH = 32
"""The smallest batch to measure with: larger ones than in training give steadier statistics in less time."""


class BatchStatistics:
    """The running statistics of all layers of a network that keep some, in one training.

    Layers whose statistics are frozen (momentum 0, or kept in evaluation mode by their own module) stay so.

    Args:
        net: The network or what holds it.
    """

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self._layers = [
            module
            for module in _training(net)
            if isinstance(module, _NormBase) and module.running_mean is not None and module.momentum != 0
        ]
        self._own = [layer.momentum for layer in self._layers]
        shares = [share or 0.0 for share in self._own]
        self._plain_steps = math.inf if 0.0 in shares else max((1 / share for share in shares), default=0.0)
        self._step = 0

    def __bool__(self) -> bool:
        """Whether the network has any."""
        return bool(self._layers)

    def begin_epoch(self) -> None:
        """Let the next steps be averaged from the first of them on."""
        self._step = 0

    def begin_step(self) -> None:
        """Let a batch count as much as the average over this epoch's steps wants."""
        self._step += 1
        if self._step <= self._plain_steps + 1:
            for layer, own in zip(self._layers, self._own, strict=True):
                layer.momentum = max(own or 0.0, 1 / self._step)

    def end(self) -> None:
        """Give the layers their own momentum back."""
        for layer, own in zip(self._layers, self._own, strict=True):
            layer.momentum = own

    def measure(self, run: Callable[[Batch], object], batches: Callable[[], Iterable[Batch]]) -> None:
        """Replace the statistics by the means over batches; what is not normalised is in evaluation mode.

        Nothing else changes: no weight, no random generator, no counter. The same weights and data give the
        same statistics.

        Args:
            run: Runs the network on a batch.
            batches: Returns batches of the training data, augmented as in training.
        """
        state = random_state()
        with self._measuring(), full_precision():
            torch.manual_seed(0)
            try:
                with torch.no_grad():
                    for batch in batches():
                        run(batch)
            finally:
                set_random_state(state)

    @contextmanager
    def _measuring(self) -> Iterator[None]:
        """Let every batch count alike in the layers that training changes."""
        self._net.train()
        layers = [layer for layer in self._layers if layer.training]
        self._net.eval()
        counters = [(layer, layer.num_batches_tracked, layer.momentum) for layer in layers]
        hooks = [layer.register_forward_pre_hook(_Mean()) for layer in layers]
        for layer, counter, _ in counters:
            layer.train()
            layer.num_batches_tracked = None if counter is None else counter.clone()
        try:
            yield
        finally:
            for layer, counter, momentum in counters:
                layer.num_batches_tracked, layer.momentum = counter, momentum
            for hook in hooks:
                hook.remove()
            self._net.eval()


def _training(net: nn.Module) -> list[nn.Module]:
    """Return the modules of a network that training mode reaches; all come back in the mode they are in."""
    modes = [(module, module.training) for module in net.modules()]
    net.train()
    found = [module for module, _ in modes if module.training]
    for module, was_training in modes:
        module.training = was_training
    return found


class _Mean:
    """Before a layer runs: its batch counts as many samples as it has, of all that were seen."""

    def __init__(self) -> None:
        self._seen = 0

    def __call__(self, layer: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        count = len(given[0])
        self._seen += count
        layer.momentum = count / max(self._seen, 1)  # type: ignore[assignment]  # an attribute of _NormBase
