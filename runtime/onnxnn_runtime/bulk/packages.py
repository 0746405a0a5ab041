"""Packages that bulk work needs, imported with their first use."""

from __future__ import annotations

import importlib
from typing import Any

from onnxnn_runtime.messages.catalogue import coded


def arrow() -> Any:
    """Return the module `pyarrow`, or raise an ImportError that says what to type."""
    return _imported("pyarrow")


def parquet() -> Any:
    """Return the module `pyarrow.parquet`, or raise an ImportError that says what to type."""
    return _imported("pyarrow.parquet")


def ray() -> Any:
    """Return the module `ray`, or raise an ImportError that says what to type."""
    return _imported("ray")


def _imported(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ImportError(
            coded(
                "E-PACKAGE-01",
                'embedding into shards needs {package}. Install it: pip install "onnxnn-runtime[ray]"; for '
                "--engine local pip install pyarrow is enough.",
                package=package,
            )
        ) from error
