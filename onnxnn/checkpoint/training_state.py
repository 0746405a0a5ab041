"""What a checkpoint holds for resuming, compared with what training writes before anything uses it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import torch
from onnxnn_runtime.errors import CheckpointError
from onnxnn_runtime.messages.catalogue import gettext, gettext_noop
from onnxnn_runtime.messages.shorten import shortened


def check_state(state: Mapping[str, object]) -> None:
    """Refuse a training state of other types or ranges than `Trainer.state` and `Network.save` write.

    Args:
        state: The checkpoint's "training".

    Raises:
        CheckpointError: A key is unknown or holds something else; the text names it.
    """
    for key, value in state.items():
        if key not in _KEYS:
            raise CheckpointError.coded(
                "E-CKPT-02", "the training state has the unknown key {key}.", key=shortened(key)
            )
        is_right, expected = _KEYS[key]
        if not is_right(value):
            raise CheckpointError.coded(
                "E-CKPT-02",
                "the training state: {key}: expected {expected}, got {got}.",
                key=shortened(key),
                expected=gettext(expected, most=_MOST_SETTINGS),
                got=shortened(value),
            )
    if "epoch" in state:
        missing = [
            key for key in ("settings", "history", "loss", "best", "epochs_since_best") if key not in state
        ]
        if missing:
            raise CheckpointError.coded(
                "E-CKPT-02", "the training state lacks {keys}.", keys=", ".join(map(repr, missing))
            )


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and type(value) in (int, float) and not math.isnan(value)


def _is_names(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and all(type(key) is str for key in value)


def _is_settings(value: object) -> bool:
    """Return whether settings are given by name, and with the lists and dicts in them are few."""
    left, count = [value], 0
    while left and count <= _MOST_SETTINGS:
        each = left.pop()
        inside = each if isinstance(each, dict | list | tuple) else ()
        count += max(1, len(inside))
        if count <= _MOST_SETTINGS:
            left.extend(inside.values() if isinstance(inside, dict) else inside)
    return _is_names(value) and count <= _MOST_SETTINGS


_MOST_SETTINGS = 1000
"""Settings, the values in lists and dicts among them counted."""


def _is_row(value: object) -> bool:
    return _is_names(value) and all(type(each) in (int, float) for each in value.values())


def _is_history(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_row, value))


def _is_tensors(value: object) -> bool:
    return _is_names(value) and all(isinstance(each, torch.Tensor) for each in value.values())


def _is_sample(value: object) -> bool:
    if not _is_names(value) or value.keys() != {"sizes", "axes"}:
        return False
    sizes, axes = value["sizes"], value["axes"]
    lists = isinstance(sizes, list | tuple) and isinstance(axes, list | tuple) and len(sizes) == len(axes)
    return lists and all(each is None or (_is_count(each) and each) for each in sizes)


def _is_optimizer(value: object) -> bool:
    if not _is_names(value) or value.keys() != {"state", "param_groups"}:
        return False
    state, groups = value["state"], value["param_groups"]
    of_weights = isinstance(state, dict) and all(
        type(key) is int and _is_names(each) for key, each in state.items()
    )
    return of_weights and isinstance(groups, list) and all(map(_is_group, groups))


def _is_group(value: object) -> bool:
    return _is_names(value) and isinstance(value.get("params"), list)


def _is_average(value: object) -> bool:
    if not _is_names(value) or value.keys() != {"steps", "weights"}:
        return False
    return _is_count(value["steps"]) and _is_tensors(value["weights"])


def _is_random(value: object) -> bool:
    return _is_names(value) and value.keys() == {"torch", "cuda", "python", "numpy"}


def _or_none(is_right: Callable[[object], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or is_right(value)


_COUNT = gettext_noop("an integer of at least 0")
_NUMBER = gettext_noop("a number")
_KEYS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "sample": (_is_sample, gettext_noop("the sizes and axes of one sample")),
    "epoch": (_is_count, _COUNT),
    "settings": (_is_settings, gettext_noop("settings by name, at most {most:,} values")),
    "lr": (_or_none(_is_number), _NUMBER),
    "history": (_is_history, gettext_noop("a list of {{name: number}}")),
    "unmeasured": (_or_none(_is_row), gettext_noop("{{name: number}}")),
    "best": (_is_number, _NUMBER),
    "best_epoch": (_or_none(_is_count), _COUNT),
    "epochs_since_best": (_is_count, _COUNT),
    "loss": (_is_tensors, gettext_noop("tensors by name")),
    "optimizer": (_is_optimizer, gettext_noop("the state of an optimizer")),
    "schedule": (_or_none(_is_names), gettext_noop("the state of a schedule")),
    "random": (_is_random, gettext_noop("the states of the random generators")),
    "average": (_or_none(_is_average), gettext_noop("a moving average of weights")),
}
"""For each key the check of its value, and in words what it holds."""
