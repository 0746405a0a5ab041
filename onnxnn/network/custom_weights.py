"""What calls that fill or train custom modules leave of them when they fail."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .state import NetworkState


@contextmanager
def custom_weights_kept(state: NetworkState) -> Iterator[None]:
    """Give the custom modules of a network their weights back where what is inside raises.

    Layers need no such thing: a call works on a torch module of its own, which the network takes at the end.
    A custom module is the user's own object, and whoever holds it sees it filled and trained. Nor can every
    one be copied, since its class may hold anything, such as locks and open files. So it is filled and
    trained itself, and its state dict is copied before. That is the one copy of weights to go back to.

    Args:
        state: The network.
    """
    modules = state.custom_modules()
    weights = [copy.deepcopy(module.state_dict()) for module in modules]
    devices = [next(module.parameters(), torch.empty(0)).device for module in modules]
    modes = [(part, part.training) for module in modules for part in module.modules()]
    try:
        yield
    except BaseException:
        for module, values, device in zip(modules, weights, devices, strict=True):
            module.to(device).load_state_dict(values)
        for part, training in modes:
            part.training = training
        raise
