"""Image files for Pillow that end a header which never ends.

Many of Pillow's readers look for the next part of a header byte by byte, so that a file of megabytes without
one takes seconds, and one of a gigabyte minutes.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from typing import Any, Iterator

from PIL import Image

from onnxnn_runtime.errors import InputError

HEADER_READS = 1_000_000
"""How often Pillow may read of one file before its size in pixels is known."""

PIXEL_READS = 1_000_000
"""How often after that: formats that Pillow decodes in Python, such as QOI, take a few bytes at a time."""

_SMALL = 2**21
"""Bytes of a file that may be read in any way, since that takes a second at most."""


_PLAIN = (b"P1", b"P2", b"P3")
"""How files of Netpbm begin whose pixels are written out as text."""

_LARGEST_PLAIN = 2**24
"""Bytes of such a file; Pillow reads some two million of them in a second."""


class _Counted:
    """A file that stops being read when it was read too often."""

    left = HEADER_READS
    has_header = False

    def read(self, *size: object) -> Any:
        self._count()
        return super().read(*size)  # type: ignore[misc]  # of the file beside it

    def readline(self, *size: object) -> Any:
        self._count()
        return super().readline(*size)  # type: ignore[misc]

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0 and self.has_header:
            raise InputError.coded(
                "E-INPUT-10",
                "it has too many pixels for its format, which is read in small steps. Save it as PNG.",
            )
        if self.left < 0:
            raise InputError.coded(
                "E-INPUT-09",
                "its parts are too many or too small, as in a damaged or forged file. Save it again as PNG.",
            )


class _File(_Counted, io.BufferedReader):
    pass


class _Bytes(_Counted, io.BytesIO):
    pass


@contextlib.contextmanager
def opened(source: str | io.BytesIO) -> Iterator[Image.Image]:
    """Open an image file with Pillow.

    Args:
        source: Its path, or its content.

    Raises:
        InputError: Reading it, here or later, takes too many steps.
        Exception: Whatever Pillow raises for what is no image.
    """
    size = os.path.getsize(source) if isinstance(source, str) else source.getbuffer().nbytes
    with contextlib.ExitStack() as stack:
        if _start(source) in _PLAIN:
            yield stack.enter_context(Image.open(_without_comments(source, size)))
            return
        if size <= _SMALL:
            yield stack.enter_context(Image.open(source))
            return
        is_path = isinstance(source, str)
        file: Any = _File(io.FileIO(source)) if is_path else _Bytes(source.getvalue())  # type: ignore[union-attr, arg-type]
        stack.enter_context(file)
        image = stack.enter_context(Image.open(file))
        file.left += PIXEL_READS
        file.has_header = True
        yield image


def _start(source: str | io.BytesIO) -> bytes:
    if not isinstance(source, str):
        return bytes(source.getbuffer()[:2])
    with open(source, "rb") as file:
        return file.read(2)


def _without_comments(source: str | io.BytesIO, size: int) -> io.BytesIO:
    """Return a plain file of Netpbm without its comments, each of which makes Pillow copy a megabyte."""
    if size > _LARGEST_PLAIN:
        raise InputError.coded(
            "E-INPUT-10",
            "expected at most {most:.0f} MB of pixels as text, got {size:.0f} MB. Save it as PNG.",
            most=_LARGEST_PLAIN / 1e6,
            size=size / 1e6,
        )
    if isinstance(source, str):
        with open(source, "rb") as file:
            content = file.read(_LARGEST_PLAIN)
    else:
        content = source.getvalue()
    return io.BytesIO(re.sub(rb"#[^\r\n]*", b"", content))
