"""Images of strangers: which formats are read, and how many pixels they may have, before one is decoded."""

from __future__ import annotations

import io

from PIL import Image

from onnxnn_runtime.images.formats import unreadable
from onnxnn_runtime.messages.catalogue import ngettext

from .errors import BadRequest, TooLarge, UnsupportedMedia
from .settings import ServerSettings

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
"""What Pillow calls the formats that are read: those that phones, cameras and browsers write."""

_HEADS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"BM", b"GIF87a", b"GIF89a")
"""How files of these formats begin, so that Pillow is given no others."""


def check_image(data: bytes, settings: ServerSettings, name: str = "image") -> None:
    """Refuse an image by its first bytes and its header; nothing is decoded.

    Args:
        data: The file's content.
        settings: `max_pixels` is the most pixels.
        name: What errors call it.

    Raises:
        UnsupportedMedia: It is of another format than `FORMATS`.
        TooLarge: It has too many pixels.
        BadRequest: It is empty, or its header is damaged.
    """
    if not data:
        raise BadRequest.coded(
            "E-INPUT-09",
            "{name}: expected an image, got 0 bytes. Send the file again; the upload was empty.",
            name=name,
        )
    if not data.startswith(_HEADS):
        problem = unreadable("", data[:256])
        if problem is not None:
            raise UnsupportedMedia.coded("E-INPUT-09", "{name}: {problem}.", name=name, problem=problem)
        raise UnsupportedMedia.coded(
            "E-INPUT-09",
            "{name}: expected an image in one of the formats {formats}, got something else."
            " Save it as JPEG or PNG.",
            name=name,
            formats=", ".join(FORMATS),
        )
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            width, height = opened.size
    except Image.DecompressionBombError:
        width, height = settings.max_pixels, 2
    except Exception as error:  # Pillow raises many kinds for broken files; all mean the same here.
        raise BadRequest.coded(
            "E-INPUT-09",
            "{name}: expected an image, got {count} that begin as one but have no header.",
            name=name,
            count=ngettext("{count} byte", "{count} bytes", len(data)),
        ) from error
    if width * height > settings.max_pixels:
        raise TooLarge.coded(
            "E-INPUT-10",
            "{name}: expected an image of at most {most:.3g} million pixels, got a larger "
            "one. Save it smaller.",
            name=name,
            most=settings.max_pixels / 1e6,
        )
