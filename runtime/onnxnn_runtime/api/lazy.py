"""Attributes of a package that are looked up when they are asked for: `__getattr__` of its `__init__`.

What only some programs need is imported with its first use, and a mistyped name is answered with the one
that was meant (PEP 562).
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, Collection, Mapping

from onnxnn_runtime.api.attributes import no_attribute
from onnxnn_runtime.errors import UnknownAttributeError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable, shortened


def package_attribute(
    package: str, name: str, known: Collection[str], lazy: Mapping[str, str], advice: Mapping[str, str]
) -> Any:
    """Return an attribute that a package does not have yet: a public name, or one of its modules.

    Args:
        package: Its name.
        name: The attribute's.
        known: The public names.
        lazy: Public names that are imported late -> their modules.
        advice: Names that users look for -> what to do, without the full stop.

    Raises:
        UnknownAttributeError: There is none.
    """
    if name in lazy:
        value = getattr(importlib.import_module(f"{package}.{lazy[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value
    if name.startswith("_"):  # what Python itself, notebooks and pickle look for
        raise AttributeError(
            gettext(
                "module {package} has no attribute {name}", package=shortened(package), name=shortened(name)
            )
        )
    try:
        if name.isidentifier():
            return importlib.import_module(f"{package}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{package}.{name}":
            raise
    quoted = repr(printable(name, 80))
    raise UnknownAttributeError(no_attribute(package, quoted, list(known), name, advice.get(name)))
