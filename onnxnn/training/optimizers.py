"""Optimizers by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard

import torch
from onnxnn_runtime.api.registry import Registry
from onnxnn_runtime.errors import TrainingError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import nearest

from onnxnn.layers.other_names import with_meant

from .interruptions import uninterrupted

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
_FUSED = ("SGD", "Adam", "AdamW", "Adagrad")  # one kernel for all weights; Adagrad has it on the CPU alone

_MOST_NAMED = 5
"""How many unknown options a message names."""


def optimizer_name(name: str) -> str:
    """Return an optimizer's name as torch writes it.

    Raises:
        TrainingError: There is no such optimizer; the message names the nearest one.
    """
    found = OPTIMIZERS.find(name)
    if found is None:
        raise TrainingError.coded(
            "E-TRAIN-02",
            "optimizer={optimizer}: unknown optimizer{hint} Known: {known}.",
            optimizer=shortened(name),
            hint=OPTIMIZERS.hint(name),
            known=", ".join(OPTIMIZERS),
        )
    return found


def check_optimizer_options(name: str, options: Options) -> None:
    """Refuse options that an optimizer does not know, and values of a wrong type or out of range.

    Raises:
        TrainingError: The first five unknown options together, each with the nearest known one; or all wrong
            values.
    """
    parameters = inspect.signature(OPTIMIZERS[name]).parameters
    known = [key for key in parameters if key not in ("params", "lr")]
    unknown = [key for key in options if key not in known][:_MOST_NAMED]
    wrong = [_unknown_option(key, known) for key in unknown]
    if wrong:
        raise TrainingError.coded(
            "E-CALL-01",
            "optimizer {optimizer} has no option {wrong}; it takes: {known}. Take one of these.",
            optimizer=shortened(name),
            wrong=", ".join(wrong),
            known=", ".join(known),
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
        raise TrainingError.coded(
            "E-TRAIN-03",
            "optimizer {optimizer}: {wrong}.",
            optimizer=shortened(name),
            wrong=gettext("; ").join(wrong),
        )
    _construct(name, [torch.nn.Parameter(torch.zeros(1))], default_lr(name), options)


def _unknown_option(key: object, known: list[str]) -> str:
    """Return an option that an optimizer does not have, with what to do about it."""
    if nearest(key, ["lr", *known]) == "lr":
        return gettext("{option}, which is an option of train(): train(lr=...)", option=shortened(key))
    return with_meant(key, [*known, "layer", "activation"])


def _expected(key: str, default: object) -> Range:
    """Return whether a value matches an option with that default, and in words what is expected."""
    if key in _FOR_OTHER_LOOPS:
        return lambda value: value is False, lambda: gettext("False, since it serves other training loops")
    if default is None:
        return lambda value: value is None or isinstance(value, bool), lambda: gettext("True, False or None")
    if isinstance(default, bool):
        return lambda value: isinstance(value, bool), lambda: gettext("True or False")
    if isinstance(default, tuple):
        return _is_pair_of_decays, lambda: gettext("two numbers from 0 to below 1")
    return lambda value: is_number(value) and value >= 0, at_least_0


def _is_pair_of_decays(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(is_number(each) and 0 <= each < 1 for each in value)
    )


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a finite number that float32 holds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def at_least_0() -> str:
    """Return what a number of at least 0 is called, in the language of the user."""
    return gettext("a number of at least 0")


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
    with uninterrupted():  # torch imports its compiler, of 800 modules, for the first optimizer
        weights = list(parameters)
        if fused and name in _FUSED and not {"fused", "foreach"} & given.keys():
            on_cpu = all(weight.device.type == "cpu" for weight in weights)
            given["fused"] = name != "Adagrad" or (on_cpu and not given.get("maximize"))
        return _construct(name, weights, lr, given)


def _construct(
    name: str, parameters: Iterable[torch.nn.Parameter], lr: float, options: Options
) -> torch.optim.Optimizer:
    given = {"momentum": 0.9, **options} if name == "SGD" else options
    try:
        return OPTIMIZERS[name](parameters, lr=lr, **given)  # type: ignore[call-arg]
    except (ValueError, TypeError, RuntimeError) as error:
        reason = str(error).rstrip(".")
        raise TrainingError.coded(
            "E-TRAIN-03",
            "optimizer {optimizer} with lr={lr} and {options}: {reason}. Change these values.",
            optimizer=shortened(name),
            lr=lr,
            options=dict(options),
            reason=reason,
        ) from error


def states_per_weight(name: str, options: Options | None = None) -> int:
    """Return how many numbers an optimizer keeps for each weight, e.g. 2 for Adam: two moments."""
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.zeros(2)
    optimizer = make_optimizer(name, [weight], 0.0 if name != "ASGD" else 1e-3, options, fused=False)
    optimizer.step()
    kept = optimizer.state[weight].values()
    return sum(isinstance(each, torch.Tensor) and each.shape == weight.shape for each in kept)
