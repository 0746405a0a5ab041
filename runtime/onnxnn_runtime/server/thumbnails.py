"""`/thumbnail`: the image of an entry of the gallery, small, for the page.

The name of an entry is a path, and a gallery that somebody else made may name any file of this machine. So a
file is shown only where its SHA-256 is the one that the gallery has of it: whoever made the gallery had its
content, and one that was changed since is not the image that was found. On Windows a path on another
machine is not even looked at: that alone would connect to it, and send who is asking.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from typing import TYPE_CHECKING

from PIL import Image, ImageOps
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.messages.catalogue import speaking
from onnxnn_runtime.messages.shorten import shortened

from .errors import UnknownModel
from .images import FORMATS, check_image
from .search import cannot_be_read
from .settings import ServerSettings

if TYPE_CHECKING:
    from onnxnn_runtime.gallery.gallery import Gallery

    from .state import ServerState

__all__ = ["SIDE", "routes", "small_jpeg"]

SIDE = 256
"""Pixels of the longer side."""


def routes(state: ServerState) -> list[Route]:
    """Return the route of the images; none without a gallery."""
    return [Route("/thumbnail", _thumbnail)] if state.gallery is not None else []


async def _thumbnail(request: Request) -> Response:
    """Answer with the image that an entry was built of, where its file is as it was then."""
    state: ServerState = request.app.state.onnxnn
    name = request.query_params.get("name", "")
    found = state.gallery
    if found is None:
        raise _missing(name)
    jpeg = await found.served.call(lambda model: thumbnail(found.gallery, name, state.settings))
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-cache"})


def thumbnail(gallery: Gallery, name: str, settings: ServerSettings) -> bytes:
    """Return the image of an entry as a JPEG of at most `SIDE` pixels.

    Args:
        gallery: The gallery.
        name: The name of the entry.
        settings: Limits.

    Raises:
        UnknownModel: There is no such entry or file, or the file is not the one that the gallery knows.
        RequestError: It is no image that the server reads.
    """
    data = _content(gallery, name, settings.max_body_bytes)
    check_image(data, settings)
    try:
        return small_jpeg(data)
    except Exception as error:  # Pillow raises many kinds for broken files
        raise _missing(name) from error


def small_jpeg(data: bytes) -> bytes:
    """Return an image, of which `check_image` knows, as an upright JPEG of at most `SIDE` pixels.

    Args:
        data: The content of its file.

    Raises:
        Exception: The file is broken: Pillow raises many kinds.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        opened.draft("RGB", (SIDE, SIDE))
        image = ImageOps.exif_transpose(opened).convert("RGB")
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    # Pillow would keep the comment of the file that was given, and refuse a long one.
    image.save(buffer, format="JPEG", quality=85, comment=b"")
    return buffer.getvalue()


def _content(gallery: Gallery, name: str, most: int) -> bytes:
    """Return the content of the file of an entry, of `most` bytes at most."""
    try:
        with speaking(None):  # the log is for whoever runs the server
            known = gallery.file_of(name)
    except OnnxnnError as error:  # it names the folder, which clients need not know
        raise cannot_be_read(error) from error
    if known is None or known[0] > most or is_remote(name):
        raise _missing(name)
    size, _, sha256 = known
    try:
        found = os.stat(name)
        if not stat.S_ISREG(found.st_mode) or found.st_size != size:
            raise _missing(name)
        with open(name, "rb") as file:
            data = file.read(size + 1)
    except (OSError, ValueError) as error:  # ValueError: the name has a zero byte
        raise _missing(name) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _missing(name)
    return data


def is_remote(path: str, windows: bool = os.name == "nt") -> bool:
    r"""Return whether a path is one of Windows on another machine, or of a device: \\machine\share, \\.\pipe.

    Args:
        path: The path.
        windows: Whether this is Windows.
    """
    return windows and path.replace("/", "\\").startswith("\\\\")


def _missing(name: str) -> UnknownModel:
    return UnknownModel.coded(
        "E-SERVER-01",
        "{name}: the gallery has no image of this name. Take a name that /search returned.",
        name=shortened(name),
    )
