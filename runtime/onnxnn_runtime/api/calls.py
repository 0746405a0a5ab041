"""Public calls: a wrong option is refused with the name that was meant.

`checked` wraps a public function, `checked_class` the public methods of a class. A call with right options
costs one more Python call; the signature is looked at only where Python itself refuses the arguments.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any, Callable, Collection, Iterator, Mapping, Sequence, TypeVar

from onnxnn_runtime.errors import CallError, OnnxnnError, OutOfMemoryError, did_you_mean
from onnxnn_runtime.messages.catalogue import Message, coded, gettext, ngettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.suggestions import nearest

from .attributes import Advice, Setters, check_reading, check_setting
from .options import LateMethod

__all__ = ["checked", "checked_class", "unknown_options"]

T = TypeVar("T", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

_MOST_SETTINGS = 16
"""Entries of the largest tuple or dict that is looked into: longer ones are data."""

_SETTINGS = (tuple, dict)
"""What settings are given as; lists are data, and so are named tuples."""

_SPECIAL = ("__init__", "__new__", "__call__")

_MOST_NAMED = 5
"""How many unknown options a message names; looking for the nearest name takes time for each."""


def checked(function: T) -> T:
    """Return a function that refuses arguments it does not take with an error of ours.

    Signature, documentation and name stay. A TypeError raised inside the function passes unchanged.

    Raises (when called):
        CallError: An option is unknown, missing or given twice, there are too many arguments, or an integer
            has more than 64 bits.
        OutOfMemoryError: A library ended for lack of memory.
    """
    return _checked(function, function.__name__, {})


def checked_class(
    attributes: Advice | None = None,
    options: Mapping[str, Advice] | None = None,
    call: str = "",
    values: Setters | None = None,
) -> Callable[[C], C]:
    """Return a class decorator: methods refuse wrong options, and instances unknown attributes.

    Reading an unknown attribute raises for subclasses, too; setting one only for instances of the class
    itself, and not while it is constructed. Names that begin with "_" are never looked at.

    Args:
        attributes: Advice for attributes of other libraries.
        options: Method -> advice for options of other libraries.
        call: How messages name the constructor; "" takes the class's name.
        values: Attribute -> function that checks what it is set to, and returns what is kept.
    """

    def decorate(cls: C) -> C:
        _check_methods(cls, options or {}, call or cls.__name__)
        check_reading(cls, attributes or {})
        is_open = not issubclass(cls, tuple) and "__setattr__" not in vars(cls)  # frozen dataclasses have one
        if is_open:
            check_setting(cls, attributes or {}, values or {})
        return cls

    return decorate


def unknown_options(
    call: str, given: Collection[str], known: Collection[str], advice: Advice | None = None
) -> str:
    """Return what is wrong with options that do not exist, the first five together; "" where all exist.

    Args:
        call: What they were given to, as messages name it: "train()".
        given: Their names.
        known: The names that exist.
        advice: What to do for options of other libraries that do not exist here.
    """
    wrong = [name for name in given if name not in known][:_MOST_NAMED]
    found = [_unknown_option(name, known, advice or {}, len(wrong) == 1) for name in wrong]
    return _with_known(gettext("; ").join(found), call, known) if found else ""


def _unknown_option(name: str, known: Collection[str], advice: Advice, alone: bool) -> str:
    """Return what is wrong with an option, in sentences where it is `alone`, else as part of a list."""
    said, shown = advice.get(name.lower()), shortened(name)
    if said is not None:
        return gettext("unknown option {name}: {advice}", name=shown, advice=said)
    meant = nearest(name, known)
    if meant and not alone:
        return gettext("unknown option {name} (did you mean {meant}?)", name=shown, meant=shortened(meant))
    return gettext("unknown option {name}{hint}", name=shown, hint=did_you_mean(name, known))


def _with_known(problems: str, call: str, known: Collection[str]) -> str:
    options = ", ".join(known) or gettext("no options")
    if problems.endswith(("?", "？")):  # the second is that of Chinese
        return gettext("{problems} {call} takes: {options}.", problems=problems, call=call, options=options)
    return gettext("{problems}. {call} takes: {options}.", problems=problems, call=call, options=options)


def _checked(
    function: T,
    call: str,
    advice: Advice,
    owner: type | None = None,
    bound: bool = False,
    any_size: bool = False,
) -> T:
    """Wrap a function.

    Args:
        function: A function, or the plain function of a method.
        call: How messages name it.
        advice: What to do for options of other libraries.
        owner: The class whose instance comes first.
        bound: Whether the first argument is an instance or a class, which users do not write.
        any_size: Whether integers may have any size: those of a card are checked by what reads it.
    """
    flags = _flags(function)
    takes = (
        _taking(function) if "__signature__" in vars(function) else None
    )  # where Python refuses too little

    @functools.wraps(function)
    def checking(*args: object, **options: object) -> Any:
        if flags:
            _check_flags(call, flags, args, options)
        for value in () if any_size else (*args, *options.values()):
            _check_size(call, value)
        if owner is not None and not (args and isinstance(args[0], owner)):
            raise CallError.coded(
                "E-CALL-02",
                "{name}.{call}(): expected an object, got the class. Make an object first: "
                "{name}(...).{call}(...).",
                name=owner.__name__,
                call=call,
            )
        if takes is not None and not takes(args, options):
            problem = _problem(function, f"{call}()", advice, int(bound), args, options)
            if problem is not None:
                raise CallError(problem)
        try:
            return function(*args, **options)
        except TypeError as error:
            inside = error.__traceback__ is None or error.__traceback__.tb_next is not None
            problem = None if inside else _problem(function, f"{call}()", advice, int(bound), args, options)
            if problem is None:
                raise
        except (MemoryError, RuntimeError, ValueError) as error:
            if isinstance(error, OnnxnnError) or not _is_of_memory(error):
                raise
            raise OutOfMemoryError(_of_memory(call, error)) from error
        raise CallError(problem)

    return checking  # type: ignore[return-value]  # called in the same way, as wraps() says


_OF_MEMORY = (
    "not enough memory",
    "allocate memory",
    "out of memory",
    "bad_alloc",
    "bad allocation",
    "array is too big",
    "Maximum allowed dimension exceeded",
)
"""What stands in the messages of PyTorch, ONNX Runtime and NumPy, whose errors have no type of their own."""


def _is_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(each in str(error)[:2000] for each in _OF_MEMORY)


def _of_memory(call: str, error: Exception) -> Message:
    """Return the message, with what a library says about it."""
    reason = printable(str(error).strip().split("\n", 1)[0], 200).rstrip(".")
    if not reason:
        return coded(
            "E-MEMORY-01",
            "{call}(): not enough memory. Give fewer samples at once, smaller ones, or a smaller batch_size.",
            call=call,
        )
    return coded(
        "E-MEMORY-01",
        "{call}(): not enough memory ({reason}). Give fewer samples at once, smaller ones, or a smaller "
        "batch_size.",
        call=call,
        reason=reason,
    )


def _taking(
    function: Callable[..., object],
) -> Callable[[Sequence[object], Mapping[str, object]], bool]:
    """Return a quick check of whether a call's arguments match a signature without collectors."""
    parameters = inspect.signature(function).parameters.values()
    places = [each.name for each in parameters if each.kind == inspect.Parameter.POSITIONAL_OR_KEYWORD]
    names = {each.name for each in parameters}
    needed = {each.name for each in parameters if each.default is inspect.Parameter.empty}

    def takes(args: Sequence[object], options: Mapping[str, object]) -> bool:
        given = {*places[: len(args)], *options}
        return len(given) == len(args) + len(options) and needed <= given <= names

    return takes


def _flags(function: Callable[..., object]) -> Mapping[str, int]:
    """Return the parameters that are True or False by their annotation, with their places.

    Those that are given by name alone have a place after all arguments.
    """
    if "__signature__" in vars(function):
        parameters = list(inspect.signature(function).parameters.values())
        return {
            each.name: sys.maxsize if each.kind == inspect.Parameter.KEYWORD_ONLY else place
            for place, each in enumerate(parameters)
            if each.annotation in ("bool", bool)
        }
    code = inspect.unwrap(function).__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    kinds = getattr(function, "__annotations__", {})
    places = [*range(code.co_argcount), *(sys.maxsize for _ in range(code.co_kwonlyargcount))]
    return {name: place for name, place in zip(names, places) if kinds.get(name) in ("bool", bool)}


def _check_flags(
    call: str, flags: Mapping[str, int], args: Sequence[object], options: Mapping[str, object]
) -> None:
    """Refuse what is neither True nor False, nor 1 or 0: a text such as "no" would count as True."""
    for name, place in flags.items():
        value = options[name] if name in options else args[place] if place < len(args) else False
        if value is not True and value is not False and not _is_zero_or_one(value):
            raise CallError.coded(
                "E-CALL-03",
                "{call}(): {name}={value}: expected True or False.",
                call=call,
                name=name,
                value=shortened(value),
            )


def _check_size(call: str, value: object, levels: int = 2) -> None:
    """Refuse integers that no number of a computation holds, also in tuples and dicts of settings."""
    if type(value) is int and value.bit_length() > 63:
        raise CallError.coded(
            "E-CALL-03",
            "{call}(): expected integers of at most 64 bits, got {value}.",
            call=call,
            value=shortened(value),
        )
    if (
        levels
        and isinstance(value, (tuple, dict))
        and type(value) in _SETTINGS
        and len(value) <= _MOST_SETTINGS
    ):
        for each in value.values() if isinstance(value, dict) else value:
            _check_size(call, each, levels - 1)


def _is_zero_or_one(value: object) -> bool:
    return type(value).__name__ in ("bool", "bool_", "int") and value in (0, 1)  # bool_ is NumPy's


def _problem(
    function: Callable[..., object],
    call: str,
    advice: Advice,
    first: int,
    args: Sequence[object],
    options: Mapping[str, object],
) -> Message | None:
    """Say why Python does not call a function with these arguments; None where it does.

    Args:
        function: What was called.
        call: How messages name it.
        advice: What to do for options of other libraries.
        first: The number of the first argument that a user writes.
        args: All arguments without a name.
        options: The named ones.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **options)
    except TypeError:
        pass
    else:
        return None
    parameters = list(signature.parameters.values())[first:]
    takes_any = any(each.kind == inspect.Parameter.VAR_KEYWORD for each in parameters)
    parameters = [each for each in parameters if each.kind not in _COLLECTORS]
    known = [each.name for each in parameters]
    takes = [*known, gettext("any other option by name")] if takes_any else known
    wrong = [] if takes_any else [name for name in options if name not in known][:_MOST_NAMED]
    meant = {nearest(name, known) for name in wrong}
    misplaced = list(_misplaced(parameters, args[first:], options, meant))
    alone = len(wrong) + len(misplaced) == 1
    problems = [*(_unknown_option(name, known, advice, alone) for name in wrong), *misplaced]
    text = _with_known(gettext("; ").join(problems), call, takes)
    if wrong:
        return coded("E-CALL-01", "{call}: {problems}", call=call, problems=text)
    return coded("E-CALL-02", "{call}: {problems}", call=call, problems=text)


_COLLECTORS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _misplaced(
    parameters: Sequence[inspect.Parameter],
    args: Sequence[object],
    options: Mapping[str, object],
    meant: Collection[str],
) -> Iterator[str]:
    """Yield what is wrong with arguments that have known names.

    Args:
        parameters: What the function takes.
        args: The arguments without a name.
        options: The named ones.
        meant: Parameters that unknown options probably mean, which are not missing, then.
    """
    places = [each.name for each in parameters if each.kind == inspect.Parameter.POSITIONAL_OR_KEYWORD]
    if len(args) > len(places):
        yield gettext(
            "expected at most {expected} without a name, got {got}",
            expected=ngettext("{count} argument", "{count} arguments", len(places)),
            got=len(args),
        )
    for name in places[: len(args)]:
        if name in options:
            yield gettext("{name} is given twice, by its place and by its name", name=shortened(name))
    given = {*places[: len(args)], *options, *meant}
    for each in parameters:
        if each.default is inspect.Parameter.empty and each.name not in given:
            yield gettext("{name} is missing", name=shortened(each.name))


def _check_methods(cls: type, options: Mapping[str, Advice], constructor: str) -> None:
    """Wrap the public methods of a class and of its bases in the same package."""
    package = cls.__module__.partition(".")[0]
    bases = [base for base in cls.__mro__ if base.__module__.partition(".")[0] == package]
    found = {name: value for base in reversed(bases) for name, value in vars(base).items()}
    for name, value in found.items():
        if name.startswith("_") and name not in _SPECIAL:
            continue
        call = constructor if name in ("__init__", "__new__") else name.strip("_")
        advice = options.get(call, {})
        if name == "__new__":
            function = value.__func__ if isinstance(value, staticmethod) else value
            setattr(cls, name, staticmethod(_checked(function, call, advice, bound=True, any_size=True)))
        elif isinstance(value, classmethod):
            setattr(cls, name, classmethod(_checked(value.__func__, call, advice, bound=True)))
        elif isinstance(value, staticmethod):
            setattr(cls, name, staticmethod(_checked(value.__func__, call, advice)))
        elif isinstance(value, LateMethod):
            late = LateMethod(functools.partial(_checked_late, value, cls, name, call, advice))
            late.__set_name__(cls, name)
            setattr(cls, name, late)
        elif inspect.isfunction(value):
            setattr(cls, name, _checked_method(value, cls, name, call, advice))


def _checked_late(late: LateMethod, cls: type, name: str, call: str, advice: Advice) -> Callable[..., Any]:
    return _checked_method(late.make(), cls, name, call, advice)


def _checked_method(
    function: Callable[..., object], cls: type, name: str, call: str, advice: Advice
) -> Callable[..., Any]:
    made = _checked(function, call, advice, owner=cls, bound=True, any_size=name == "__init__")
    made.__module__, made.__qualname__ = cls.__module__, f"{cls.__qualname__}.{name}"
    return made
