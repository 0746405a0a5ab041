"""Optimizers and learning-rate schedules by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from onnxnn_runtime.api.registry import Registry
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import coded, gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import nearest
from torch.optim import lr_scheduler

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Schedule",
    "check_optimizer_options",
    "check_schedule",
    "default_lr",
    "is_per_step",
    "make_optimizer",
    "make_schedule",
    "optimizer_name",
    "states_per_weight",
]

Schedule = lr_scheduler.LRScheduler
Options = Mapping[str, Any]
Range = tuple[Callable[[Any], bool], Callable[[], str]]
"""What says whether a value matches, and in words, in the language of the user, what is expected."""

OPTIMIZERS: Registry[type[torch.optim.Optimizer]] = Registry(
    (cls.__name__, cls, ())
    for cls in (
        torch.optim.SGD,
        torch.optim.Adam,
        torch.optim.AdamW,
        torch.optim.Adagrad,
        torch.optim.ASGD,
        torch.optim.RMSprop,
    )
)
"""Every optimizer by torch's name; any case is understood."""

_DEFAULT_LR = {"SGD": 0.01, "Adam": 1e-3, "AdamW": 1e-3, "Adagrad": 0.01, "ASGD": 0.01, "RMSprop": 1e-3}
_FOR_OTHER_LOOPS = ("capturable", "differentiable")
_LARGEST = torch.finfo(torch.float32).max
_FUSED = ("SGD", "Adam", "AdamW", "Adagrad")  # one kernel for all weights, on the CPU too


def optimizer_name(name: str) -> str:
    """Return an optimizer's name as torch writes it.

    Raises:
        TrainingError: There is no such optimizer; the message names the nearest one.
    """
    found = OPTIMIZERS.find(name)
    if found is None:
        raise TrainingError(
            coded(
                "E-TRAIN-02",
                "optimizer={optimizer}: unknown optimizer{hint} Known: {known}.",
                optimizer=shortened(name),
                hint=OPTIMIZERS.hint(name),
                known=", ".join(OPTIMIZERS),
            )
        )
    return found


def check_optimizer_options(name: str, options: Options) -> None:
    """Refuse options that an optimizer does not know, and values of a wrong type or out of range.

    Raises:
        TrainingError: All unknown options together, each with the nearest known one; or all wrong
            values.
    """
    parameters = inspect.signature(OPTIMIZERS[name]).parameters
    known = [key for key in parameters if key not in ("params", "lr")]
    wrong = [_unknown_option(key, known) for key in options if key not in known]
    if wrong:
        raise TrainingError(
            coded(
                "E-CALL-01",
                "optimizer {optimizer} has no option {wrong}; it takes: {known}.",
                optimizer=shortened(name),
                wrong=", ".join(wrong),
                known=", ".join(known),
            )
        )
    for key, value in options.items():
        matches, expected = _expected(key, parameters[key].default)
        if not matches(value):
            wrong.append(
                gettext(
                    "expected {option} to be {expected}, got {value}",
                    option=key,
                    expected=expected(),
                    value=shortened(value),
                )
            )
    if wrong:
        raise TrainingError(
            coded(
                "E-TRAIN-03",
                "optimizer {optimizer}: {wrong}.",
                optimizer=shortened(name),
                wrong="; ".join(wrong),
            )
        )
    _construct(name, [torch.nn.Parameter(torch.zeros(1))], default_lr(name), options)


def _unknown_option(key: Any, known: list[str]) -> str:
    """Return an option that an optimizer does not have, with what to do about it."""
    if nearest(key, ["lr", *known]) == "lr":
        return gettext("{option}, which is an option of train(): train(lr=...)", option=shortened(key))
    return _with_meant(key, [*known, "layer", "activation"])


def _with_meant(option: Any, known: list[str]) -> str:
    """Return an unknown option with the known one that it means."""
    meant = nearest(option, known)
    if not meant:
        return shortened(option)
    return gettext("{option} (did you mean {meant}?)", option=shortened(option), meant=shortened(meant))


def _expected(key: str, default: Any) -> Range:
    """Return whether a value matches an option with that default, and in words what is expected."""
    if key in _FOR_OTHER_LOOPS:
        return lambda value: value is False, lambda: gettext("False, since it serves other training loops")
    if default is None:
        return lambda value: value is None or isinstance(value, bool), lambda: gettext("True, False or None")
    if isinstance(default, bool):
        return lambda value: isinstance(value, bool), lambda: gettext("True or False")
    if isinstance(default, tuple):
        return _is_pair_of_decays, lambda: gettext("two numbers from 0 to below 1")
    return lambda value: is_number(value) and value >= 0, _at_least_0


def _is_pair_of_decays(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(is_number(each) and 0 <= each < 1 for each in value)
    )


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number that float32 holds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


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
    """Return an optimizer; SGD has momentum 0.9 by default.

    Args:
        name: torch's name.
        parameters: What to train.
        lr: Learning rate.
        options: The optimizer's other options, by torch's names.
        fused: Whether to use its one-kernel form where torch has one.

    Raises:
        TrainingError: An option is unknown or its value is wrong.
    """
    given = dict(options or {})
    check_optimizer_options(name, given)
    if fused and name in _FUSED and not {"fused", "foreach"} & given.keys():
        given["fused"] = not (given.get("maximize") and name == "Adagrad")
    return _construct(name, parameters, lr, given)


def _construct(
    name: str, parameters: Iterable[torch.nn.Parameter], lr: float, options: Options
) -> torch.optim.Optimizer:
    given = {"momentum": 0.9, **options} if name == "SGD" else options
    try:
        return OPTIMIZERS[name](parameters, lr=lr, **given)  # type: ignore[call-arg]
    except (ValueError, TypeError, RuntimeError) as error:
        reason = str(error).rstrip(".")
        raise TrainingError(
            coded(
                "E-TRAIN-03",
                "optimizer {optimizer} with lr={lr} and {options}: {reason}.",
                optimizer=shortened(name),
                lr=lr,
                options=dict(options),
                reason=reason,
            )
        ) from error


def states_per_weight(name: str, options: Options | None = None) -> int:
    """Return how many numbers an optimizer keeps for each weight, e.g. 2 for Adam: two moments."""
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.zeros(2)
    optimizer = make_optimizer(name, [weight], 0.0 if name != "ASGD" else 1e-3, options, fused=False)
    optimizer.step()
    kept = optimizer.state[weight].values()
    return sum(isinstance(each, torch.Tensor) and each.shape == weight.shape for each in kept)


def check_schedule(schedule: str | Options | None) -> str:
    """Return a schedule's name in lower case; "constant" for None.

    Raises:
        TrainingError: There is no such schedule, or an option of it is unknown or out of range.
    """
    if schedule is None:
        return "constant"
    if not isinstance(schedule, str | Mapping):
        raise TrainingError(
            coded(
                "E-TRAIN-03",
                "schedule={schedule}: expected a name, or a dict of 'name' and options.",
                schedule=shortened(schedule),
            )
        )
    name = schedule if isinstance(schedule, str) else schedule.get("name", "")
    key = SCHEDULES.find(name)
    if key is None:
        raise TrainingError(
            coded(
                "E-TRAIN-02",
                "schedule={schedule}: unknown schedule{hint} Known: {known}.",
                schedule=shortened(schedule),
                hint=SCHEDULES.hint(name),
                known=", ".join(SCHEDULES),
            )
        )
    known = list(inspect.signature(SCHEDULES[key]).parameters)[3:]
    wrong = [_with_meant(option, known) for option in _schedule_options(schedule) if option not in known]
    if wrong:
        raise TrainingError(
            coded(
                "E-CALL-01",
                "schedule {schedule} has no option {wrong}; it takes: {known}.",
                schedule=shortened(key),
                wrong=", ".join(wrong),
                known=", ".join(known) or gettext("none"),
            )
        )
    for option, value in _schedule_options(schedule).items():
        matches, expected = _SCHEDULE_RANGES[key, option]
        if not matches(value):
            raise TrainingError(
                coded(
                    "E-TRAIN-03",
                    "schedule {schedule}: expected {option} to be {expected}, got {value}.",
                    schedule=shortened(key),
                    option=option,
                    expected=expected(),
                    value=shortened(value),
                )
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
        raise TrainingError(
            coded("E-TRAIN-03", "schedule={schedule}: {error}.", schedule=shortened(schedule), error=error)
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
    lr = optimizer.param_groups[0]["lr"]
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


def _is_count(value: Any, lowest: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= lowest


def _above_0(value: Any) -> bool:
    return is_number(value) and value > 0


def _at_least_0() -> str:
    return gettext("a number of at least 0")


_SHARE: Range = (
    lambda value: is_number(value) and 0 <= value <= 1,
    lambda: gettext("a number from 0 to 1"),
)
_POSITIVE: Range = (_above_0, lambda: gettext("a number above 0"))

_SCHEDULE_RANGES: dict[tuple[str, str], Range] = {
    ("cosine", "end"): (lambda value: is_number(value) and value >= 0, _at_least_0),
    ("linear", "end"): _SHARE,
    ("step", "step_size"): (
        lambda value: value is None or _is_count(value),
        lambda: gettext("an integer of at least 1"),
    ),
    ("step", "gamma"): _POSITIVE,
    ("exponential", "gamma"): _POSITIVE,
    ("plateau", "patience"): (
        lambda value: _is_count(value, 0),
        lambda: gettext("an integer of at least 0"),
    ),
    ("plateau", "factor"): (
        lambda value: _above_0(value) and value < 1,
        lambda: gettext("a number between 0 and 1"),
    ),
    ("onecycle", "warmup"): _SHARE,
}
"""For each option of a schedule whether a value matches, and in words what is expected."""
