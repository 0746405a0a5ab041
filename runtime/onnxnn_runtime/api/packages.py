"""Packages that only some users need, imported with their first use."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Callable

from onnxnn_runtime.messages.catalogue import Message


def imported(module: str, package: str, lacking: Callable[[str], Message]) -> ModuleType:
    """Return a module of a package that an extra brings.

    Args:
        module: Its name, such as "usearch.index".
        package: What pip calls its package.
        lacking: Makes the message of the name of the package that is missing: this one, or one that it needs
            itself, which the extra brings, too.

    Raises:
        ImportError: It is not installed; the message says what to type.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        top = (error.name or "").partition(".")[0]
        is_itself = top in ("", module.partition(".")[0])
        raise ImportError(lacking(package if is_itself else top)) from error
