"""Which integers a processor computes with."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from onnxnn.export.options import target_named

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


def integer_types(target: str | None) -> IntegerTypes:
    """Return which integers suit a target of `onnxnn_runtime.targets`; None is as "any".

    "server" follows the processor of this machine. Others that name no processor run as measured on every
    one, so their weights take 7 bits.

    Raises:
        ExportError: There is no such target.
    """
    found = target_named("any" if target is None else target)
    if found.processor == "arm":
        return IntegerTypes("int8", reduced=False)
    return here() if found.name == "server" else IntegerTypes("uint8", reduced=True)


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
