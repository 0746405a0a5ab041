"""A torch module copied with everything that a script set in it."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from types import MethodType
from typing import TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


def copied(module: M, shared: Iterable[nn.Module] = ()) -> M:
    """Return a copy of a module with weights of its own, and with the hooks of modules and of weights.

    A hook is called by the copy as by the module: where it is a method of an object, or an object that is
    called, a copy of that object would count what nobody sees. `copy.deepcopy` copies it, and leaves the
    hooks of weights out. Outputs that a script kept in the module are kept by the copy without their graph.

    Args:
        module: The module.
        shared: Modules that are part of the copy themselves, with their weights and whatever they hold,
            wherever else that stands in the module.
    """
    parts = list(module.modules())
    own = {id(part) for part in parts}
    known: dict[int, object] = {}
    for part in parts:
        for name, value in vars(part).items():
            known.update((id(found), found.detach()) for found in _computed(value, set()))
            if name.endswith("_hooks"):
                known.update((id(hook), hook) for hook in _hooks(value) if id(_owner(hook)) not in own)
    for each in shared:
        for kept in (*each.modules(), *each.parameters(), *each.buffers()):
            known[id(kept)] = kept
    found = copy.deepcopy(module, known)
    for before, after in zip(module.parameters(), found.parameters(), strict=True):
        if before is not after:
            _copy_hooks(before, after)
    return found


def _computed(value: object, seen: set[int]) -> Iterator[torch.Tensor]:
    """Yield tensors that were computed, of which there are no deep copies, also those in plain data."""
    if isinstance(value, torch.Tensor):
        if not value.is_leaf:
            yield value
    elif isinstance(value, (dict, list, tuple)) and id(value) not in seen:
        seen.add(id(value))
        for inside in value.values() if isinstance(value, dict) else value:
            yield from _computed(inside, seen)


def _hooks(by_number: object) -> Iterator[object]:
    """Yield the hooks of a dict of them; torch wraps some in an object that knows their module."""
    if isinstance(by_number, dict):
        for hook in by_number.values():
            yield getattr(hook, "hook", hook)


def _owner(hook: object) -> object:
    return hook.__self__ if isinstance(hook, MethodType) else None


def _copy_hooks(before: nn.Parameter, after: nn.Parameter) -> None:
    """Give a weight the attributes and the hooks of another, which may be frozen."""
    vars(after).update(vars(before))
    for name in ("_backward_hooks", "_post_accumulate_grad_hooks"):
        hooks = getattr(before, name, None)
        if hooks:
            setattr(after, name, hooks.copy())
