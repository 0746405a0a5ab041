"""`onnxnn layers`: every layer that `add` and a recipe know."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Dict, List

import typer

from .output import need_onnxnn, print_json, print_table
from .text import gettext

HELP = gettext("Print every layer with its options.\n\nNeeds the training package.\n\nExample: onnxnn layers")
"""The help text."""


def layers(
    as_json: bool = typer.Option(False, "--json", help=gettext("Print the layers as JSON.")),
) -> None:
    """Print every layer with its options."""
    registry: Dict[str, Any] = need_onnxnn("layers", "onnxnn.layers").registry
    found = [describe(name, registry[name]) for name in sorted(registry) if registry[name].named]
    if as_json:
        print_json(found)
        return
    rows = [(entry["layer"], ", ".join(entry["options"]), gettext(entry["about"])) for entry in found]
    print_table([(gettext("layer"), gettext("options"), gettext("what it does")), *rows])


def describe(name: str, cls: type) -> Dict[str, Any]:
    """Return a layer's name, its options as they are typed, and the first line of its docstring."""
    options: List[str] = []
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        option = field.metadata.get("option", field.name)
        options.append(option if required else f"{option}={field.default!r}")
    about = (inspect.getdoc(cls) or "").split("\n", 1)[0]
    return {"layer": name, "options": options, "about": about}
