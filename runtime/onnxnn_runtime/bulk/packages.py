"""Packages that bulk work needs, imported with their first use."""

from __future__ import annotations

from types import ModuleType

from onnxnn_runtime.api.packages import imported
from onnxnn_runtime.messages.catalogue import Message, coded


def arrow() -> ModuleType:
    """Return the module `pyarrow`, or raise an ImportError that says what to type."""
    return imported("pyarrow", "pyarrow", _lacking)


def parquet() -> ModuleType:
    """Return the module `pyarrow.parquet`, or raise an ImportError that says what to type."""
    return imported("pyarrow.parquet", "pyarrow", _lacking)


def ray() -> ModuleType:
    """Return the module `ray`, or raise an ImportError that says what to type."""
    return imported("ray", "ray", _lacking)


def _lacking(package: str) -> Message:
    return coded(
        "E-PACKAGE-01",
        'embedding into shards needs {package}. Install it: pip install "onnxnn-runtime[ray]"; for '
        "--engine local pip install pyarrow is enough.",
        package=package,
    )
