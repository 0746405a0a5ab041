"""`onnxnn verify`: is a model file whole, and does it compute what it should?"""

from __future__ import annotations

from typing import Optional

import typer

from .options import DEVICE, JSON, LOW_MEMORY, MODEL
from .output import need_onnxnn, print_json, print_text
from .text import gettext

HELP = gettext(
    "Check that a model file is whole and works.\n\n"
    "Exit code 1 when a check fails.\n\n"
    "Example: onnxnn verify pets.onnx --checkpoint ckpt/basenn.pth"
)
"""The help text."""


def verify(
    file: str = MODEL,
    checkpoint: Optional[str] = typer.Option(
        None,
        "--checkpoint",
        metavar="CKPT",
        help=gettext("Also compare with torch and this checkpoint."),
    ),
    device: str = DEVICE,
    low_memory: bool = LOW_MEMORY,
    as_json: bool = JSON,
) -> None:
    """Check that a model file is whole and works."""
    import onnxnn_runtime as rt

    model = rt.load(file, device=device, low_memory=low_memory)
    if checkpoint is None:
        report = rt.verify(model)
    else:
        report = need_onnxnn("verify", "onnxnn.network.comparison").verify_with_checkpoint(model, checkpoint)
    if as_json:
        print_json({"passed": report.passed, "checks": [each._asdict() for each in report.checks]})
    else:
        print_text(str(report))
    if not report.passed:
        raise typer.Exit(1)
