"""Which integers a processor computes with."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from onnxnn_runtime.errors import ExportError, name_hint
from onnxnn_runtime.messages.shorten import shortened

ARM = ("unihiker", "rpi", "jetson")
"""Targets with an Arm processor."""

X86 = ("any", "server", "web")
"""Targets whose processor is of another kind, or not known."""

_VNNI = ("avx512_vnni", "avx_vnni", "amx_int8")
"""Names of instructions for dot products of 8-bit integers, as Linux lists them."""


@dataclass(frozen=True)
class IntegerTypes:
    """How numbers are held.

    Args:
        activations: "uint8" or "int8".
        reduced: Whether weights of matrix products take 7 bits of 8. Processors without dot products of 8-bit
            integers (VNNI) add two products in 16 bits, which those of 8 bits overflow. Convolutions of
            single channels are computed otherwise and keep 8 bits.
    """

    activations: str
    reduced: bool


def integer_types(target: str) -> IntegerTypes:
    """Return which integers suit a target.

    "any" runs as measured on every processor, so its weights take 7 bits; "server" follows the processor of
    this machine.

    Raises:
        ExportError: There is no such target.
    """
    if target in ARM:
        return IntegerTypes("int8", reduced=False)
    if target == "server":
        return here()
    if target in X86:
        return IntegerTypes("uint8", reduced=True)
    raise ExportError.coded(
        "E-EXPORT-01",
        "target={target}: expected one of {known}{hint}",
        target=shortened(target),
        known=", ".join((*X86, *ARM)),
        hint=name_hint(target, (*X86, *ARM)),
    )


def here() -> IntegerTypes:
    """Return which integers suit the processor of this machine."""
    if platform.machine().lower() in ("aarch64", "arm64"):
        return IntegerTypes("int8", reduced=False)
    return IntegerTypes("uint8", reduced=not has_vnni())


def has_vnni() -> bool:
    """Return whether Linux says that this processor has dot products of 8-bit integers; False elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            flags = next((line for line in file if line.startswith("flags")), "").split()
    except OSError:
        return False
    return not {*_VNNI}.isdisjoint(flags)
