"""Text in images: in the language of the user where a font can write it, else in English."""

from __future__ import annotations

from onnxnn_runtime.images.fonts import cjk_font
from onnxnn_runtime.messages import catalogue

__all__ = ["gettext"]


def gettext(message: str, **values: object) -> str:
    """Return a text to draw; it is English where no font has the characters of the user's language.

    Args:
        message: The English text, a literal, with a {name} for each of the values.
        values: What to put in.
    """
    if catalogue.language() != "en" and cjk_font() is None:
        return message.format(**values)
    return catalogue.gettext(message, **values)
