"""Which encoding a text has that is not UTF-8: the one that gives words of one script.

In Latin-1 the bytes of "pétale" are p, 0xE9, t, a, l, e. Read as GBK, 0xE9 and t are one rare Chinese
character inside a Latin word. So each encoding is tried, and what it gives is judged: Chinese and Japanese
text is made of common characters, European text of words whose letters are all Latin or all Cyrillic.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Callable

from .errors import InputError

__all__ = ["guess"]

_SURE = 0.5
"""From this share of common characters on nothing is said about GBK, which spreadsheets write in China."""


def guess(source: str, data: bytes) -> tuple[str, str]:
    """Return the most plausible encoding of text that is not UTF-8, and what to say about it.

    Args:
        source: What messages call the text.
        data: Lines that hold bytes outside ASCII.

    Returns:
        The encoding as Python calls it, and a sentence; "" where it is GBK beyond doubt.

    Raises:
        InputError: It is no text in any encoding that is tried.
    """
    texts = ((name, judge, _decoded(data, name)) for name, judge in _JUDGES)
    scores = [(judge(text), name) for name, judge, text in texts if text is not None]
    if not scores or max(scores, key=_first)[0] <= 0:
        raise InputError(
            f"{source}: is no text in UTF-8, UTF-16 or GBK, nor in another encoding that is recognised; save "
            "it as CSV in UTF-8, or name its encoding with encoding=."
        )
    score, encoding = max(scores, key=_first)  # of equals the first
    if encoding == "gb18030" and score >= _SURE:
        return encoding, ""
    word = re.search(r"\w*[^\W\x00-\x7f]\w*", data.decode(encoding))
    shown = f", such as {word.group()[:20]!r}" if word else ""
    return encoding, f"{source}: is not UTF-8, so it is read as {encoding}{shown}; encoding= chooses another."


def _first(pair: tuple[float, str]) -> float:
    return pair[0]


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _chinese(text: str) -> float:
    """Return the share of characters that are among the 3,755 common ones of GB 2312, or its marks."""
    return _share(text, lambda two: len(two) == 2 and two[1] >= 0xA1 and two[0] in _GB2312, "gb18030")


_GB2312 = frozenset([*range(0xA1, 0xA4), *range(0xB0, 0xD8)])
"""First bytes of the marks and of the common characters."""


def _traditional(text: str) -> float:
    """Return the share of characters that are among the 5,401 common ones of Big5, or its marks."""
    return _share(text, lambda two: len(two) == 2 and 0xA1 <= two[0] <= 0xC6, "big5") * 0.99


def _japanese(text: str) -> float:
    """Return the share of kana and of the 2,965 common characters of JIS X 0208, where there is any kana."""
    kana = re.search("[\u3041-\u30fe]", text)
    common = _share(text, lambda two: len(two) == 2 and 0x81 <= two[0] <= 0x98, "shift_jis")
    return common if kana else 0.0


def _share(text: str, common: Callable[[bytes], bool], encoding: str) -> float:
    found = [character for character in text if ord(character) > 127]
    good = sum(common(character.encode(encoding)) for character in found)
    inside = len(re.findall("(?<=[a-z])[\u4e00-\u9fff](?=[a-z])", text))  # a character within a Latin word
    return (good - inside) / len(found) if found else 0.0


def _western(text: str) -> float:
    return _words(text, "LATIN")


def _cyrillic(text: str) -> float:
    return _words(text, "CYRILLIC") * 0.98


_SYMBOLS = "°µ²³½¼¾€£§«»·±×"
"""Characters of measures and of quotes; they count half, where they stand in no known measure."""

_MEASURES = re.compile(r"°[CF]?\b|(?<=[0-9 ])°|µ(?=[a-zA-Z])|(?<=[a-z])[²³]")


def _words(text: str, script: str) -> float:
    """Return the share of characters outside ASCII in words that are plausible in one script."""
    total = sum(ord(character) > 127 for character in text)
    good = (sum(text.count(symbol) for symbol in _SYMBOLS) + len(_MEASURES.findall(text))) / 2
    if script == "CYRILLIC" and len(set(re.findall("[\u0400-\u04ff]", text))) < 3:
        return 0.0
    for word in re.findall(r"[^\W\d_]+", text):
        foreign = sum(ord(character) > 127 for character in word)
        if foreign and _is_word(word, foreign, script):
            good += foreign
    return good / total if total else 0.0


def _is_word(word: str, foreign: int, script: str) -> bool:
    if not all(script in unicodedata.name(character, "") for character in word):
        return False
    cased = word.islower() or word.isupper() or word.istitle()
    mostly_ascii = script != "LATIN" or foreign <= len(word) - foreign + 1
    return cased and mostly_ascii


_JUDGES: tuple[tuple[str, Callable[[str], float]], ...] = (
    ("gb18030", _chinese),
    ("big5", _traditional),
    ("shift_jis", _japanese),
    ("cp1252", _western),
    ("cp1251", _cyrillic),
)
