"""Processes in which torch is impossible to import, to show that nothing needs it."""

from __future__ import annotations

import importlib.abc
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

from .text import coded, gettext

BLOCKED = ("torch", "onnx", "onnxnn")


class _Refuse(importlib.abc.MetaPathFinder):
    """An import finder that comes first and refuses the blocked packages."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(
                gettext("{name} is blocked in this process", name=fullname), name=fullname
            )


def block_torch() -> None:
    """Refuse every later import of torch, onnx and onnxnn.

    Raises:
        RuntimeError: One of them was imported before.
    """
    there = [name for name in BLOCKED if name in sys.modules]
    if there:
        raise RuntimeError(gettext("imported before it could be blocked: {names}", names=", ".join(there)))
    sys.meta_path.insert(0, _Refuse())


def can_import(module: str) -> bool:
    """Return whether a module can be imported."""
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def run_elsewhere(module: str, folder: Path) -> Dict[str, Any]:
    """Run a module on a folder in a fresh interpreter and return the JSON that it prints."""
    child = subprocess.run(
        [sys.executable, "-m", module, str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    if child.returncode != 0:
        raise ImportError(
            coded("E-PACKAGE-01", "the second process of the demo failed. Its own message stands above.")
        )
    found: Dict[str, Any] = json.loads(child.stdout.decode("utf-8"))
    return found
