"""`onnxnn studio`: a page on which classes are collected, trained, tried and taken along."""

from __future__ import annotations

from typing import Optional

import typer

from .output import need_onnxnn
from .serve import TOKEN, secret
from .text import gettext

HELP = gettext(
    "Collect images with the camera, train, try and export, on a page in the browser.\n\n"
    "Needs the training package with the extra studio. Nothing leaves this computer: images, recipe and "
    "model lie in the folder of the project. Ctrl-C ends it, and the same command continues.\n\n"
    "Example: onnxnn studio pets"
)
"""The help text."""


def studio(
    project: str = typer.Argument(
        ..., metavar="PROJECT", help=gettext("The folder of the project: a new one, or one to continue.")
    ),
    host: str = typer.Option(
        "127.0.0.1",
        "--host",
        metavar="HOST",
        help=gettext("The address; 0.0.0.0 lets other devices in, which need the token that is printed."),
    ),
    port: int = typer.Option(
        8000, "--port", metavar="N", min=0, max=65535, help=gettext("The port; 0 takes a free one.")
    ),
    token_file: Optional[str] = typer.Option(
        None,
        "--token-file",
        metavar="FILE",
        help=gettext("A file with the token; or set ONNXNN_TOKEN. Without one it is made up."),
    ),
    ort: Optional[str] = typer.Option(
        None, "--ort", metavar="FOLDER", help=gettext("The folder of onnxruntime-web, where there is no npm.")
    ),
) -> None:
    """Collect images with the camera, train, try and export, on a page in the browser."""
    run = need_onnxnn("studio", "onnxnn.studio.run")
    from onnxnn_runtime.server.settings import ServerSettings, is_loopback

    token = secret(token_file, TOKEN)
    if token is None and not is_loopback(host):
        token = run.new_token()
    settings = ServerSettings(host=host, port=port, token=token, access_log=False)
    run.studio(project, settings, ort)
