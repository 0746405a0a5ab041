"""Images of users as the files of a class: upright JPEG of a moderate size, without metadata."""

from __future__ import annotations

import io

from onnxnn_runtime.images.decode import decode
from onnxnn_runtime.server.images import check_image
from onnxnn_runtime.server.settings import ServerSettings

__all__ = ["SIDE", "as_jpeg"]

SIDE = 1024
"""Pixels of the longer side at most; networks for photographs take 224."""

_QUALITY = 92


def as_jpeg(data: bytes, settings: ServerSettings, name: str = "image") -> bytes:
    """Return an image as a JPEG that does not say where or with what it was taken.

    Args:
        data: The content of a file of any format that the server reads.
        settings: Limits.
        name: What errors call it.

    Raises:
        InputError: It is no such image, broken, or too large.
    """
    check_image(data, settings, name)
    image = decode(data, draft=(SIDE, SIDE))
    image.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    # Pillow would keep the comment of the file that was given, and refuse a long one.
    image.convert("RGB").save(file, format="JPEG", quality=_QUALITY, comment=b"")
    return file.getvalue()
