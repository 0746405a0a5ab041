"""The catalogue of texts, without importing the runtime, which needs ONNX Runtime and takes a while.

Its module imports nothing but the standard library, so it is loaded by its path where the runtime is not
imported yet.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

__all__ = ["Message", "coded", "gettext", "gettext_noop", "ngettext"]

_MISSING = "onnxnn-cli needs the package onnxnn-runtime. Type: pip install onnxnn-runtime"
_NAME = "onnxnn_runtime.messages.catalogue"


def _catalogue() -> Any:
    if _NAME in sys.modules:
        return sys.modules[_NAME]
    package = importlib.util.find_spec("onnxnn_runtime")
    if package is None or not package.submodule_search_locations:
        raise ImportError(_MISSING)
    path = os.path.join(next(iter(package.submodule_search_locations)), "messages", "catalogue.py")
    spec: Any = importlib.util.spec_from_file_location("onnxnn_cli.catalogue", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    from onnxnn_runtime.messages.catalogue import Message, coded, gettext, gettext_noop, ngettext
else:
    _module = _catalogue()
    Message, coded = _module.Message, _module.coded
    gettext, gettext_noop, ngettext = _module.gettext, _module.gettext_noop, _module.ngettext
