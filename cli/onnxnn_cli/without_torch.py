"""Make torch impossible to import in this process, to show that nothing needs it."""

from __future__ import annotations

import importlib.abc
import sys
from typing import Any

BLOCKED = ("torch", "onnx", "onnxnn")


class _Refuse(importlib.abc.MetaPathFinder):
    """An import finder that comes first and refuses the blocked packages."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{fullname} is blocked in this process", name=fullname)


def block_torch() -> None:
    """Refuse every later import of torch, onnx and onnxnn.

    Raises:
        RuntimeError: One of them was imported before.
    """
    there = [name for name in BLOCKED if name in sys.modules]
    if there:
        raise RuntimeError("imported before it could be blocked: {}".format(", ".join(there)))
    sys.meta_path.insert(0, _Refuse())


def can_import(module: str) -> bool:
    """Tell whether a module can be imported."""
    try:
        __import__(module)
    except ImportError:
        return False
    return True
