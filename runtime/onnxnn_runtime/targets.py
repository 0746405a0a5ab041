"""Where files run: what each ONNX Runtime loads, on which Pythons and computers it installs, and the targets
that an export is made for.

`RELEASES` is the one table of these facts. The command loads this module by its path where ONNX Runtime does
not work, so that only the standard library, the catalogue and `defaults` are imported here.
"""

from __future__ import annotations

import platform
import re
import sys
from typing import Mapping, NamedTuple

from onnxnn_runtime.defaults import IR_VERSION, OPSET
from onnxnn_runtime.messages.catalogue import gettext_noop


class Release(NamedTuple):
    """One minor version of ONNX Runtime.

    Args:
        version: Its (major, minor).
        opset: The highest opset of the standard domain that it loads.
        ir_version: The highest version of the file format that it loads.
        first_python: The oldest Python for which the package index has wheels of it.
        last_python: The newest one.
    """

    version: tuple[int, int]
    opset: int
    ir_version: int
    first_python: tuple[int, int]
    last_python: tuple[int, int]

    @property
    def name(self) -> str:
        """Its version as people write it."""
        return "{}.{}".format(*self.version)


RELEASES: tuple[Release, ...] = (
    Release((1, 8), 14, 7, (3, 6), (3, 9)),
    Release((1, 9), 15, 8, (3, 6), (3, 9)),
    Release((1, 10), 15, 8, (3, 6), (3, 9)),
    Release((1, 11), 16, 8, (3, 7), (3, 9)),
    Release((1, 12), 17, 8, (3, 7), (3, 10)),
    Release((1, 13), 17, 8, (3, 7), (3, 10)),
    Release((1, 14), 18, 8, (3, 7), (3, 10)),
    Release((1, 15), 19, 9, (3, 8), (3, 11)),
    Release((1, 16), 19, 9, (3, 8), (3, 11)),
    Release((1, 17), 20, 9, (3, 8), (3, 12)),
    Release((1, 18), 21, 10, (3, 8), (3, 12)),
    Release((1, 19), 21, 10, (3, 8), (3, 12)),
    Release((1, 20), 21, 10, (3, 10), (3, 13)),
    Release((1, 21), 22, 10, (3, 10), (3, 13)),
    Release((1, 22), 22, 10, (3, 10), (3, 13)),
    Release((1, 23), 23, 11, (3, 10), (3, 13)),
    Release((1, 24), 25, 13, (3, 11), (3, 14)),
    Release((1, 25), 26, 13, (3, 11), (3, 14)),
    Release((1, 26), 26, 13, (3, 11), (3, 14)),
    Release((1, 27), 26, 13, (3, 11), (3, 14)),
    Release((1, 28), 26, 13, (3, 11), (3, 14)),
    Release((1, 29), 26, 13, (3, 11), (3, 14)),
    Release((1, 30), 26, 13, (3, 11), (3, 14)),
    Release((1, 31), 26, 13, (3, 11), (3, 14)),
    Release((1, 32), 28, 14, (3, 11), (3, 14)),
)
"""Every ONNX Runtime from the oldest that onnxnn supports to the newest that was tried, oldest first.

Opset and IR were measured by loading a one-node model of every pair in them (for 1.27, 1.29 and 1.30 in their
neighbours); up to 1.22 they agree with https://onnxruntime.ai/docs/reference/compatibility.html, except that
1.15 loads IR 9 already. The Pythons are those of the wheels of onnxruntime on the Python package index.
"""

PLATFORMS: Mapping[str, tuple[tuple[int, int], tuple[int, int] | None] | None] = {
    "linux-x86_64": ((1, 8), None),
    "linux-aarch64": ((1, 8), None),
    "linux-armv7l": None,
    "windows-amd64": ((1, 8), None),
    "windows-arm64": ((1, 24), None),
    "windows-x86": ((1, 9), (1, 20)),
    "macos-x86_64": ((1, 8), (1, 23)),
    "macos-arm64": ((1, 12), None),
}
"""Computer -> the first and the last ONNX Runtime with a wheel for it; None as the last: the newest has.

None alone: no version has a wheel for it. 32-bit Arm is "linux-armv7l", whatever the processor could do.
"""

BROKEN_ON_ARMV8_0 = (1, 21, 0)
"""The ONNX Runtime whose aarch64 wheel uses instructions that processors of Armv8.0 lack.

It ends the process at import: https://github.com/microsoft/onnxruntime/issues/23957.
"""


class Target(NamedTuple):
    """Where a file shall run.

    Args:
        name: What users write.
        oldest: The oldest ONNX Runtime there, (major, minor).
        opset: The highest opset that a file for it may have.
        ir_version: The highest version of the file format.
        processor: "x86-64", "arm" or "wasm" where it is always that, "any" elsewhere.
        about: What it is, in English; for people through the catalogue.
    """

    name: str
    oldest: tuple[int, int]
    opset: int
    ir_version: int
    processor: str
    about: str


def loads(version: tuple[int, int]) -> tuple[int, int]:
    """Return (highest opset, highest IR) that an ONNX Runtime loads for certain.

    Args:
        version: Its (major, minor). One newer than this table loads at least what the newest in it
            loads; one older than 1.8 is below what onnxnn supports.
    """
    known = [release for release in RELEASES if release.version <= version] or [RELEASES[0]]
    return known[-1].opset, known[-1].ir_version


def _named(name: str, oldest: tuple[int, int], processor: str, about: str) -> Target:
    return Target(name, oldest, *loads(oldest), processor, about)


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target(
            "any",
            RELEASES[0].version,
            OPSET,
            IR_VERSION,
            "any",
            gettext_noop("every ONNX Runtime since 1.8, and others"),
        ),
        _named("unihiker", (1, 13), "arm", gettext_noop("UNIHIKER M10: Python 3.7, ONNX Runtime 1.13.1")),
        _named("rpi", (1, 19), "arm", gettext_noop("Raspberry Pi with a 64-bit system, Python 3.9 or newer")),
        _named("jetson", (1, 11), "arm", gettext_noop("NVIDIA Jetson with JetPack 5 or newer")),
        _named("web", (1, 17), "wasm", gettext_noop("a browser, by onnxruntime-web 1.17 or newer")),
        _named("server", (1, 20), "any", gettext_noop("a PC or server that is kept up to date")),
    )
}
"""The targets with names; "ort1.13" names any version, see `find`.

"any" stays below what ONNX Runtime 1.8 loads (opset 14), so that other engines read its files, too.
"""


def find(name: object) -> Target | None:
    """Return the target of a name in any case: one of `TARGETS`, or an ONNX Runtime such as "ort1.13".

    None for others, and for an ONNX Runtime before the oldest of `RELEASES`. One newer than the newest
    loads at least what that loads.
    """
    if not isinstance(name, str):
        return None
    key = name.strip().lower()
    if key in TARGETS:
        return TARGETS[key]
    match = re.match(r"^ort(\d{1,3})\.(\d{1,3})(\.\d{1,3})?$", key)
    if match is None:
        return None
    version = int(match.group(1)), int(match.group(2))
    if version < RELEASES[0].version:
        return None
    return _named(for_version(version), version, "any", gettext_noop("this ONNX Runtime or a newer one"))


def for_version(version: tuple[int, int]) -> str:
    """Return the name of the target that an ONNX Runtime is."""
    return "ort{}.{}".format(*version)


def first_that_loads(opset: int, ir_version: int) -> Release | None:
    """Return the oldest ONNX Runtime that loads files of an opset and an IR version; None where none does."""
    for release in RELEASES:
        if opset <= release.opset and ir_version <= release.ir_version:
            return release
    return None


def targets_that_load(opset: int, ir_version: int) -> list[str]:
    """Return the names of the targets that load files of an opset and an IR version."""
    return [name for name, each in TARGETS.items() if opset <= each.opset and ir_version <= each.ir_version]


def newest_for(python: tuple[int, int], computer: str) -> Release | None:
    """Return the newest ONNX Runtime whose wheel installs there; None where there is none.

    Args:
        python: Python's (major, minor).
        computer: One of `PLATFORMS`, see `computer_of`; others are taken to have every wheel.
    """
    first_and_last = PLATFORMS.get(computer, (RELEASES[0].version, None))
    if first_and_last is None:
        return None
    first, last = first_and_last
    fitting = [
        release
        for release in RELEASES
        if first <= release.version
        and (last is None or release.version <= last)
        and release.first_python <= python
        # One newer than every Python of this table may have wheels that are newer than the table.
        and (python <= release.last_python or release.last_python == RELEASES[-1].last_python)
    ]
    return fitting[-1] if fitting else None


def computer_of(system: str, machine: str, bits: int) -> str:
    """Return which of `PLATFORMS` a computer is, or a name that is none of them.

    Args:
        system: As `platform.system()` says it.
        machine: As `platform.machine()` says it: that of the kernel, on which a smaller Python may run.
        bits: 64 or 32, of Python itself.
    """
    system = {"darwin": "macos"}.get(system.lower(), system.lower())
    machine = {"x64": "x86_64", "amd64": "x86_64"}.get(machine.lower(), machine.lower())
    arm = machine.startswith("arm") or machine == "aarch64"
    if bits == 32:
        machine = "armv7l" if arm else "x86"
    elif arm:
        machine = "aarch64" if system == "linux" else "arm64"
    elif system == "windows" and machine == "x86_64":
        machine = "amd64"
    return f"{system}-{machine}"


def this_computer() -> str:
    """Return which of `PLATFORMS` this computer is, or a name that is none of them."""
    return computer_of(platform.system(), platform.machine(), 64 if sys.maxsize > 2**32 else 32)
