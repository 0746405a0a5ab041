"""Every public call of a package, found by walking it."""

from __future__ import annotations

import inspect

COLLECTORS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def public_calls(package):
    """Return {name: (callable, names of its options)} of all public functions, classes and methods.

    Methods are bound to an object that was never constructed: a call that is refused does not look at it.
    What takes any option, as `add` does, is left out.
    """
    calls = {}
    for name in sorted(package.__all__):
        thing = getattr(package, name)
        if inspect.isclass(thing) and (issubclass(thing, Exception) or name == "Callback"):
            continue  # training calls the methods of a callback; users override them
        calls[f"{package.__name__}.{name}"] = thing
        if inspect.isclass(thing):
            calls.update({f"{package.__name__}.{name}.{method}": call for method, call in _methods(thing)})
    found = {name: (call, _options(call)) for name, call in calls.items()}
    return {name: (call, options) for name, (call, options) in found.items() if options is not None}


def typos(option):
    """Return an option with a letter too many, with a wrong one, and with one too few."""
    shorter = {option[:-1]} if len(option) > 2 else set()
    return {option + option[-1], option[:-1] + "q"} | shorter


def _methods(cls):
    package = cls.__module__.partition(".")[0]
    for method in dir(cls):
        value = inspect.getattr_static(cls, method)
        function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        is_public = not method.startswith("_") or method == "__call__"
        if is_public and inspect.isfunction(function) and function.__module__.partition(".")[0] == package:
            an_object = tuple.__new__(cls) if issubclass(cls, tuple) else cls.__new__(cls)
            yield method, getattr(an_object, method)


def _options(call):
    parameters = inspect.signature(call).parameters.values()
    if any(each.kind == inspect.Parameter.VAR_KEYWORD for each in parameters):
        return None
    return [each.name for each in parameters if each.kind not in COLLECTORS]
