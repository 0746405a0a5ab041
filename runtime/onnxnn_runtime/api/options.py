"""Calls whose options are the fields of a dataclass, which alone lists them.

`takes` turns a function of an options object into a call that is given the fields; `takes_by_name` completes
the signature of a call that has other arguments, too. What `help`, notebooks and `checked` see is the
dataclass's; for type checkers, `takes` hands on the parameters of its constructor. `takes_late` is `takes`
for a method whose options are imported when it is first looked up.
"""

from __future__ import annotations

import functools
import importlib
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


def takes_late(module: str, name: str, by_place: int) -> Callable[[Callable[..., object]], LateMethod]:
    """Return `takes` for a method of a class whose options only some programs need.

    Type checkers do not see the options: give them `takes` under TYPE_CHECKING.

    Args:
        module: The full name of the module that has the dataclass; imported when the method is looked up.
        name: The dataclass's.
        by_place: How many of its fields may be given without their names.
    """

    def decorate(function: Callable[..., object]) -> LateMethod:
        return LateMethod(lambda: takes(getattr(importlib.import_module(module), name), by_place)(function))

    return decorate


class LateMethod:
    """A method that is made when it is first looked up, in the class or in an instance.

    Args:
        make: Makes the function, which then takes this object's place in the class.
    """

    def __init__(self, make: Callable[[], Callable[..., object]]) -> None:
        self.make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, instance: object, owner: type) -> Callable[..., Any]:
        function: Any = self.make()
        setattr(self._owner, self._name, function)
        return function.__get__(instance, owner)  # type: ignore[no-any-return]  # the method that it binds


def takes_by_name(options: type) -> Callable[[Call], Call]:
    """Return a decorator for a call that ends in `**options`, which are fields of a dataclass.

    Args:
        options: The dataclass.
    """

    def decorate(function: Call) -> Call:
        *own, rest = inspect.signature(function).parameters
        _complete(function, function, len(own), _fields(options, 0))
        # Type checkers read `Unpack[...]`, whose typing_extensions is not there at run time.
        function.__annotations__[rest] = object
        return function

    return decorate


@functools.lru_cache(maxsize=None)
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
