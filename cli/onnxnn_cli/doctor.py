"""`onnxnn doctor`: what is installed, whether it works, and what to do where it does not."""

from __future__ import annotations

import typer

from .output import print_json, print_table, print_text
from .text import gettext, ngettext, runtime_module

HELP = gettext(
    "Report what is installed and what is wrong with it.\n\n"
    "Devices are listed, too. Every package is imported in a process of its own, so that one that "
    "crashes is reported like the others. Exit code 1 when something that is installed does not work, or "
    "no ONNX Runtime is there.\n\n"
    "Example: onnxnn doctor"
)
"""The help text."""


def doctor(
    as_json: bool = typer.Option(False, "--json", help=gettext("Print the findings as JSON.")),
) -> None:
    """Report what is installed and what is wrong with it."""
    runtime_module("defaults")
    runtime_module("targets")  # both before the doctor, which imports them
    report = runtime_module("doctor").diagnose()
    if as_json:
        packages = [finding._asdict() for finding in report.findings]
        print_json({"python": report.python, "packages": packages, "problems": report.problems})
    else:
        print_text(
            gettext(
                "Python {version}, {platform}, {cores}\n",
                version=report.python,
                platform=report.platform,
                cores=ngettext("{count} core", "{count} cores", report.cores),
            )
        )
        rows = [
            (each.package, each.version or gettext("not installed"), each.purpose) for each in report.findings
        ]
        print_table([(gettext("package"), gettext("version"), gettext("for")), *rows])
        for each in report.findings:
            if each.devices:
                devices = ", ".join(each.devices)
                text = gettext("devices of {package}: {devices}", package=each.package, devices=devices)
                print_text("\n" + text)
        lines = [gettext("PROBLEM {text}", text=text) for text in report.problems]
        print_text("\n" + "\n".join(lines or [gettext("No problem found.")]))
    if report.problems:
        raise typer.Exit(1)
