"""From an image in any form to an upright PIL image of mode "RGB" or "L"."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from pathlib import Path
from typing import Any, Callable, Union

import numpy as np
from PIL import Image, UnidentifiedImageError

from onnxnn_runtime.errors import InputError, located
from onnxnn_runtime.files.access import cannot_read, regular_file
from onnxnn_runtime.messages.catalogue import Message, coded, gettext, ngettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.system import system_reason

from . import patience
from .formats import unreadable
from .memory import shared
from .modes import as_uint8, to_mode

ImageLike = Union[str, Path, bytes, Image.Image, np.ndarray]
"""A file's path, a file's bytes, a file opened for reading, a PIL image, or an array (H, W), (H, W, 3),
(H, W, 4) or (H, W, 1)."""

CHANNEL_ORDERS = ("rgb", "bgr")
"""The orders in which arrays hold their channels; OpenCV reads images as "bgr"."""

MAX_MEMORY = 512 * 2**20
"""Bytes that decoding, converting or resizing one image may take at a time, and all that are read at once."""

# Pillow also warns of images half as large as those that it refuses. Filters of the caller come first.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)

_Transpose: Any = getattr(Image, "Transpose", Image)
_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
"""The orientations in which width and height change places."""

_TURNS = {
    2: _Transpose.FLIP_LEFT_RIGHT,
    3: _Transpose.ROTATE_180,
    4: _Transpose.FLIP_TOP_BOTTOM,
    5: _Transpose.TRANSPOSE,
    6: _Transpose.ROTATE_270,
    7: _Transpose.TRANSVERSE,
    8: _Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation (CIPA DC-008, tag 0x0112; Pillow turns counterclockwise)."""

_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""Bytes that Pillow keeps for a pixel (src/libImaging/Storage.c); 4 in every other mode."""

_WORK = {"WEBP": 12, "AVIF": 12, "HEIF": 12, "JPEG2000": 16}
"""Bytes for a pixel that decoders need beside the image."""

_PROGRESSIVE = 6
"""The same of a progressive JPEG file: 2 bytes for each coefficient."""

_HEAD = 256
"""How many bytes at the beginning of a file say what it is."""

_MAX_FILE = 2**30


def decode(
    image: ImageLike, color: str = "RGB", draft: tuple[int, int] | None = None, channel_order: str = "rgb"
) -> Image.Image:
    """Return an image upright (EXIF orientation applied) as a PIL image of mode "RGB" or "L".

    Palettes are looked up, 16-bit grey is scaled to 8 bits, CMYK is converted, transparency is laid
    over white, and of an animation the first frame is taken.

    Args:
        image: A path, a file's bytes, a file opened for reading in binary, a PIL image (left untouched), or
            an array as for `Preprocess`.
        color: "RGB" or "grayscale".
        draft: A JPEG file may be decoded at a fraction of its size that is not below this (height,
            width), upright; None decodes it as it is.
        channel_order: "bgr" where arrays hold blue first, as OpenCV reads images; everything else than
            arrays is RGB.

    Raises:
        InputError: It is no image, broken, or needs more memory than `MAX_MEMORY`.
        MissingInputError: The file does not exist.
    """
    with shared().one_image():
        if isinstance(image, np.ndarray):
            return to_mode(_from_array(image, channel_order), color)
        if isinstance(image, Image.Image):
            given = image
            return _reading("", lambda: _loaded(given, color))
        name, source, head = _opened(image)
        problem = unreadable(name, head)
        if problem is not None:
            raise InputError.coded(
                "E-INPUT-09",
                "{name}: {problem}.",
                name=_shown(name, source),
                problem=problem,
            )
        return _reading(name, lambda: _decoded(source, color, draft), source)


def upright_size(image: str | Path | bytes) -> tuple[int, int] | None:
    """Return (width, height) of an image file once it is upright, by its header; None where it is broken.

    What is no regular file, such as a named pipe, is never opened.
    """
    try:
        source = io.BytesIO(image) if isinstance(image, bytes) else str(regular_file(image))
        with patience.opened(source) as opened:
            width, height = opened.size
            return (height, width) if opened.getexif().get(_ORIENTATION, 1) in _TURNED else (width, height)
    except Exception:  # no file, or whatever Pillow raises for a broken one; decoding it says what is wrong
        return None


def is_file_object(value: object) -> bool:
    """Return whether a value is a file opened for reading, or acts like one."""
    return callable(getattr(value, "read", None))


def check_memory(what: str | Callable[[], str], needed: int) -> None:
    """Refuse what would take more memory than `MAX_MEMORY`, and wait until other threads leave room for it.

    Args:
        what: What takes it, for the message, such as "resizing it to 1 x 9", or a function that returns it.
        needed: Bytes.

    Raises:
        InputError: It would.
    """
    if needed > MAX_MEMORY:
        raise InputError.coded(
            "E-INPUT-10",
            "{what} needs {needed:.0f} MB; expected at most {most:.0f} MB for one image, because a "
            "forged one could fill the memory. Save it smaller; or, if you trust it, set "
            "onnxnn_runtime.images.decode.MAX_MEMORY to more bytes in your program.",
            what=what if isinstance(what, str) else what(),
            needed=needed / 1e6,
            most=MAX_MEMORY / 1e6,
        )
    shared().reserve(needed, MAX_MEMORY)


def _opened(image: object) -> tuple[str, str | io.BytesIO, bytes]:
    """Return (name, a path or an open binary file, how it begins) of a path, bytes or a file object.

    The name is "" where there is none; `_shown` says what messages call the image then.
    """
    if isinstance(image, (str, os.PathLike)):
        path = regular_file(image)
        try:
            with open(str(path), "rb") as file:
                head = file.read(_HEAD)
        except OSError as error:  # a broken disk, or a network that is gone
            raise cannot_read(image, error, "image") from error
        return str(path), str(path), head  # by its name Pillow loads the reader of its format alone
    if is_file_object(image):
        image, name = read_content(image), _name(image)
    elif isinstance(image, (bytes, bytearray, memoryview)):
        name = ""
    else:
        raise InputError.coded(
            "E-INPUT-05",
            "expected a path, bytes, an open file, a PIL image or a NumPy array as an image, got {got}.",
            got=type(image).__name__,
        )
    return name, io.BytesIO(image), bytes(image[:_HEAD])


def read_content(file: object, text: bool = False) -> bytes:
    """Return what stands in an open file, an image's from its beginning where it can be rewound.

    Args:
        file: Anything with a method `read`.
        text: Whether text (of `io.StringIO` and the like) may stand there, too.

    Raises:
        InputError: It is closed, breaks, returns something else, or has no end.
    """
    binary: Any = getattr(file, "buffer", file)  # below a file opened as text
    try:
        if not text and callable(getattr(binary, "seekable", None)) and binary.seekable():
            binary.seek(0)  # the image may just have been saved into it
        content = binary.read(_MAX_FILE + 1)
    except Exception as error:  # whatever a closed, detached or foreign object raises
        raise InputError.coded(
            "E-INPUT-02",
            "{name}: cannot be read ({reason}). Check the path and that you may read the file.",
            name=_name(file),
            reason=system_reason(error),
        ) from error
    if text and isinstance(content, str):
        content = content.encode("utf-8", "surrogateescape")
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise InputError.coded(
            "E-INPUT-02",
            "{name}: expected bytes from its read(), got {got}. Open it with mode 'rb'.",
            name=_name(file),
            got=type(content).__name__,
        )
    if len(content) > _MAX_FILE:
        raise InputError.coded(
            "E-INPUT-10",
            "{name}: expected an image file of at most {most:.0f} MB, got a larger one."
            " Save it smaller, as a JPEG for instance.",
            name=_name(file),
            most=_MAX_FILE / 1e6,
        )
    return bytes(content)


def _name(file: object) -> str:
    name = getattr(file, "name", None)
    return name if isinstance(name, str) and name else gettext("the open file")


def _shown(name: str, source: str | io.BytesIO | None) -> str:
    """Return what messages call an image; that of bytes or of Pillow has no name."""
    if name:
        return name
    if isinstance(source, io.BytesIO):
        return ngettext("the image of {count} byte", "the image of {count} bytes", source.getbuffer().nbytes)
    return gettext("the PIL image")


def _reading(
    name: str, read: Callable[[], Image.Image], source: str | io.BytesIO | None = None
) -> Image.Image:
    """Return what `read` returns; whatever goes wrong becomes an InputError that begins with the name.

    `source` is a path, or an open file of bytes, so that the message can say what it is instead of an image.
    """
    try:
        return read()
    except InputError as error:
        raise InputError(located(_shown(name, source), error)) from error
    except Image.DecompressionBombError as error:
        raise InputError.coded(
            "E-INPUT-10",
            "{name}: expected an image of at most {most:.0f} million pixels, got a larger one; a forged "
            "one could fill the memory. Save it smaller; or, if you trust it, raise "
            "PIL.Image.MAX_IMAGE_PIXELS in your program.",
            name=_shown(name, source),
            most=2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6,
        ) from error
    except UnidentifiedImageError as error:
        raise InputError(_no_image(_shown(name, source), source)) from error
    except Exception as error:  # Pillow raises many kinds for broken files; all mean the same here.
        shown = _shown(name, source)
        reason = system_reason(error)
        reason = (reason.replace(f"'{name}'", "it") if name else reason).strip()
        raise InputError(_unreadable(shown, reason or type(error).__name__)) from error


def _unreadable(name: str, reason: str) -> Message:
    return coded(
        "E-INPUT-09",
        "{name}: cannot be read as an image ({reason}). Save it again as PNG or JPEG, or leave it out.",
        name=name,
        reason=reason,
    )


def _no_image(name: str, source: str | io.BytesIO | None) -> Message:
    from onnxnn_runtime.files.filekind import (  # here, because only a mistake needs it
        UNKNOWN,
        instead,
        kind_of_content,
        kind_of_file,
    )

    if isinstance(source, io.BytesIO):
        kind = kind_of_content(source.getvalue())
    else:
        kind = UNKNOWN
        with contextlib.suppress(OSError):
            kind = UNKNOWN if source is None else kind_of_file(source)
    if kind == UNKNOWN or kind.is_image:
        why = gettext("its format is unknown") if kind == UNKNOWN else gettext("it is damaged")
        return _unreadable(name, why)
    return instead(name, gettext("an image"), kind, "E-INPUT-09")


def _decoded(source: str | io.BytesIO, color: str, draft: tuple[int, int] | None) -> Image.Image:
    with patience.opened(source) as opened:
        if opened.format == "EPS":  # Pillow would run Ghostscript on it
            raise InputError.coded(
                "E-INPUT-09",
                "expected an image of pixels, got PostScript, which is a program. Export it as PNG.",
            )
        if draft is not None:
            turned = opened.getexif().get(_ORIENTATION, 1) in _TURNED
            opened.draft(None, draft if turned else draft[::-1])
        return _loaded(opened, color)


def _loaded(image: Image.Image, color: str) -> Image.Image:
    """Return an image of Pillow in the mode that is wanted, if its pixels can be had in bounded memory."""
    width, height = image.size
    if not width or not height:
        raise InputError.coded(
            "E-INPUT-09",
            "expected an image with pixels, got {width} x {height}. Check what cut or resized it.",
            width=width,
            height=height,
        )
    stored, wanted = _BYTES.get(image.mode, 4), 1 if color == "grayscale" else 4
    work = _WORK.get(image.format or "", 0)
    if image.format == "JPEG" and image.info.get("progressive"):
        work = _PROGRESSIVE
    is_ready = image.mode == ("L" if color == "grayscale" else "RGB")
    check_memory(
        lambda: gettext(
            "an image of {width} x {height} pixels (mode {mode})", width=width, height=height, mode=image.mode
        ),
        width * height * (stored + max(work, 0 if is_ready else wanted)),
    )
    image.load()
    return to_mode(_upright(image), color)


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # A broken EXIF block says nothing about how the camera was held.
        turn = None
    if turn is None:
        return image
    width, height = image.size
    check_memory(
        lambda: gettext("turning an image of {width} x {height}", width=width, height=height),
        2 * width * height * _BYTES.get(image.mode, 4),
    )
    return image.transpose(turn)


def _from_array(array: np.ndarray, channel_order: str) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise InputError.coded(
            "E-INPUT-09",
            "expected an image of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got an array of shape "
            "{shape}. For several images give (N, H, W, 3), or a list of images.",
            shape=shape_text(array.shape),
        )
    height, width = array.shape[:2]
    check_memory(
        lambda: gettext(
            "an image of {width} x {height} ({dtype})", width=width, height=height, dtype=array.dtype
        ),
        4 * width * height,
    )
    if array.ndim == 3 and channel_order == "bgr":
        array = array[:, :, [2, 1, 0, 3][: array.shape[2]]]
    return Image.fromarray(as_uint8(array))
