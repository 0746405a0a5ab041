"""`onnxnn import-basenn`: a checkpoint of BaseNN 2.0 becomes one of ours."""

from __future__ import annotations

from typing import Optional

import typer

from .options import FORCE, JSON
from .output import need_onnxnn, note, print_json, print_text
from .text import gettext

HELP = gettext(
    "Convert a checkpoint of BaseNN 2.0, which is a pickle.\n\n"
    "Needs the training package, and BaseNN itself with what it imports: the file holds its classes. It "
    "is opened in a process of its own, which returns only the layers and the weights.\n\n"
    "Example: onnxnn import-basenn old.pth -o new.pth --trust-pickle"
)
"""The help text."""


def import_basenn(
    checkpoint: str = typer.Argument(..., metavar="OLD", help=gettext("A checkpoint that BaseNN 2.0 wrote.")),
    out: str = typer.Option(..., "--out", "-o", metavar="FILE", help=gettext("The checkpoint to write.")),
    trust_pickle: bool = typer.Option(
        False,
        "--trust-pickle",
        help=gettext("Open the file although opening it runs whatever its maker put into it."),
    ),
    task: Optional[str] = typer.Option(
        None, "--task", metavar="TASK", help=gettext("cls or reg, where the network does not determine it.")
    ),
    input_size: Optional[str] = typer.Option(
        None,
        "--input-size",
        metavar="SIZES",
        help=gettext("One sample, such as 1x28x28, where the file has none."),
    ),
    force: bool = FORCE,
    as_json: bool = JSON,
) -> None:
    """Convert a checkpoint of BaseNN 2.0, which is a pickle."""
    sizes = None if input_size is None else _sizes(input_size)
    basenn = need_onnxnn("import-basenn", "onnxnn.basenn")
    done = basenn.import_checkpoint(checkpoint, out, trust_pickle, task, sizes, force)
    for text in done.notes:
        note(text)
    if as_json:
        print_json({"file": str(done.path), "layers": list(done.card.network), "notes": list(done.notes)})
        return
    print_text(
        gettext(
            "{path}: layers: {count}, task: {task}",
            path=done.path,
            count=len(done.card.network),
            task=done.card.task,
        )
    )


def _sizes(text: str) -> tuple[int, ...]:
    parts = text.lower().replace(",", "x").split("x")
    if not all(part.strip().isdigit() for part in parts):
        raise typer.BadParameter(gettext("{text!r}: expected sizes such as 4 or 1x28x28.", text=text))
    return tuple(int(part) for part in parts)
