"""What the lines before made sure of, checked again, so that type checkers know it too."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """Return a value that is there.

    Raises:
        AssertionError: It is None, which is a mistake in onnxnn.
    """
    if value is None:
        raise AssertionError
    return value


def instance(value: object, *kinds: type[T]) -> T:
    """Return a value that is of one of some classes.

    Raises:
        AssertionError: It is not, which is a mistake in onnxnn.
    """
    if not isinstance(value, kinds):
        raise AssertionError
    return value
