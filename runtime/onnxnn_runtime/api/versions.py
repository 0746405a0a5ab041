"""Versions of NumPy and ONNX Runtime that do not work together."""

from __future__ import annotations

import re

import numpy as np

from onnxnn_runtime.messages.catalogue import gettext

FIRST_WITH_NUMPY_2 = (1, 19)
"""The first ONNX Runtime that was built for NumPy 2; older ones end the process with it."""


def do_not_fit(numpy: str, onnxruntime: str) -> str | None:
    """Return what is wrong with two versions and what to do; None where they work together."""
    if int(numpy.partition(".")[0]) < 2 or _numbers(onnxruntime) >= FIRST_WITH_NUMPY_2:
        return None
    return gettext(
        "ONNX Runtime {onnxruntime} was built for NumPy 1 and crashes with the installed NumPy {numpy}. "
        "Type one of:\n"
        '    pip install "numpy<2"\n'
        '    pip install "onnxruntime>=1.19"    (or onnxruntime-gpu)',
        onnxruntime=onnxruntime,
        numpy=numpy,
    )


def check_versions(origin: str | None) -> None:
    """Refuse a pair that crashes, before ONNX Runtime is imported.

    Args:
        origin: The path of ONNX Runtime's `__init__.py`, which has its version; None where it is missing.

    Raises:
        ImportError: ONNX Runtime is not installed, or was built for NumPy 1 and meets NumPy 2.
    """
    if origin is None:
        raise ImportError(
            gettext(
                "onnxnn_runtime needs ONNX Runtime, which is not installed. Type one of:\n"
                "    pip install onnxruntime\n"
                "    pip install onnxruntime-gpu    (for an NVIDIA GPU)"
            )
        )
    if int(np.__version__.partition(".")[0]) < 2:
        return
    try:
        with open(origin, encoding="utf-8", errors="replace") as file:
            found = re.search(r'^__version__ = ["\']([\d.]+)', file.read(65536), re.MULTILINE)
    except OSError:
        return
    problem = None if found is None else do_not_fit(np.__version__, found.group(1))
    if problem is not None:
        raise ImportError(problem)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
