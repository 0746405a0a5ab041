"""Calls whose options are the fields of a dataclass, which alone lists them.

`takes` turns a function of an options object into a call that is given the fields; `takes_by_name` completes
the signature of a call that has other arguments, too. What `help`, notebooks and `checked` see is the
dataclass's; for type checkers, `takes` hands on the parameters of its constructor.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Callable, Iterable, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    Fields = ParamSpec("Fields")

First = TypeVar("First")
Options = TypeVar("Options")
Result = TypeVar("Result")
Call = TypeVar("Call", bound=Callable[..., Any])


def takes(
    options: Callable[Fields, Options], by_place: int
) -> Callable[[Callable[[First, Options], Result]], Callable[Concatenate[First, Fields], Result]]:
    """Return a decorator: a function of something and an options object takes the fields instead.

    Args:
        options: The dataclass.
        by_place: How many of its fields may be given without their names.
    """

    def decorate(
        function: Callable[[First, Options], Result],
    ) -> Callable[Concatenate[First, Fields], Result]:
        first = next(iter(inspect.signature(function).parameters))
        run: Callable[..., Result] = function
        construct: Callable[..., Options] = options

        @functools.wraps(function)
        def call(*args: object, **given: object) -> Result:
            taken = args[0] if args else given.pop(first)  # `checked` made sure that it is there
            return run(taken, construct(*args[1:], **given))

        _complete(call, function, 1, _fields(options, by_place))
        return call

    return decorate


def takes_by_name(options: type) -> Callable[[Call], Call]:
    """Return a decorator for a call that ends in `**options`, which are fields of a dataclass.

    Args:
        options: The dataclass.
    """

    def decorate(function: Call) -> Call:
        own = len(inspect.signature(function).parameters) - 1
        _complete(function, function, own, _fields(options, 0))
        return function

    return decorate


def _fields(options: Callable[..., object], by_place: int) -> list[inspect.Parameter]:
    found = list(inspect.signature(options).parameters.values())
    by_name = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in found[by_place:]]
    return [*found[:by_place], *by_name]


def _complete(
    call: Callable[..., object],
    function: Callable[..., object],
    own: int,
    fields: Iterable[inspect.Parameter],
) -> None:
    """Say that a call takes the first parameters of a function, then the fields without those."""
    signature = inspect.signature(function)
    kept = list(signature.parameters.values())[:own]
    names = {each.name for each in kept}
    more = [each for each in fields if each.name not in names]
    vars(call)["__signature__"] = signature.replace(parameters=[*kept, *more])
