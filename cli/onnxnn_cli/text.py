"""The catalogue of texts, without importing the runtime, which needs ONNX Runtime and takes a while."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

__all__ = ["Message", "coded", "gettext", "gettext_noop", "language", "ngettext", "runtime_module"]

_MISSING = "onnxnn-cli needs the package onnxnn-runtime. Type: pip install onnxnn-runtime"


def runtime_module(name: str) -> Any:
    """Return a module of the runtime, loaded by its path where the runtime is not imported yet.

    Args:
        name: Its name within the runtime, of a module that imports nothing but the standard library, and
            modules that are loaded already.

    Raises:
        ImportError: The runtime is not installed.
    """
    full = f"onnxnn_runtime.{name}"
    if full in sys.modules:
        return sys.modules[full]
    package = importlib.util.find_spec("onnxnn_runtime")
    if package is None or not package.submodule_search_locations:
        raise ImportError(_MISSING)
    path = os.path.join(next(iter(package.submodule_search_locations)), *name.split(".")) + ".py"
    spec: Any = importlib.util.spec_from_file_location(full, path)
    module = sys.modules[full] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    from onnxnn_runtime.messages.catalogue import Message, coded, gettext, gettext_noop, language, ngettext
else:
    _catalogue = runtime_module("messages.catalogue")
    Message, coded = _catalogue.Message, _catalogue.coded
    gettext, gettext_noop, ngettext = _catalogue.gettext, _catalogue.gettext_noop, _catalogue.ngettext
    language = _catalogue.language
