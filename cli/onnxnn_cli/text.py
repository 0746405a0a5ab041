"""Text for people, looked up without importing the runtime, which needs ONNX Runtime and takes a while."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

__all__ = ["gettext", "ngettext"]

_CATALOGUE = "onnxnn_runtime.messages.catalogue"


def _catalogue() -> Any:
    """Return the runtime's module of the catalogue; it imports nothing but the standard library."""
    if _CATALOGUE in sys.modules:
        return sys.modules[_CATALOGUE]
    own = f"{__package__}.catalogue"
    if own not in sys.modules:
        package = importlib.util.find_spec("onnxnn_runtime")
        if package is None or not package.submodule_search_locations:
            raise ImportError("onnxnn-cli needs the package onnxnn-runtime: pip install onnxnn-runtime")
        path = os.path.join(next(iter(package.submodule_search_locations)), "messages", "catalogue.py")
        spec: Any = importlib.util.spec_from_file_location(own, path)
        sys.modules[own] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[own])
    return sys.modules[own]


def gettext(__message: str, **values: object) -> str:
    """Return a text in the language of the user, see `onnxnn_runtime.messages.catalogue.gettext`."""
    found: str = _catalogue().gettext(__message, **values)
    return found


def ngettext(__one: str, __many: str, count: int, **values: object) -> str:
    """Return a text about a number, see `onnxnn_runtime.messages.catalogue.ngettext`."""
    found: str = _catalogue().ngettext(__one, __many, count, **values)
    return found
