"""`/thumbnail`: the image of an entry of the gallery, small, for the page."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onnxnn_runtime.messages.shorten import shortened

from .errors import UnknownModel
from .images import FORMATS, check_image
from .settings import ServerSettings

if TYPE_CHECKING:
    from .state import ServerState

__all__ = ["SIDE", "routes"]

SIDE = 256
"""Pixels of the longer side."""


def routes(state: ServerState) -> list[Route]:
    """Return the route of the images; none without a gallery."""
    return [Route("/thumbnail", _thumbnail)] if state.gallery is not None else []


async def _thumbnail(request: Request) -> Response:
    """Answer with the image that an entry was built of, where its name is a file that is still there."""
    state: ServerState = request.app.state.onnxnn
    name = request.query_params.get("name", "")
    found = state.gallery
    if found is None or name not in found.gallery:  # no other path is ever opened
        raise _missing(name)
    jpeg = await found.served.call(lambda model: thumbnail(name, state.settings))
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": "no-cache"})


def thumbnail(path: str, settings: ServerSettings) -> bytes:
    """Return an image file as a JPEG of at most `SIDE` pixels.

    Args:
        path: The file, the name of an entry.
        settings: Limits.

    Raises:
        UnknownModel: There is no such file.
        RequestError: It is no image that the server reads.
    """
    try:
        if not Path(path).is_file():
            raise _missing(path)
        with open(path, "rb") as file:
            data = file.read(settings.max_body_bytes)
    except (OSError, ValueError) as error:  # ValueError: the name has a zero byte
        raise _missing(path) from error
    check_image(data, settings)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            opened.draft("RGB", (SIDE, SIDE))
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except Exception as error:  # Pillow raises many kinds for broken files
        raise _missing(path) from error
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def _missing(name: str) -> UnknownModel:
    return UnknownModel.coded(
        "E-SERVER-01", "{name}: the gallery has no image of this name.", name=shortened(name)
    )
