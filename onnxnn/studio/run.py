"""Starting the studio: `studio`."""

from __future__ import annotations

import secrets
import socket
from dataclasses import replace
from functools import partial

from onnxnn_runtime.files.access import PathLike
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.server.run import listen, require_packages
from onnxnn_runtime.server.settings import ServerSettings, is_loopback

from .project import opened_project

__all__ = ["new_token", "studio"]

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""What a token is made of: letters and digits that nobody takes for each other."""

_LENGTH = 12
"""Characters of a token: 59 bits, which nobody guesses over a network."""

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""Addresses that stand for all of this machine -> what a browser on it opens."""


def studio(folder: PathLike, settings: ServerSettings, ort: PathLike | None = None) -> None:
    """Serve the page of a project until the process is stopped (SIGTERM, Ctrl-C).

    Args:
        folder: The project's folder: a new or empty one, or that of a project.
        settings: Address, token and limits. Where others reach the address, it needs a token
            (`new_token`).
        ort: The folder of onnxruntime-web, as for `onnxnn_runtime.web.page.write_page`.

    Raises:
        InputError: A package is missing, the folder is no project or is open already, or the address cannot
            be listened on.
        OutputError: The folder cannot be written.
    """
    require_packages("onnxnn[studio]")
    from .app import studio_app

    with opened_project(folder) as project:
        application = partial(studio_app, project, settings, ort)
        listen(application, replace(settings, workers=1), partial(_say, settings))


def new_token() -> str:
    """Return a token that is easy to type."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def _say(settings: ServerSettings, address: str) -> None:
    """Print where the page is, on this device and on others."""
    host, _, port = address.rpartition(":")
    place = host.partition("//")[2].strip("[]")
    mine = address if place not in _ANYWHERE else f"http://{_ANYWHERE[place]}:{port}"
    print(gettext("Studio: open {address} in a browser. Ctrl-C ends it.", address=mine), flush=True)
    if settings.token is None or is_loopback(settings.host):
        return
    seen = address if place not in _ANYWHERE else f"http://{_network_address()}:{port}"
    print(
        gettext("On another device: {address} with the token {token}", address=seen, token=settings.token),
        flush=True,
    )


def _network_address() -> str:
    """Return the address that other devices know this one by: that of the way out; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))  # TEST-NET-1, which leads nowhere (RFC 5737)
            return str(way.getsockname()[0])
        except OSError:
            return socket.gethostname()
