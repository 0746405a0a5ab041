"""`onnxnn targets`: where files run, and what to write after `--target`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple

import typer

from .output import print_json, print_table, print_text
from .text import gettext, runtime_module

if TYPE_CHECKING:
    from onnxnn_runtime.targets import Release, Target

    Span = Optional[Tuple[Tuple[int, int], Optional[Tuple[int, int]]]]

HELP = gettext(
    "Print the targets of an export, and what each ONNX Runtime loads.\n\n"
    "A file for a target has the highest opset and IR version that ONNX Runtime loads there.\n\n"
    "Example: onnxnn targets"
)
"""The help text."""


def targets(
    as_json: bool = typer.Option(False, "--json", help=gettext("Print the tables as JSON.")),
) -> None:
    """Print the targets of an export, and what each ONNX Runtime loads."""
    runtime_module("defaults")  # before the table, which imports it
    table = runtime_module("targets")
    if as_json:
        print_json(
            {
                "targets": [_target(each) for each in table.TARGETS.values()],
                "onnxruntime": [_release(each, table.PLATFORMS) for each in table.RELEASES],
            }
        )
        return
    rows: List[Sequence[object]] = [
        (gettext("target"), "ONNX Runtime", "opset", "IR", gettext("what it is")),
        *(
            (each.name, _version(each.oldest), each.opset, each.ir_version, gettext(each.about))
            for each in table.TARGETS.values()
        ),
    ]
    print_table(rows)
    print_text()
    rows = [("ONNX Runtime", gettext("target"), "opset", "IR", "Python", gettext("wheels"))]
    for each in table.RELEASES:
        pythons = f"{_version(each.first_python)}-{_version(each.last_python)}"
        wheels = ", ".join(_wheels(each.version, table.PLATFORMS))
        rows.append(
            (each.name, table.for_version(each.version), each.opset, each.ir_version, pythons, wheels)
        )
    print_table(rows)
    absent = ", ".join(name for name, versions in table.PLATFORMS.items() if versions is None)
    print_text("\n" + gettext("No wheels at all: {names} (32-bit Arm).", names=absent))


def _version(numbers: Sequence[int]) -> str:
    return "{}.{}".format(*numbers)


def _target(target: Target) -> Dict[str, Any]:
    return {**target._asdict(), "oldest": _version(target.oldest), "about": gettext(target.about)}


def _release(release: Release, platforms: Mapping[str, Span]) -> Dict[str, Any]:
    return {
        "version": release.name,
        "opset": release.opset,
        "ir_version": release.ir_version,
        "first_python": _version(release.first_python),
        "last_python": _version(release.last_python),
        "wheels": _wheels(release.version, platforms),
    }


def _wheels(version: Tuple[int, int], platforms: Mapping[str, Span]) -> List[str]:
    """Return the computers for which a version has wheels."""
    return [
        name
        for name, versions in platforms.items()
        if versions is not None and versions[0] <= version <= (versions[1] or version)
    ]
