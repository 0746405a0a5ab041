"""Packages that large galleries need, imported with their first use."""

from __future__ import annotations

import contextlib
from types import ModuleType

from onnxnn_runtime.api.packages import imported
from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.messages.catalogue import Message, coded
from onnxnn_runtime.session.providers import onnxruntime


def usearch() -> ModuleType:
    """Return the module `usearch.index`, or raise an ImportError that says what to type.

    ONNX Runtime 1.32 crashes when it is imported after usearch 2.26, so it is imported before.
    """
    with contextlib.suppress(DeviceError):  # vectors alone are searched without it
        onnxruntime()
    return imported("usearch.index", "usearch", _no_index)


def lancedb() -> tuple[ModuleType, ModuleType]:
    """Return the modules `lancedb` and `pyarrow`, or raise an ImportError that says what to type."""
    return _engine("lancedb", "lancedb", "lancedb"), _engine("pyarrow", "pyarrow", "lancedb")


def qdrant() -> ModuleType:
    """Return the module `qdrant_client`, or raise an ImportError that says what to type."""
    return _engine("qdrant_client", "qdrant-client", "qdrant")


def _no_index(package: str) -> Message:
    return coded(
        "E-PACKAGE-01",
        "the index of a gallery needs {package}. Install it: pip install "
        '"onnxnn-runtime[{extra}]"; exact search needs no index: search(exact=True), or --exact.',
        package=package,
        extra="search",
    )


def _engine(module: str, package: str, extra: str) -> ModuleType:
    def lacking(missing: str) -> Message:
        return coded(
            "E-PACKAGE-01",
            'a gallery in this engine needs {package}. Install it: pip install "onnxnn-runtime[{extra}]".',
            package=missing,
            extra=extra,
        )

    return imported(module, package, lacking)
