"""The state of an optimizer, a schedule and random generators in a checkpoint, compared before use."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Mapping

import torch
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened

from .random_state import random_state, set_random_state
from .state import RandomState


def load_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, object]) -> None:
    """Let an optimizer resume with what one of the same kind had gathered.

    Raises:
        ValueError: It is another optimizer's, of other weights, or no state at all.
    """
    optimizer.load_state_dict(dict(state))
    for group in optimizer.param_groups:
        for key, usual in optimizer.defaults.items():
            if not _is_like(usual, group.get(key)):
                raise ValueError(
                    gettext("the optimizer's {key} is {value}", key=key, value=shortened(group.get(key)))
                )
    expected = _gathered(optimizer)
    for weight, gathered in optimizer.state.items():
        if gathered and gathered.keys() != expected:
            raise ValueError(
                gettext("the optimizer's state holds {names} for a weight", names=shortened(list(gathered)))
            )
        for key, value in gathered.items():
            if not isinstance(value, torch.Tensor) or value.shape not in (weight.shape, torch.Size()):
                raise ValueError(
                    gettext(
                        "the optimizer's {key} is {value} for a weight {shape}",
                        key=key,
                        value=shortened(value),
                        shape=shape_text(weight.shape),
                    )
                )


def _gathered(optimizer: torch.optim.Optimizer) -> set[str]:
    """Return the names of what an optimizer gathers for a weight, found out by one step of another."""
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    known = inspect.signature(type(optimizer)).parameters
    options = {key: optimizer.param_groups[0][key] for key in optimizer.defaults if key in known}
    other = type(optimizer)([weight], **options)
    other.step()
    return set(other.state[weight])


def _is_like(usual: object, value: object) -> bool:
    """Return whether an optimizer's option may have a value, by the one that it has by default."""
    if usual is None or isinstance(usual, bool):
        return value is None or isinstance(value, bool)
    if isinstance(usual, tuple):
        return isinstance(value, list | tuple) and len(value) == len(usual) and all(map(_is_amount, value))
    return _is_amount(value) if isinstance(usual, int | float) else value == usual


def _is_amount(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value < math.inf


def load_schedule(schedule: torch.optim.lr_scheduler.LRScheduler, state: Mapping[str, object]) -> None:
    """Let a schedule resume after the epochs of one of the same kind.

    Raises:
        ValueError: It is another schedule's state, or none.
    """
    own = schedule.state_dict()
    for key, value in state.items():
        if key not in own or not _is_same_kind(own[key], value):
            raise ValueError(
                gettext("the schedule's {key} is {value}", key=shortened(key), value=shortened(value))
            )
    if "last_epoch" in own and "last_epoch" not in state:
        raise ValueError(gettext("the schedule does not say after which epoch it is"))
    phases = state.get("_schedule_phases", ())  # of onecycle, like the new one's
    ends = [phase["end_step"] for phase in phases] if isinstance(phases, list | tuple) else []
    if any(later <= earlier for earlier, later in itertools.pairwise(ends)):
        raise ValueError(gettext("the schedule's phases end at {ends}", ends=shortened(ends)))
    schedule.load_state_dict(dict(state))


def _is_same_kind(now: object, value: object) -> bool:
    """Return whether a value can stand for the one that a new schedule has: what is above 0 stays so."""
    if isinstance(now, list | tuple):
        if not isinstance(value, list | tuple) or len(value) != len(now):
            return False
        return all(map(_is_same_kind, now, value))
    if isinstance(now, dict):
        if not isinstance(value, dict) or value.keys() != now.keys():
            return False
        return all(_is_same_kind(each, value[key]) for key, each in now.items())
    if isinstance(now, bool) or not isinstance(now, int | float):
        return type(value) is type(now) and bool(value == now)
    if isinstance(value, bool) or not isinstance(value, int if isinstance(now, int) else int | float):
        return False
    lowest = 1 if isinstance(now, int) and now > 0 else 0 if now >= 0 else -math.inf
    return not math.isnan(value) and value >= lowest


def check_random_state(state: RandomState) -> None:
    """Refuse the state of random generators that they would not take; they stay as they are.

    Raises:
        ValueError: It is no such state.
    """
    _, position, has_gauss, cached = state["numpy"]
    # NumPy takes any position, and reads beyond its numbers from there.
    if type(position) is not int or not 0 <= position <= 624 or has_gauss not in (0, 1):
        raise ValueError(
            gettext("the position of NumPy's random generator is {value}", value=shortened(position))
        )
    if type(cached) is not float or not isinstance(state["cuda"], list):
        raise ValueError(gettext("the state of the random generators is not valid"))
    before = random_state()
    try:
        set_random_state(state)
    finally:
        set_random_state(before)
