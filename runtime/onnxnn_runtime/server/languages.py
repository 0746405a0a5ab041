"""In which language a request is answered: that of the browser, by its header Accept-Language."""

from __future__ import annotations

from onnxnn_runtime.messages.catalogue import CHINESE, ENGLISH

_LONGEST = 1000
"""Characters of a header that are looked at."""


def language_of(header: str) -> str | None:
    """Return the language of messages to a client (RFC 9110, 12.5.4): "zh_CN" or "en".

    Args:
        header: Accept-Language, such as "zh-CN,zh;q=0.9,en;q=0.8"; "" where there is none.

    Returns:
        The one of both that has the highest weight, the first of equal ones; English where others alone are
        named, as the page does; None, the language of the server, where nothing or anything ("*") is.
    """
    found, best, is_named = None, 0.0, False
    for each in header[:_LONGEST].split(","):
        name, _, rest = each.strip().lower().partition(";")
        name, weight = name.strip(), _weight(rest)
        is_named = is_named or name not in ("", "*")
        language = {"zh": CHINESE, "en": ENGLISH}.get(name.partition("-")[0])
        if language is not None and weight > best:
            found, best = language, weight
    return found or (ENGLISH if is_named else None)


def _weight(parameters: str) -> float:
    """Return the weight of a language, 0..1; 1 without one, and 0 of what is none."""
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
