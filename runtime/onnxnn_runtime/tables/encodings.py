"""Which encoding a text has that is not UTF-8: the one in which it is most probable.

Each encoding is tried, and the logarithms of how often its characters occur in a language are summed (naive
Bayes). In Latin-1 the bytes of "pétale" are p, 0xE9, t, a, l, e: a word of Latin letters. Read as GBK, 0xE9
and t are one Chinese character that hardly occurs. "길이" in EUC-KR is 辨捞 in GBK: the syllables are
frequent, the characters are not.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Callable, Iterator, NamedTuple, Pattern, Sequence

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from . import letters

_SURE = 4.0
"""Logarithm of the odds from which on no other encoding is mentioned."""

_NO_TEXT = -8.0
"""Mean logarithm of a byte's probability below which bytes are no text."""

_SAMPLE = 2**16
"""Bytes that decide."""

_Cost = Callable[[str], float]


class _Model(NamedTuple):
    """An encoding as one kind of file has it.

    Args:
        encoding: As Python calls it.
        prior: The logarithm of how common such files are, beside those in GBK.
        languages: For each language, the logarithm of a character's probability.
        letters: What words consist of: "Latin", "other" letters, or "" where they are characters.
    """

    encoding: str
    prior: float
    languages: Sequence[_Cost]
    letters: str = ""


class _Found(NamedTuple):
    score: float
    encoding: str
    text: str


def guess(source: str, data: bytes) -> tuple[str, str]:
    """Return the most plausible encoding of text that is not UTF-8, and what to say about it.

    Args:
        source: What messages call the text.
        data: Lines that hold bytes outside ASCII.

    Returns:
        The encoding as Python calls it, and a sentence; "" where it is GBK beyond doubt, which spreadsheets
        write in China.

    Raises:
        InputError: It is no text in any encoding that is tried, or UTF-8 with broken bytes.
    """
    _check_not_broken(source, data)
    found = sorted(_candidates(data), key=lambda each: -each.score)  # of equals the first
    if not found:
        raise InputError.coded(
            "E-INPUT-02",
            "{source}: expected text in UTF-8, UTF-16, GBK or another encoding that is recognised, got "
            "other bytes. Save it as CSV in UTF-8, or name its encoding with encoding=.",
            source=source,
        )
    best = found[0]
    others = [each for each in found if each.text != best.text and best.score - each.score < _SURE]
    if best.encoding == "gb18030" and not others:
        return best.encoding, ""
    if others:
        return best.encoding, gettext(
            "{source}: is not UTF-8 and is read as {encoding}, but may be {other}. Use encoding= to choose.",
            source=source,
            encoding=_with_word(best),
            other=_with_word(others[0]),
        )
    return best.encoding, gettext(
        "{source}: is not UTF-8 and is read as {encoding}. Use encoding= to choose another.",
        source=source,
        encoding=_with_word(best),
    )


def _check_not_broken(source: str, data: bytes) -> None:
    """Refuse UTF-8 that is damaged, cut short or mixed with another encoding.

    By chance few bytes of other encodings are UTF-8: of GBK about every sixth character, such as both of
    停止, which say no more where they stand in a hundred rows. Three bytes hardly are, nor those within
    Latin words.
    """
    text = data.decode("utf-8", "replace")
    distinct = _distinct(data).decode("utf-8", "replace")
    if _is_mostly(_SURE_UTF8, text) or _is_mostly(_ANY_UTF8, distinct):
        line = next((line for line in text.split("\n") if "\ufffd" in line), "")
        raise InputError.coded(
            "E-INPUT-02",
            "{source}: expected UTF-8 throughout, got other bytes in {line}; it is damaged, cut short or "
            "put together from several encodings. Save it as CSV in UTF-8, or name its encoding with "
            "encoding=.",
            source=source,
            line=shortened(line, 60),
        )


_ANY_UTF8 = re.compile("[^\x00-\x7f\ufffd]")
_SURE_UTF8 = re.compile("[^\x00-\u07ff\ufffd]|(?<=[a-zA-Z])[\x80-\u07ff]|[\x80-\u07ff](?=[a-zA-Z])")


def _is_mostly(good: Pattern[str], text: str) -> bool:
    found = len(good.findall(text))
    return found > 1 and found > 2 * text.count("\ufffd")


def _distinct(data: bytes) -> bytes:
    """Return each cell once: a word that stands in every row says no more about the encoding than in one."""
    return b"\n".join(dict.fromkeys(re.split(rb'[,;\t\r\n"]+', data)))


def _with_word(found: _Found) -> str:
    """Return the name of an encoding with a word that it makes: "cp1252 ('pétale')"."""
    word = re.search(r"\w*[^\W\x00-\x7f]\w*", found.text)
    return f"{found.encoding} ({word.group()[:20]!r})" if word else found.encoding


def _candidates(data: bytes) -> Iterator[_Found]:
    if len(data) > _SAMPLE:
        data = data[: data.rfind(b"\n", 0, _SAMPLE) + 1] or data[:_SAMPLE]
    data = _distinct(data)
    size = sum(byte > 127 for byte in data)
    for model in _MODELS:
        try:
            text = data.decode(model.encoding)
        except UnicodeDecodeError:
            continue
        counts = Counter(text)
        plain = sum(counts.pop(character) for character in list(counts) if character < "\x80")
        if model.letters == "other" and len(counts) < 3:
            continue
        costs = (sum(count * cost(each) for each, count in counts.items()) for cost in model.languages)
        likely = max(costs) + _form(text, model.letters)
        if likely >= _NO_TEXT * size:
            # "t" costs nothing where it is half of a character
            yield _Found(model.prior + likely + _PLAIN * plain, model.encoding, text)


# ---- how probable a character is, as a logarithm

_PLAIN = -3.3  # ASCII
_RARE = -17.0
_SYMBOLS = "°µ²³½¼¾€£§«»·±×–—‘’“”„…№"


def _latin(accents: str) -> _Cost:
    costs = {letter: math.log(0.03 * 0.85**place) for place, letter in enumerate(accents)}
    return lambda character: costs.get(character, -8.0 if character in _SYMBOLS else -14.0)


def _alphabet(alphabet: str) -> _Cost:
    costs = {letter: math.log(0.1 * 0.9**place) for place, letter in enumerate(alphabet)}
    costs.update({letter.upper(): cost - 1 for letter, cost in costs.items() if letter != letter.upper()})
    return lambda character: costs.get(character, -8.0 if character in _SYMBOLS else -14.0)


def _chinese(character: str) -> float:
    first = _first_byte(character, "gb2312")
    return _han(character, 0xB0 <= first <= 0xD7, first >= 0xD8, 0xA1 <= first <= 0xA3)


def _traditional(character: str) -> float:
    first = _first_byte(character, "big5")
    return _han(character, 0xA4 <= first <= 0xC6, first >= 0xC9, 0xA1 <= first <= 0xA3)


def _japanese(character: str) -> float:
    if "\u3041" <= character <= "\u30fe":  # kana
        return -5.5
    if "\uff61" <= character <= "\uff9f":  # kana of half a width
        return -8.7
    first = _first_byte(character, "shift_jis")
    return _han(character, 0x88 <= first <= 0x98, first >= 0x99, 0x81 <= first <= 0x83) - 0.8


def _korean(character: str) -> float:
    if character in letters.HANGUL:
        return -5.8
    first = _first_byte(character, "euc_kr")
    if "\uac00" <= character <= "\ud7a3":
        return -9.3 if first else -15.0
    return -7.0 if 0xA1 <= first <= 0xA3 else _RARE


def _han(character: str, is_common: bool, is_rare: bool, is_mark: bool) -> float:
    """Return the cost of a character by the part of its encoding in which it stands."""
    if character in letters.HANZI and (is_common or is_rare):
        return -6.9
    return -7.0 if is_mark else -9.5 if is_common else -12.0 if is_rare else _RARE


def _first_byte(character: str, encoding: str) -> int:
    """Return the first of a character's two bytes; 0 where it has none in an encoding."""
    two = character.encode(encoding, "ignore")
    return two[0] if len(two) == 2 else 0


# ---- how probable words are

_MEASURE = re.compile(
    r"°[CF]?\b|(?<=[0-9 ])°|µ[a-zA-Z]|(?<=\b[cdkm]m)[²³]|(?<=\bm)[²³]|(?<=\bft)[²³]"
    r"|(?<=[0-9])\xa0(?=[0-9])|(?<![^\W\d_])[£€](?![^\W\d_])"
)
_INSIDE = re.compile("(?<=[a-z])[\u4e00-\u9fff\uac00-\ud7a3](?=[a-z])")
_SPLIT = re.compile(f"(?<=[^\\W\\d_])[{_SYMBOLS}](?=[^\\W\\d_])|(?<=[0-9])[^\\W\\d_a-zA-Z](?=[0-9])")


def _form(text: str, kind: str) -> float:
    """Return what measures, the case of letters and the neighbours of symbols and characters say."""
    score = 6.0 * len(_MEASURE.findall(text)) - 4.0 * len(_INSIDE.findall(text))
    if not kind:
        return score
    for word, count in Counter(re.findall(r"[^\W\d_]+", text)).items():
        if word.isascii():
            continue
        mixed = kind == "other" and re.search("[a-zA-Z]", word) is not None
        score -= 4.0 * count * (_jumps(word) + mixed)
    return score - 5.0 * len(_SPLIT.findall(text))


def _jumps(word: str) -> int:
    """Return how often case changes within a word as it hardly does: "aB", "ABc"; in ASCII it may."""
    triples = zip(" " + word, word, word[1:])
    return sum(
        ((b.islower() and c.isupper()) or (a.isupper() and b.isupper() and c.islower()))
        and not (b + c).isascii()
        for a, b, c in triples
    )


def _latins(encoding: str, prior: float, languages: Sequence[str]) -> _Model:
    return _Model(encoding, prior, tuple(map(_latin, languages)), "Latin")


def _others(encoding: str, prior: float, languages: Sequence[str]) -> _Model:
    return _Model(encoding, prior, tuple(map(_alphabet, languages)), "other")


_MODELS = (
    _Model("gb18030", 0.0, (_chinese,)),
    _latins("cp1252", -3.0, letters.WESTERN),
    _latins("cp1250", -4.0, letters.CENTRAL),
    _latins("cp1254", -4.0, letters.TURKISH),
    _latins("cp1257", -4.0, letters.BALTIC),
    _Model("big5", -3.0, (_traditional,)),
    _Model("cp932", -3.0, (_japanese,)),
    _Model("cp949", -4.0, (_korean,)),
    _others("cp1251", -4.0, letters.CYRILLIC),
    _others("cp1253", -4.0, letters.GREEK),
    _others("cp1255", -4.0, letters.HEBREW),
    _others("cp1256", -4.0, letters.ARABIC),
    _others("cp874", -4.0, letters.THAI),
    _Model("euc_jp", -6.0, (_japanese,)),
    _others("koi8_r", -6.0, letters.CYRILLIC[:1]),
    _others("cp866", -6.0, letters.CYRILLIC[:1]),
    _latins("iso8859_2", -5.0, letters.CENTRAL),
    _latins("mac_roman", -6.0, letters.WESTERN),
    _latins("cp850", -6.0, letters.WESTERN),
)
