"""Numbers that are given as options: Python's and NumPy's alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened

if TYPE_CHECKING:
    from typing_extensions import TypeGuard  # of Python 3.10

_Some = TypeVar("_Some")


def plain_number(value: _Some) -> _Some:
    """Return a number of Python's own types for one of NumPy's or torch's; anything else as it is."""
    if getattr(value, "ndim", None) != 0 or not hasattr(value, "item"):
        return value
    number: _Some = value.item()
    return number


def is_integer(value: object) -> TypeGuard[int]:
    """Return whether a value is an integer, of Python's types or NumPy's; True and False are none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a real number, of Python's types or NumPy's; True and False are none."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def check_integer(name: str, value: object, lowest: int = 1, highest: int | None = None) -> None:
    """Refuse what is no integer of at least `lowest`, and at most `highest`.

    Raises:
        InputError: It is none; the message begins with `name`.
    """
    if is_integer(value) and lowest <= value and (highest is None or value <= highest):
        return
    if highest is None:
        raise InputError.coded(
            "E-INPUT-06",
            "{name}={value}: expected an integer of at least {lowest}.",
            name=name,
            value=shortened(value),
            lowest=lowest,
        )
    raise InputError.coded(
        "E-INPUT-06",
        "{name}={value}: expected an integer from {lowest} to {highest}.",
        name=name,
        value=shortened(value),
        lowest=lowest,
        highest=highest,
    )
