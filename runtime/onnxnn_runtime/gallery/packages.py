"""Packages that large galleries need, imported with their first use."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.messages.catalogue import coded
from onnxnn_runtime.session.providers import onnxruntime


def usearch() -> Any:
    """Return the module `usearch.index`, or raise an ImportError that says what to type.

    ONNX Runtime 1.32 crashes when it is imported after usearch 2.26, so it is imported before.
    """
    with contextlib.suppress(DeviceError):  # vectors alone are searched without it
        onnxruntime()
    return _imported("usearch.index", "usearch", "search")


def lancedb() -> tuple[Any, Any]:
    """Return the modules `lancedb` and `pyarrow`, or raise an ImportError that says what to type."""
    return _imported("lancedb", "lancedb", "lancedb"), _imported("pyarrow", "pyarrow", "lancedb")


def qdrant() -> Any:
    """Return the module `qdrant_client`, or raise an ImportError that says what to type."""
    return _imported("qdrant_client", "qdrant-client", "qdrant")


def _imported(module: str, package: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("", module.partition(".")[0]):
            package = missing  # one that the package itself needs; the extra brings it, too
        if extra == "search":
            message = coded(
                "E-PACKAGE-01",
                "the index of a gallery needs {package}. Install it: pip install "
                '"onnxnn-runtime[{extra}]"; exact search needs no index: search(exact=True), or --exact.',
                package=package,
                extra=extra,
            )
        else:
            message = coded(
                "E-PACKAGE-01",
                "a gallery in this engine needs {package}. Install it: pip install "
                '"onnxnn-runtime[{extra}]".',
                package=package,
                extra=extra,
            )
        raise ImportError(message) from error
