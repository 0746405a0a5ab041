"""ONNX Runtime itself: the module, its version and what it offers."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Tuple, Union

from onnxnn_runtime.errors import DeviceError
from onnxnn_runtime.messages.system import system_reason

Provider = Union[str, Tuple[str, Dict[str, int]]]
"""A provider as ONNX Runtime takes it: its name, and options where it has some."""

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
"""ONNX Runtime's names of the providers that every computer of ours may have."""


_SUFFIX = "ExecutionProvider"


def short_name(provider: str) -> str:
    """Return what `load` calls a provider: "cpu" for "CPUExecutionProvider"."""
    return provider.replace(_SUFFIX, "").lower()


def onnxruntime() -> Any:
    """Return the module `onnxruntime`, imported without its telemetry where nobody asked for it.

    From 1.32 on the import alone starts a thread that sends how ONNX Runtime is used; a child process that
    was forked waits for that thread without end when it exits.

    Raises:
        DeviceError: It is installed but cannot be imported, e.g. because a library is missing.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime as module
    except ImportError as error:
        raise DeviceError.coded(
            "E-PACKAGE-01",
            "ONNX Runtime cannot be imported ({error}). Install it again: pip install --force-reinstall "
            "onnxruntime, or onnxruntime-gpu where that is the one you have.",
            error=error,
        ) from error
    return module


def runtime_version() -> tuple[int, int]:
    """Return (major, minor) of the installed ONNX Runtime."""
    numbers = re.findall(r"\d+", onnxruntime().__version__)
    return int(numbers[0]), int(numbers[1])


def offers_cuda() -> bool:
    """Return whether the installed ONNX Runtime is the one for NVIDIA GPUs."""
    return CUDA in (*onnxruntime().get_available_providers(), *(each.ep_name for each in ep_devices()))


def ep_devices() -> list[Any]:
    """Return the devices of plug-in providers, [] where ONNX Runtime knows none (before 1.22).

    Programs register the library of a provider with `onnxruntime.register_execution_provider_library`.
    """
    find = getattr(onnxruntime(), "get_ep_devices", None)
    return [] if find is None else list(find())


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, of the system's in the user's language, or its class."""
    lines = system_reason(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
