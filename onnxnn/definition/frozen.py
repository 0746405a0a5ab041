"""The frozen beginning of a network, whose output for a sample is the same in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from onnxnn.layers.inception import AuxiliaryClassifier

from .module import Net, Stepping

__all__ = ["frozen_beginning"]

Part = Callable[[torch.Tensor], torch.Tensor]


@runtime_checkable
class Parted(Protocol):
    """A module that is a sequence of parts, so that some of them can be frozen."""

    def parts(self) -> list[Part]:
        """Return what a batch goes through, one after the other; functions among them have no state."""


class _Parts(nn.Module):
    """Parts of modules as one module; its weights stay theirs.

    Args:
        parts: What a batch goes through.
    """

    def __init__(self, parts: Iterable[Part]) -> None:
        super().__init__()
        self._parts = tuple(parts)  # a tuple, which does not make them submodules

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self._parts:
            x = part(x)
        return x


def frozen_beginning(net: Net) -> tuple[Part, Net] | None:
    """Return the longest beginning of a network in training mode that always computes the same, and the rest.

    It ends before the first module that learns, that draws random numbers (dropout), that keeps statistics of
    the batches it sees, that others made (a custom module, a hook), or that makes a mask.

    Args:
        net: The network in training mode.

    Returns:
        The beginning, and a network of the modules after it, which shares them; None where no weights stand
        in the beginning, so that nothing is gained.
    """
    if net.has_mask:
        return None
    frozen: list[Part] = []
    modules = list(net.named_children())
    rest: list[tuple[str, nn.Module]] = []
    for number, (name, module) in enumerate(modules):
        is_own = name in net.custom_names
        parts = [module] if is_own or any(map(_has_hook, module.modules())) else _parts_of(module)
        kept = 0 if is_own else _count(parts)
        frozen += parts[:kept]
        if kept < len(parts):
            rest = [(name, module if kept == 0 else _Parts(parts[kept:])), *modules[number + 1 :]]
            break
    if not rest or not any(True for part in frozen for _ in _weights(part)):
        return None
    return _Parts(frozen), _following(net, rest)


def _following(net: Net, modules: Iterable[tuple[str, nn.Module]]) -> Net:
    """Return a network of the last modules of another, in training mode as it is."""
    found = Net()
    for name, module in modules:
        found.add_module(name, module)
    found.custom_names, found.custom_ending = net.custom_names, net.custom_ending
    return found


def _parts_of(module: nn.Module) -> list[Part]:
    return module.parts() if isinstance(module, Parted) else [module]


def _count(parts: Iterable[Part]) -> int:
    """Return how many of the first parts always compute the same."""
    count = 0
    for part in parts:
        if isinstance(part, nn.Module) and any(map(_changes, part.modules())):
            break
        count += 1
    return count


def _changes(module: nn.Module) -> bool:
    """Return whether what a module computes in training may differ from epoch to epoch."""
    if _has_hook(module) or any(weight.requires_grad for weight in module.parameters(recurse=False)):
        return True
    if not module.training:
        return False
    return isinstance(module, _NormBase | _DropoutNd | AuxiliaryClassifier) or _drops(module)


def _drops(module: nn.Module) -> bool:
    """Return whether a module has dropout of its own."""
    rate = getattr(module, "dropout", 0.0)
    return isinstance(module, Stepping | nn.RNNBase | nn.MultiheadAttention) and rate != 0


def _has_hook(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _weights(part: Part) -> Iterator[nn.Parameter]:
    return part.parameters() if isinstance(part, nn.Module) else iter(())
