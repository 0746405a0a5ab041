"""Every public call of a package, found by walking it."""

from __future__ import annotations

import inspect
import itertools

import pytest
from onnxnn_runtime.errors import CallError, OnnxnnError

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


def _typos(option):
    """Return an option with a letter too many, with a wrong one, and with one too few."""
    shorter = {option[:-1]} if len(option) > 2 else set()
    return {option + option[-1], option[:-1] + "q"} | shorter


def refuses_an_unknown_option(call, options):
    """Check that a call names an option that it does not know, and all that it takes."""
    with pytest.raises(CallError, match="unknown option 'zzz'") as caught:
        call(zzz=1)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, OnnxnnError)
    taken = str(caught.value).partition("takes: ")[2]
    assert [option for option in options if option not in taken] == []


def names_the_option_that_a_typo_means(call, options):
    """Check that a call suggests the right option for each typo in one of more than three letters."""
    for option in options:
        for typo in sorted(_typos(option) - set(options)):
            with pytest.raises(CallError, match=f"unknown option '{typo}'") as caught:
                call(**{typo: 1})
            assert len(option) <= 3 or "did you mean" in str(caught.value).lower(), typo


def refuses_integers_of_more_than_64_bits(call, options):
    """Check that a call refuses such integers for each option, alone and within other values."""
    values = [10**5000, -(10**5000), 2**64, (1, -(2**64)), {"name": "step", "gamma": 10**400}]
    for option, value in itertools.product(options, values):
        with pytest.raises(CallError, match=r"at most 64 bits|expected True or False") as caught:
            call(**{option: value})
        assert len(str(caught.value)) < 200


CHECKS = [
    refuses_an_unknown_option,
    names_the_option_that_a_typo_means,
    refuses_integers_of_more_than_64_bits,
]
"""What every public call does; classes take integers of any size."""


def checks_of(calls):
    """Return (check, name) of each call, as the arguments of one test."""
    return [
        (check, name)
        for check, (name, (call, _)) in itertools.product(CHECKS, calls.items())
        if check is not refuses_integers_of_more_than_64_bits or not inspect.isclass(call)
    ]


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
