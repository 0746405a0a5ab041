"""Optimizers and learning-rate schedules by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from onnxnn_runtime.errors import TrainingError, did_you_mean
from torch.optim import lr_scheduler

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Schedule",
    "check_optimizer_options",
    "default_lr",
    "is_per_step",
    "make_optimizer",
    "make_schedule",
    "optimizer_name",
    "schedule_name",
]

Schedule = lr_scheduler.LRScheduler
Options = Mapping[str, Any]

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "SGD": torch.optim.SGD,
    "Adam": torch.optim.Adam,
    "AdamW": torch.optim.AdamW,
    "Adagrad": torch.optim.Adagrad,
    "ASGD": torch.optim.ASGD,
    "RMSprop": torch.optim.RMSprop,
}
"""Every optimizer by torch's name; any case is understood."""

_DEFAULT_LR = {"SGD": 0.01, "Adam": 1e-3, "AdamW": 1e-3, "Adagrad": 0.01, "ASGD": 0.01, "RMSprop": 1e-3}
_FUSED = ("SGD", "Adam", "AdamW", "Adagrad")  # one kernel for all weights, on the CPU too


def optimizer_name(name: str) -> str:
    """Return an optimizer's name as torch writes it.

    Raises:
        TrainingError: There is no such optimizer; the message names the nearest one.
    """
    by_lower = {known.lower(): known for known in OPTIMIZERS}
    key = str(name).strip().lower()
    if key not in by_lower:
        hint = did_you_mean(str(name), OPTIMIZERS) or "."
        raise TrainingError(f"optimizer={name!r}: unknown optimizer{hint} Known: {', '.join(OPTIMIZERS)}.")
    return by_lower[key]


def check_optimizer_options(name: str, options: Options) -> None:
    """Refuse options that an optimizer does not know.

    Raises:
        TrainingError: All unknown options together, each with the nearest known one.
    """
    known = [key for key in inspect.signature(OPTIMIZERS[name]).parameters if key not in ("params", "lr")]
    wrong = [f"{key!r}{did_you_mean(key, known)}" for key in options if key not in known]
    if wrong:
        raise TrainingError(
            f"optimizer {name!r} has no option {', '.join(wrong)}; it takes: {', '.join(known)}."
        )


def default_lr(name: str) -> float:
    """Return the learning rate of an optimizer when none is given."""
    return _DEFAULT_LR[name]


def make_optimizer(
    name: str,
    parameters: Iterable[torch.nn.Parameter],
    lr: float,
    options: Options | None = None,
    fused: bool = True,
) -> torch.optim.Optimizer:
    """Return an optimizer; SGD has momentum 0.9 unless told otherwise.

    Args:
        name: torch's name.
        parameters: What to train.
        lr: Learning rate.
        options: The optimizer's other options, by torch's names.
        fused: Whether to use its one-kernel form where torch has one.

    Raises:
        TrainingError: An option is unknown or its value does not fit.
    """
    options = dict(options or {})
    check_optimizer_options(name, options)
    if name == "SGD":
        options.setdefault("momentum", 0.9)
    if fused and name in _FUSED and not {"fused", "foreach"} & options.keys():
        options["fused"] = not (
            options.get("differentiable") or (options.get("maximize") and name == "Adagrad")
        )
    try:
        return OPTIMIZERS[name](parameters, lr=lr, **options)  # type: ignore[call-arg]
    except (ValueError, TypeError, RuntimeError) as error:
        raise TrainingError(f"optimizer {name!r} with lr={lr} and {options}: {error}.") from error


def schedule_name(schedule: str | Options | None) -> str:
    """Return a schedule's name in lower case; "constant" for None.

    Raises:
        TrainingError: There is no such schedule, or an option of it is unknown.
    """
    if schedule is None:
        return "constant"
    if not isinstance(schedule, str | Mapping):
        raise TrainingError(f"schedule={schedule!r}: must be a name, or a dict of 'name' and options.")
    name = schedule if isinstance(schedule, str) else schedule.get("name", "")
    key = str(name).strip().lower()
    if key not in SCHEDULES:
        hint = did_you_mean(str(name), SCHEDULES) or "."
        raise TrainingError(f"schedule={schedule!r}: unknown schedule{hint} Known: {', '.join(SCHEDULES)}.")
    known = list(inspect.signature(SCHEDULES[key]).parameters)[3:]
    wrong = [
        f"{option!r}{did_you_mean(option, known)}"
        for option in _schedule_options(schedule)
        if option not in known
    ]
    if wrong:
        takes = ", ".join(known) or "none"
        raise TrainingError(f"schedule {key!r} has no option {', '.join(wrong)}; it takes: {takes}.")
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
        TrainingError: The schedule or an option is unknown, or a value does not fit.
    """
    name, options = schedule_name(schedule), _schedule_options(schedule)
    try:
        return SCHEDULES[name](optimizer, epochs, steps, **options)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise TrainingError(f"schedule={schedule!r}: {error}.") from error


def is_per_step(schedule: Schedule | None) -> bool:
    """Tell whether a schedule moves after every step; the others move after every epoch."""
    return isinstance(schedule, lr_scheduler.OneCycleLR)


def _schedule_options(schedule: str | Options | None) -> dict[str, Any]:
    if schedule is None or isinstance(schedule, str):
        return {}
    return {key: value for key, value in schedule.items() if key != "name"}


def _constant(optimizer: torch.optim.Optimizer, epochs: int, steps: int) -> None:
    """lr as given."""


def _cosine(optimizer: torch.optim.Optimizer, epochs: int, steps: int, end: float = 0.0) -> Schedule:
    """Half a cosine from lr to `end` over all epochs (Loshchilov and Hutter 2017, arXiv:1608.03983)."""
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


SCHEDULES: dict[str, Callable[..., Schedule | None]] = {
    "constant": _constant,
    "cosine": _cosine,
    "linear": _linear,
    "step": _step,
    "exponential": _exponential,
    "plateau": _plateau,
    "onecycle": _onecycle,
}
"""Every schedule by name, with its options after (optimizer, epochs, steps)."""
