"""`onnxnn web`: a model as one HTML file."""

from __future__ import annotations

from typing import Optional

import typer

from .output import print_text
from .text import gettext, runtime_module

HELP = gettext(
    "Write a model as one HTML file, which runs it in the browser: no server, no network.\n\n"
    "The page takes an image of the camera or a file, numbers or a text, and shows what the model says. "
    "onnxruntime-web comes from npm once, or from --ort.\n\n"
    "Example: onnxnn web poems.onnx -o poems.html"
)
"""The help text."""


def web(
    file: str = typer.Argument(..., metavar="FILE", help=gettext("The ONNX file.")),
    output: str = typer.Option(
        ..., "--output", "-o", metavar="FILE", help=gettext("The page to write: .html.")
    ),
    gallery: Optional[str] = typer.Option(
        None,
        "--gallery",
        metavar="GALLERY",
        help=gettext(
            "A folder of images among which the page finds similar ones; the page holds small ones."
        ),
    ),
    ort: Optional[str] = typer.Option(
        None, "--ort", metavar="FOLDER", help=gettext("The folder of onnxruntime-web, where there is no npm.")
    ),
    force: bool = typer.Option(False, "--force", help=gettext("Replace a file of another format.")),
) -> None:
    """Write a model as one HTML file."""
    path = runtime_module("web.page").write_page(file, output, gallery=gallery, ort=ort, force=force)
    size = path.stat().st_size / 1e6
    print_text(gettext("wrote {path} ({size:.1f} MB): open it in a browser", path=path, size=size))
