"""Text in images, in a font that has the characters: Chinese needs one that the system may lack."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from typing import Any, Iterator, NamedTuple

from PIL import ImageDraw, ImageFont

from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn

ENVIRONMENT = "ONNXNN_FONT"
"""The environment variable that names a font file to take before all others."""

_NAMES = [
    "notosanscjk",
    "notosanssc",
    "notosanshans",
    "sourcehansans",
    "msyh",
    "pingfang",
    "hiraginosansgb",
    "stheiti",
    "wqy",
    "simhei",
    "deng",
    "harmonyos",
    "droidsansfallback",
    "notoserifcjk",
    "notoserifsc",
    "sourcehanserif",
    "simsun",
    "songti",
    "uming",
    "ukai",
    "arialuni",
    "unifont",
]
"""How the names of fonts with Chinese characters begin, in lower case without spaces; the best first."""

_CJK = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")

_SUFFIXES = (".ttf", ".ttc", ".otf")


class Lettering(NamedTuple):
    """A text and the font that can write it.

    Attributes:
        text: The text; characters that no font has are "?".
        path: The font's file; None where every font will do.
    """

    text: str
    path: str | None


def lettering(text: str) -> Lettering:
    """Return a text with a font for it; without any font for Chinese, warn once and put "?" in its place."""
    if not has_cjk(text):
        return Lettering(text, None)
    path = cjk_font()
    if path is None:
        _warn_missing(os.environ.get(ENVIRONMENT, ""))
        text = "".join("?" if has_cjk(character) else character for character in text)
    return Lettering(text, path)


def draw_text(
    draw: ImageDraw.ImageDraw,
    position: tuple[float, float],
    text: str,
    color: tuple[int, ...] | int | str,
    size: int,
    anchor: str | None = None,
) -> None:
    """Write a text into an image.

    Args:
        draw: A `PIL.ImageDraw`.
        position: Where, (x, y).
        text: What, in one line.
        color: The ink.
        size: The height of the letters in pixels.
        anchor: Which point of the text `position` is, as Pillow names it; Pillow's small default font
            of old versions knows none.
    """
    text, path = lettering(text)
    font = _font(path, size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        draw.text(position, text.encode("latin-1", "replace").decode("latin-1"), color, font=font)
        return
    draw.text(position, text, color, font=font, anchor=anchor)


def has_cjk(text: str) -> bool:
    """Return whether a text holds Chinese, Japanese or Korean characters, or their punctuation."""
    return _CJK.search(text) is not None


@lru_cache(maxsize=None)
def cjk_font() -> str | None:
    """Return the file of a font with Chinese characters; None where none is installed."""
    given = os.environ.get(ENVIRONMENT)
    if given:
        return given if _writes_chinese(given) else None
    ranked = sorted((rank, path) for path, rank in _candidates())
    return next((path for _, path in ranked if _writes_chinese(path)), None)


@lru_cache(maxsize=None)
def _warn_missing(given: str) -> None:
    """Warn, once, that there is no font for Chinese."""
    if not given:
        text = gettext(
            "no font with Chinese characters was found; they are drawn as '?'. Install one (on Debian and "
            "Ubuntu: apt install fonts-noto-cjk), or name a font file in the environment variable "
            "{variable}.",
            variable=ENVIRONMENT,
        )
    elif os.path.isfile(given):
        text = gettext(
            "{variable}={file}: expected a font with Chinese characters, got a file without; they are drawn "
            "as '?'. Name another file, or unset the variable to use the system's fonts.",
            variable=ENVIRONMENT,
            file=shortened(given),
        )
    else:
        text = gettext(
            "{variable}={file}: no such file; Chinese characters are drawn as '?'. Name another file, or "
            "unset the variable to use the system's fonts.",
            variable=ENVIRONMENT,
            file=shortened(given),
        )
    warn(text)


def _candidates() -> Iterator[tuple[str, int]]:
    for folder in _folders():
        for directory, _, files in os.walk(folder):
            for name in files:
                plain = name.lower().replace(" ", "").replace("-", "").replace("_", "")
                rank = next((i for i, known in enumerate(_NAMES) if plain.startswith(known)), None)
                if rank is not None and plain.endswith(_SUFFIXES):
                    yield os.path.join(directory, name), rank


def _folders() -> tuple[str, ...]:
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        windows = os.environ.get("WINDIR", r"C:\Windows")
        local = os.environ.get("LOCALAPPDATA", home)
        return os.path.join(windows, "Fonts"), os.path.join(local, "Microsoft", "Windows", "Fonts")
    if sys.platform == "darwin":
        return "/System/Library/Fonts", "/Library/Fonts", os.path.join(home, "Library", "Fonts")
    return (
        "/usr/share/fonts",
        "/usr/local/share/fonts",
        os.path.join(home, ".local", "share", "fonts"),
        os.path.join(home, ".fonts"),
    )


def _writes_chinese(path: str) -> bool:
    """Return whether a font file opens and has a different glyph for each of two characters."""
    try:
        font = ImageFont.truetype(path, 16)
        one, other = (bytes(font.getmask(character)) for character in "中文")
    except (OSError, ValueError):
        return False
    return one != other


@lru_cache(maxsize=32)
def _font(path: str | None, size: int) -> Any:
    if path is not None:
        return ImageFont.truetype(path, size)
    try:
        return ImageFont.load_default(size)
    except TypeError:  # before Pillow 10.1 there is one size only
        return ImageFont.load_default()
