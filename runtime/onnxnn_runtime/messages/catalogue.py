"""The one way in which text for people is worded: English in the source, other languages from catalogues.

    raise InputError.coded("E-INPUT-03", "{where}: expected {expected} columns, got {got}.", where=..., ...)

The English text is the key (gettext's msgid); its translation stands in the package that says it, in
`locale/zh_CN/LC_MESSAGES/<package>.po`, compiled to `.mo`. The language is that of the environment variable
ONNXNN_LANG ("en", "zh"), else the system's, else English; what no catalogue knows shows in English, and
so does everything where stdout or stderr cannot hold the characters of the language. Within `speaking` it is
the one that somebody else asked for, such as the browser that a server answers.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Iterator, Mapping

VARIABLE = "ONNXNN_LANG"
"""The environment variable that chooses the language."""

_RUNTIME = "onnxnn_runtime"
_OTHERS = ("onnxnn_cli", "onnxnn")
ENGLISH, CHINESE = "en", "zh_CN"
_CHINESE_ON_WINDOWS = 0x04
"""The primary language identifier of Chinese (Windows, "Language Identifiers")."""

_catalogues: dict[tuple[str, str], Any] = {}

_asked: ContextVar[str | None] = ContextVar("onnxnn_language", default=None)


class Message(str):
    """The text of an error, in the language of the user.

    Attributes:
        code: The stable code of its kind, e.g. "E-LAYER-03", which `onnxnn explain` explains.
    """

    code: str

    def __new__(cls, text: str, code: str) -> Message:
        """Return the text with its code."""
        message = super().__new__(cls, text)
        message.code = code
        return message

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """Return what pickle builds it of."""
        return str(self), self.code


def coded(__code: str, __message: str, **values: object) -> Message:
    """Return the text of an error in the language of the user, with the code of its kind.

    Args:
        __code: A key of `onnxnn_runtime.messages.codes.CODES`.
        __message: The English text, a literal, with a {name} for each of the values.
        values: What to put in; of an error of ours its text without its code.
    """
    return Message(_filled(_translated(__message), values), __code)


def gettext(__message: str, **values: object) -> str:
    """Return a text in the language of the user.

    Args:
        __message: The English text, a literal, with a {name} for each of the values.
        values: What to put in; of an error of ours its text without its code.
    """
    return _filled(_translated(__message), values)


def gettext_noop(message: str) -> str:
    """Mark the English text of a table for extraction and return it as it is; `gettext` looks it up later."""
    return message


def ngettext(__one: str, __many: str, count: int, **values: object) -> str:
    """Return a text about a number of things in the language of the user.

    Args:
        __one: The English text where `count` is 1, a literal; {count} stands for the number.
        __many: The English text for other numbers.
        count: How many.
        values: What else to put in.
    """
    text = __one if count == 1 else __many
    for catalogue in _loaded(language()):
        found = catalogue.ngettext(__one, __many, count)
        if found not in (__one, __many):
            text = found
            break
    return _filled(text, {"count": count, **values})


def following(sentence: str) -> str:
    """Return a sentence as it stands after another one: Chinese has no space between them."""
    return f" {sentence}" if sentence and language() == ENGLISH else sentence


def language() -> str:
    """Return the language of messages: "zh_CN" or "en"."""
    asked = _asked.get()
    if asked is not None:
        return asked
    chosen = os.environ.get(VARIABLE) or _system_language()
    return CHINESE if chosen.lower().startswith("zh") and _can_be_shown() else ENGLISH


@contextmanager
def speaking(chosen: str | None) -> Iterator[None]:
    """Word what is said within this block in one language, also in tasks that begin there (PEP 567).

    Args:
        chosen: "zh_CN" or "en", whatever stdout can hold; None for the language of the process.
    """
    token = _asked.set(chosen)
    try:
        yield
    finally:
        _asked.reset(token)


def _can_be_shown() -> bool:
    """Return whether the streams of the process hold Chinese: escapes and question marks help nobody."""
    names = {getattr(stream, "encoding", None) for stream in (sys.stdout, sys.stderr)}
    return all(_holds_chinese(name) for name in names if isinstance(name, str))


@lru_cache(maxsize=None)
def _holds_chinese(encoding: str) -> bool:
    try:
        "中".encode(encoding)
    except (LookupError, UnicodeError):
        return False
    return True


def _filled(text: str, values: Mapping[str, object]) -> str:
    return text.format(**{name: getattr(value, "text", value) for name, value in values.items()})


def _translated(message: str) -> str:
    for catalogue in _loaded(language()):
        found: str = catalogue.gettext(message)
        if found != message:
            return found
    return message


def _loaded(chosen: str) -> Iterator[Any]:
    """Yield the catalogues of the packages that are imported, the runtime's last: not every text needs it."""
    if chosen == ENGLISH:
        return
    for package in (*_OTHERS, _RUNTIME):
        if package in sys.modules or package == _RUNTIME:
            key = (package, chosen)
            if key not in _catalogues:
                _catalogues[key] = _open(*key)
            yield _catalogues[key]


def _open(package: str, chosen: str) -> Any:
    from gettext import translation  # here, because only other languages need it

    # The runtime itself may not be imported: the command loads this module by its path.
    folder = _FOLDER if package == _RUNTIME else os.path.dirname(str(sys.modules[package].__file__))
    return translation(package, os.path.join(folder, "locale"), [chosen], fallback=True)


_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _system_language() -> str:
    """Return the language of the system: "zh_CN.UTF-8", "zh", "en_GB", "C", ..."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = next(filter(None, names), "")
    if not chosen and sys.platform == "win32":
        import ctypes

        identifier = ctypes.windll.kernel32.GetUserDefaultUILanguage()
        return "zh" if identifier & 0x3FF == _CHINESE_ON_WINDOWS else "en"
    if chosen.partition(".")[0] in ("", "C", "POSIX"):
        return "en"
    return os.environ.get("LANGUAGE") or chosen  # as GNU gettext: first of LANGUAGE, "zh_CN:en"
