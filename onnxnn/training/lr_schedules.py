"""Learning-rate schedules by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import torch
from onnxnn_runtime.api.registry import Registry
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from torch.optim import lr_scheduler

from onnxnn.layers.other_names import with_meant

from .optimizers import Options, Range, at_least_0, is_number

Schedule = lr_scheduler.LRScheduler


def check_schedule(schedule: str | Options | None) -> str:
    """Return a schedule's name in lower case; "constant" for None.

    Raises:
        TrainingError: There is no such schedule, or an option of it is unknown or out of range.
    """
    if schedule is None:
        return "constant"
    if not isinstance(schedule, str | Mapping):
        raise TrainingError.coded(
            "E-TRAIN-03",
            "schedule={schedule}: expected a name, or a dict of 'name' and options.",
            schedule=shortened(schedule),
        )
    name = schedule if isinstance(schedule, str) else schedule.get("name", "")
    key = SCHEDULES.find(name)
    if key is None:
        raise TrainingError.coded(
            "E-TRAIN-02",
            "schedule={schedule}: unknown schedule{hint} Known: {known}.",
            schedule=shortened(schedule),
            hint=SCHEDULES.hint(name),
            known=", ".join(SCHEDULES),
        )
    known = list(inspect.signature(SCHEDULES[key]).parameters)[3:]
    wrong = [with_meant(option, known) for option in _schedule_options(schedule) if option not in known]
    if wrong:
        raise TrainingError.coded(
            "E-CALL-01",
            "schedule {schedule} has no option {wrong}; it takes: {known}. Take one of these.",
            schedule=shortened(key),
            wrong=", ".join(wrong),
            known=", ".join(known) or gettext("none"),
        )
    for option, value in _schedule_options(schedule).items():
        matches, expected = _SCHEDULE_RANGES[key, option]
        if not matches(value):
            raise TrainingError.coded(
                "E-TRAIN-03",
                "schedule {schedule}: expected {option} to be {expected}, got {value}.",
                schedule=shortened(key),
                option=option,
                expected=expected(),
                value=shortened(value),
            )
    return key


def make_schedule(
    schedule: str | Options | None, optimizer: torch.optim.Optimizer, epochs: int, steps: int
) -> Schedule | None:
    """Return the learning rate's schedule; None where it stays as it is.

    Args:
        schedule: A name, or {"name": ..., option: value}; None keeps the learning rate.
        optimizer: Whose learning rate it moves.
        epochs: The number of epochs from first to last.
        steps: The number of steps in an epoch.

    Raises:
        TrainingError: The schedule or an option is unknown, or a value is wrong.
    """
    name, options = check_schedule(schedule), _schedule_options(schedule)
    try:
        return SCHEDULES[name](optimizer, epochs, steps, **options)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise TrainingError.coded(
            "E-TRAIN-03", "schedule={schedule}: {error}.", schedule=shortened(schedule), error=error
        ) from error


def is_per_step(schedule: Schedule | None) -> bool:
    """Return whether a schedule moves after every step; the others move after every epoch."""
    return isinstance(schedule, lr_scheduler.OneCycleLR)


def _schedule_options(schedule: str | Options | None) -> dict[str, Any]:
    if schedule is None or isinstance(schedule, str):
        return {}
    return {key: value for key, value in schedule.items() if key != "name"}


def _constant(optimizer: torch.optim.Optimizer, epochs: int, steps: int) -> None:
    """lr as given."""


def _cosine(optimizer: torch.optim.Optimizer, epochs: int, steps: int, end: float = 0.0) -> Schedule:
    """Half a cosine from lr to `end` over all epochs (Loshchilov and Hutter 2017, arXiv:1608.03983)."""
    lr = min(group["lr"] for group in optimizer.param_groups)
    if end > lr:
        raise ValueError(gettext("expected end to be at most lr, {lr}, got {end}", lr=lr, end=end))
    return lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs, eta_min=end)


def _linear(optimizer: torch.optim.Optimizer, epochs: int, steps: int, end: float = 0.01) -> Schedule:
    """A straight line from lr to `end` · lr over all epochs."""
    return lr_scheduler.LinearLR(optimizer, 1.0, end, total_iters=epochs)


def _step(
    optimizer: torch.optim.Optimizer,
    epochs: int,
    steps: int,
    step_size: int | None = None,
    gamma: float = 0.1,
) -> Schedule:
    """lr · gamma after every `step_size` epochs; a third of all epochs by default."""
    return lr_scheduler.StepLR(optimizer, step_size or max(1, -(-epochs // 3)), gamma)


def _exponential(optimizer: torch.optim.Optimizer, epochs: int, steps: int, gamma: float = 0.95) -> Schedule:
    """lr · gamma after every epoch."""
    return lr_scheduler.ExponentialLR(optimizer, gamma)


def _plateau(
    optimizer: torch.optim.Optimizer, epochs: int, steps: int, patience: int = 5, factor: float = 0.1
) -> Schedule:
    """lr · factor once the monitored figure has not improved for `patience` epochs."""
    return lr_scheduler.ReduceLROnPlateau(optimizer, factor=factor, patience=patience)


def _onecycle(optimizer: torch.optim.Optimizer, epochs: int, steps: int, warmup: float = 0.3) -> Schedule:
    """Up to lr in the first `warmup` of all steps, then down (Smith and Topin 2018, arXiv:1708.07120)."""
    peak = [group["lr"] for group in optimizer.param_groups]
    return lr_scheduler.OneCycleLR(
        optimizer, peak, total_steps=epochs * steps, pct_start=warmup, cycle_momentum=False
    )


SCHEDULES: Registry[Callable[..., Schedule | None]] = Registry(
    (function.__name__.lstrip("_"), function, ())
    for function in (_constant, _cosine, _linear, _step, _exponential, _plateau, _onecycle)
)
"""Every schedule by name, with its options after (optimizer, epochs, steps)."""


def is_count(value: object, lowest: int = 1) -> bool:
    """Return whether a value is an integer of at least `lowest`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= lowest


def _above_0(value: object) -> TypeGuard[int | float]:
    return is_number(value) and value > 0


_SHARE: Range = (
    lambda value: is_number(value) and 0 <= value <= 1,
    lambda: gettext("a number from 0 to 1"),
)


_POSITIVE: Range = (_above_0, lambda: gettext("a number above 0"))


_SCHEDULE_RANGES: dict[tuple[str, str], Range] = {
    ("cosine", "end"): (lambda value: is_number(value) and value >= 0, at_least_0),
    ("linear", "end"): _SHARE,
    ("step", "step_size"): (
        lambda value: value is None or is_count(value),
        lambda: gettext("an integer of at least 1"),
    ),
    ("step", "gamma"): _POSITIVE,
    ("exponential", "gamma"): _POSITIVE,
    ("plateau", "patience"): (
        lambda value: is_count(value, 0),
        lambda: gettext("an integer of at least 0"),
    ),
    ("plateau", "factor"): (
        lambda value: _above_0(value) and value < 1,
        lambda: gettext("a number between 0 and 1"),
    ),
    ("onecycle", "warmup"): _SHARE,
}
"""For each option of a schedule whether a value matches, and in words what is expected."""
