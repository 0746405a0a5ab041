"""In which language a message is."""

from __future__ import annotations

import re


def is_in(language, message, without=()):
    """Return whether a message is in Chinese ("zh") or has no Chinese characters ("en").

    Args:
        language: The language that is expected.
        message: The message.
        without: Names in it that are Chinese in every language.
    """
    for name in without:
        message = message.replace(name, "")
    return bool(re.search("[\u4e00-\u9fff]", message)) == (language == "zh")
