"""The exponential moving average of a network's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from .interruptions import uninterrupted
from .state import AverageState

__all__ = ["MovingAverage", "put"]

Tensor = torch.Tensor


class MovingAverage:
    """Weights averaged over the steps of a training.

        average <- average + (1 - d) (weights - average),  d = min(decay, (1 + step) / (10 + step))

    so that the first steps, in which a network learns fast, are soon forgotten. Buffers (the running means
    of batch normalisation) are taken as they are.

    Args:
        net: The network, on the device where it is trained.
        decay: The share of the average that a step leaves as it was, 0 to below 1.

    Attributes:
        steps: How many steps it has seen.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.steps = 0
        self._decay = decay
        self._weights = dict(net.named_parameters())
        self._other = {name: value.detach().clone() for name, value in self._weights.items()}
        self._shown = False

    def update(self) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        weights = [weight.detach() for weight in self._weights.values()]
        torch._foreach_lerp_(list(self._other.values()), weights, 1 - decay)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Let the network hold the average instead of the weights that are trained."""
        if self._shown:
            yield
            return
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def keep(self) -> None:
        """Let the network hold the average from now on; training is over."""
        if not self._shown:
            self._swap()

    def state(self) -> AverageState:
        """Return what is needed to resume: the weights that are trained, and the number of steps."""
        trained = self._other if self._shown else self._weights
        weights = {name: value.detach().cpu().contiguous().clone() for name, value in trained.items()}
        return {"steps": self.steps, "weights": weights}

    def load(self, state: AverageState) -> None:
        """Resume from a state; the network holds the average."""
        self.steps = int(state["steps"])
        put(self._weights, state["weights"])

    def _swap(self) -> None:
        with torch.no_grad(), uninterrupted():  # all or none: half of each are the weights of nothing
            for name, weight in self._weights.items():
                held = weight.clone()  # by value: cuDNN keeps the weights of a layer in one piece of memory
                weight.copy_(self._other[name])
                self._other[name].copy_(held)
            self._shown = not self._shown


def put(weights: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Copy values into weights of the same names and sizes.

    Raises:
        KeyError, RuntimeError: They are others.
    """
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(values[name])
