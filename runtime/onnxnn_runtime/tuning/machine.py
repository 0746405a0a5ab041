"""What decides which setting is fastest beside the model: processor, cores, versions."""

from __future__ import annotations

import os
import platform
import re
import sys

from onnxnn_runtime.session.cores import num_threads
from onnxnn_runtime.session.devices import OPENVINO
from onnxnn_runtime.session.openvino_session import openvino_module
from onnxnn_runtime.session.providers import onnxruntime

_CPUINFO = "/proc/cpuinfo"

_NAMES = ("model name", "Model", "Hardware", "CPU part")
"""Lines of Linux that name a processor: of x86, of boards, and of the cores of Arm."""


def machine(device: str) -> dict[str, str]:
    """Return what a measured setting belongs to: it is used where all of this is the same.

    Args:
        device: Where the model really runs, e.g. "cpu" or "cuda:0".
    """
    found = {
        "processor": processor(),
        "cores": f"{num_threads()} of {os.cpu_count() or 1}",
        "system": f"{sys.platform} {platform.machine()}",
        "onnxruntime": str(onnxruntime().__version__),
        "device": device,
    }
    if device.partition(":")[0] == OPENVINO:
        found["openvino"] = str(openvino_module(device).__version__)
    return found


def processor() -> str:
    """Return the name of the processor, as its system says it."""
    try:
        with open(_CPUINFO, encoding="utf-8", errors="replace") as file:
            text = file.read(2**16)
    except OSError:
        text = ""
    for name in _NAMES:
        found = re.search(rf"^{name}\s*: *(.*\S)", text, re.MULTILINE)
        if found:
            return found.group(1)[:200]
    return (platform.processor() or platform.machine())[:200]
