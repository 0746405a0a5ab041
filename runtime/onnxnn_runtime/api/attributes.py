"""Attributes of public objects: an unknown name is refused with the one that was meant."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Mapping, NoReturn, Sequence

from onnxnn_runtime.errors import UnknownAttributeError, did_you_mean
from onnxnn_runtime.messages.catalogue import Message, coded, gettext
from onnxnn_runtime.messages.shorten import shortened

Advice = Mapping[str, str]
"""An option or attribute of another library, in lower case -> what to do here, without the full stop."""

Setters = Mapping[str, Callable[[Any], object]]
"""Attribute -> function that checks what it is set to, and returns what is kept."""

_COMPLETE = "_attributes_are_complete"


def check_reading(cls: type, advice: Advice) -> None:
    """Let instances answer for attributes that do not exist."""

    def __getattr__(self: object, name: str) -> NoReturn:
        if name.startswith("_"):  # what copy, pickle, NumPy and notebooks look for
            kind = shortened(type(self).__name__)
            raise AttributeError(
                gettext("{kind} object has no attribute {name}", kind=kind, name=shortened(name))
            )
        if hasattr(type(self), name):
            object.__getattribute__(self, name)  # a property that raised AttributeError raises it again
        raise UnknownAttributeError(_no_attribute(self, name, advice))

    changed: Any = cls
    if not hasattr(cls, "__getattr__"):
        changed.__getattr__ = __getattr__


def check_setting(cls: type, advice: Advice, values: Setters) -> None:
    """Let instances refuse new attributes as soon as they are constructed."""
    changed: Any = cls
    construct = changed.__init__

    @functools.wraps(construct)
    def __init__(self: object, *args: object, **options: object) -> None:
        construct(self, *args, **options)
        self.__dict__[_COMPLETE] = True

    def __setattr__(self: object, name: str, value: object) -> None:
        if type(self) is cls and not name.startswith("_") and _COMPLETE in self.__dict__:
            _check_name(self, name, value, advice)
            value = values[name](value) if name in values else value
        object.__setattr__(self, name, value)

    changed.__init__, changed.__setattr__ = __init__, __setattr__


def _check_name(instance: object, name: str, value: object, advice: Advice) -> None:
    """Refuse to set what is no attribute."""
    cls = type(instance)
    on_class = getattr(cls, name, None)
    if on_class is None:
        if name not in vars(instance):
            raise UnknownAttributeError(_no_attribute(instance, name, advice))
        return
    if isinstance(on_class, property) and on_class.fset is None:
        raise UnknownAttributeError.coded(
            "E-ATTRIBUTE-01",
            "{kind}.{name} can be read, not set. Read it, and make a new one where it has to differ.",
            kind=cls.__name__,
            name=name,
        )
    if inspect.isfunction(on_class) and not callable(value):
        raise UnknownAttributeError.coded(
            "E-ATTRIBUTE-01",
            "{kind}.{name} is a method. Call it: {name}(...).",
            kind=cls.__name__,
            name=name,
        )


def _no_attribute(instance: object, name: str, advice: Advice) -> Message:
    """Return the message about an attribute that does not exist."""
    names = {*dir(type(instance)), *getattr(instance, "__dict__", ())}
    known = sorted(each for each in names if not each.startswith("_"))
    return no_attribute(type(instance).__name__, shortened(name), known, name, advice.get(name.lower()))


def no_attribute(owner: str, quoted: str, known: Sequence[str], name: str, advice: str | None) -> Message:
    """Return the message about an attribute that an object or a package does not have.

    Args:
        owner: Its name.
        quoted: The attribute as the message shows it.
        known: The attributes that exist.
        name: The attribute.
        advice: What to do instead, without the full stop; None where only a name can be near.
    """
    if advice is not None:
        return coded(
            "E-ATTRIBUTE-01",
            "{owner} has no attribute {name}: {advice}.",
            owner=owner,
            name=quoted,
            advice=advice,
        )
    hint = did_you_mean(name, known)
    if hint:
        return coded(
            "E-ATTRIBUTE-01", "{owner} has no attribute {name}{hint}", owner=owner, name=quoted, hint=hint
        )
    return coded(
        "E-ATTRIBUTE-01",
        "{owner} has no attribute {name}. It has: {known}.",
        owner=owner,
        name=quoted,
        known=", ".join(known),
    )
