"""Text in images: in the language of the user where a font can write it, else in English."""

from __future__ import annotations

from onnxnn_runtime.images.fonts import cjk_font
from onnxnn_runtime.messages import catalogue


def gettext(message: str, **values: object) -> str:
    """Return a text to draw; it is English where no font has the characters of the user's language.

    Args:
        message: The English text, a literal, with a {name} for each of the values.
        values: What to put in.
    """
    return catalogue.gettext(message, **values) if _can_write() else message.format(**values)


def ngettext(one: str, many: str, count: int) -> str:
    """Return a text to draw about a number of things; it is English where `gettext` is.

    Args:
        one: The English text where `count` is 1, a literal; {count} stands for the number.
        many: The English text for other numbers.
        count: How many.
    """
    if _can_write():
        return catalogue.ngettext(one, many, count)
    return (one if count == 1 else many).format(count=count)


def _can_write() -> bool:
    """Return whether a font has the characters of the user's language."""
    return catalogue.language() == "en" or cjk_font() is not None
