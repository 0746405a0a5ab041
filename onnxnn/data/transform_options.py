"""Checks of the options that transforms take, in torchvision's notation."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Protocol, TypeGuard

from onnxnn_runtime.errors import DataError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened


class Transform(Protocol):
    """A dataclass whose fields are the options of a transform."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


def call(transform: Transform) -> str:
    """Return a transform as a user would have typed it: "RandomCrop(size=32, padding=4)"."""
    fields = dataclasses.fields(transform)
    given = [f"{f.name}={shortened(getattr(transform, f.name))}" for f in fields]
    return f"{type(transform).__name__}({', '.join(given)})"


def refuse(transform: Transform, problem: str) -> DataError:
    """Return the error that says what is wrong with a transform's options."""
    return DataError.coded("E-DATA-10", "transform {call}: {problem}", call=call(transform), problem=problem)


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is an int or a float."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def whole(transform: Transform, name: str, lowest: int, highest: int) -> None:
    """Refuse an option that is no integer in a range."""
    value = getattr(transform, name)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        problem = gettext(
            "{name}: expected an integer from {lowest} to {highest}, got {got}.",
            name=name,
            lowest=lowest,
            highest=highest,
            got=shortened(value),
        )
        raise refuse(transform, problem)


def probability(transform: Transform, name: str = "p") -> None:
    """Refuse an option that is no number in 0..1."""
    value = getattr(transform, name)
    if not is_number(value) or not 0 <= value <= 1:
        raise refuse(
            transform,
            gettext("{name}: expected a number from 0 to 1, got {got}.", name=name, got=shortened(value)),
        )


def pair(transform: Transform, name: str, low: float, high: float) -> tuple[float, float]:
    """Return an option that must be two numbers in order, both in low..high."""
    value = getattr(transform, name)
    if isinstance(value, tuple) and len(value) == 2 and all(map(is_number, value)):
        first, last = float(value[0]), float(value[1])
        if low <= first <= last <= high:
            return first, last
    raise refuse(
        transform,
        gettext(
            "{name}: expected two numbers from {low:g} to {high:g}, the smaller first, got {got}.",
            name=name,
            low=low,
            high=high,
            got=shortened(value),
        ),
    )


def around(
    transform: Transform, name: str, center: float, low: float, high: float = float("inf")
) -> tuple[float, float]:
    """Return an option, a number v or a pair, as a range: v means center - v to center + v."""
    value = getattr(transform, name)
    if is_number(value) and value >= 0:
        return max(low, center - value), min(high, center + value)
    if isinstance(value, tuple):
        return pair(transform, name, low, high)
    raise refuse(
        transform,
        gettext(
            "{name}: expected a number of at least 0, or two numbers, the smaller first, got {got}.",
            name=name,
            got=shortened(value),
        ),
    )


def size(transform: Transform, name: str = "size") -> tuple[int, int]:
    """Return an option that must be (height, width), or one number for both."""
    value = getattr(transform, name)
    values = value if isinstance(value, tuple) else (value,)
    numbers = [number for number in values if isinstance(number, int) and not isinstance(number, bool)]
    if len(numbers) != len(values) or len(values) not in (1, 2) or min(numbers) < 1:
        raise refuse(
            transform,
            gettext(
                "{name}: expected (height, width) or one integer, each at least 1, got {got}.",
                name=name,
                got=shortened(value),
            ),
        )
    return numbers[0], numbers[-1]


def border(transform: Transform, name: str = "padding") -> tuple[int, int, int, int]:
    """Return an option that must be one width, (horizontal, vertical) or (left, top, right, bottom)."""
    value = getattr(transform, name)
    values = value if isinstance(value, tuple) else (value,)
    numbers = [number for number in values if isinstance(number, int) and not isinstance(number, bool)]
    if len(numbers) != len(values) or len(values) not in (1, 2, 4) or min(numbers) < 0:
        raise refuse(
            transform,
            gettext(
                "{name}: expected 1, 2 or 4 integers of at least 0 (all sides, (x, y) or (left, top, right, "
                "bottom)), got {got}.",
                name=name,
                got=shortened(value),
            ),
        )
    left, top, right, bottom = (numbers * 4)[:4]
    return left, top, right, bottom
