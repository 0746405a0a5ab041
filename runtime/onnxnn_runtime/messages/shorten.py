"""The one way in which messages quote a value of a user or a file.

A message must stay short and quick whatever it quotes: a list that holds itself, a text of megabytes,
an integer of a million digits, an object whose `__repr__` takes minutes. So nothing here calls a
foreign `__repr__`, walks more of a value than is shown, or lets a control character reach a terminal.
"""

from __future__ import annotations

import enum
import os
import types
from typing import Any, Iterable, Iterator, TypeVar, Union

from .catalogue import gettext

WHOLE = 6000
"""The limit with which a path or a line of a message shows whole."""

LONGEST = 1500
"""Characters of a message at most."""

_DEPTH = 4
"""Levels of nested lists and dicts that are shown."""

_DIGITS = 40
"""Digits of an integer that are shown."""


def shortened(value: object, limit: int = 80) -> str:
    """Return how a message shows a value: much like `repr`, in bounded time and size.

        shortened("cat")               "'cat'"
        shortened([1, [2, 3]])         "[1, [2, 3]]"
        shortened("a" * 1000, 20)      "'aaaaaaa...aaaaaaa'"
        shortened(np.zeros((2, 3)))    "float64 array (2, 3)"

    Args:
        value: Anything; it may be huge, deep, or hold itself.
        limit: The most characters to return, at least 16.

    Returns:
        One line of printable characters; what is left out shows as "...".
    """
    return _cut(_shown(value, max(limit, 16), _DEPTH), max(limit, 16))


def printable(text: object, limit: int = 300) -> str:
    """Return a text for a message without quotes, e.g. a file's name or another library's error.

    Args:
        text: The text; of anything else, what `shortened` returns.
        limit: The most characters to return, at least 16; the middle of a longer text is left out.

    Returns:
        One line: control characters, lone surrogates and marks that turn the direction of writing show
        as escapes such as \\x1b.
    """
    limit = max(limit, 16)
    if not isinstance(text, str):
        return shortened(text, limit)
    return _cut("".join(_visible(_ends(text, limit))), limit)


def bounded(message: str) -> str:
    """Return a whole message of at most about `LONGEST` characters, its lines without control characters."""
    if len(message) <= LONGEST and message.replace("\n", "").isprintable():
        return message
    if len(message) > LONGEST:
        half = LONGEST // 2
        message = f"{message[:half]} ... {message[-half:]}"
    return "\n".join(printable(line, WHOLE) for line in message.split("\n"))


def _shown(value: object, limit: int, depth: int) -> str:
    """Return the value's text, not much longer than `limit`."""
    if value is None or value is Ellipsis or isinstance(value, bool):
        return str(value)
    if isinstance(value, enum.Enum):
        return _cut(f"{type(value).__name__}.{value.name}", limit)
    if isinstance(value, str):
        return _quoted(value, limit)
    if isinstance(value, (bytes, bytearray)):
        return "b" + _quoted(bytes(_ends(value, limit)).decode("latin-1"), limit - 1)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, complex):
        return complex.__repr__(value)
    for kind, opening, closing in _SEQUENCES:
        if isinstance(value, kind):
            each_of: Any = kind.__iter__
            items = (_shown(each, limit, depth - 1) for each in each_of(value))
            one = "," if isinstance(value, tuple) and tuple.__len__(value) == 1 else ""
            return _joined(items, opening, one + closing, limit, depth)
    if isinstance(value, dict):
        return _joined(_entries(value, limit, depth), "{", "}", limit, depth)
    return _other(value, limit)


_SEQUENCES = ((list, "[", "]"), (tuple, "(", ")"), (set, "{", "}"), (frozenset, "{", "}"))


def _entries(value: dict[object, object], limit: int, depth: int) -> Iterator[str]:
    for key, inside in dict.items(value):
        yield f"{_shown(key, limit, depth - 1)}: {_shown(inside, limit, depth - 1)}"


def _joined(items: Iterable[str], opening: str, closing: str, limit: int, depth: int) -> str:
    """Return as many items as there is room for."""
    parts: list[str] = []
    used = len(opening) + len(closing)
    for item in items if depth > 0 else ("...",):
        if parts and used + len(item) + 5 > limit:
            parts.append("...")
            break
        parts.append(_cut(item, limit - used))
        used += len(parts[-1]) + 2
    return opening + ", ".join(parts) + closing


def _integer(value: int) -> str:
    if value.bit_length() <= 3 * _DIGITS:
        return int.__repr__(value)
    return gettext("an integer of about {count:,} digits", count=int(value.bit_length() * 0.30103) + 1)


def _other(value: object, limit: int) -> str:
    kind = type(value)
    module = str(getattr(kind, "__module__", "")).partition(".")[0]
    if isinstance(value, type):
        return printable(gettext("the class {name}", name=value.__name__), limit)
    if module == "numpy" and hasattr(value, "dtype"):
        array: Any = value
        if not array.shape and array.dtype.kind in "biufcSU":
            return _shown(array.item(), limit, 1)
        shape = _shown(tuple(array.shape), limit, 1)
        return _cut(gettext("{dtype} array {shape}", dtype=array.dtype, shape=shape), limit)
    if module == "torch" and hasattr(value, "dtype") and hasattr(value, "shape"):
        shape = _shown(tuple(value.shape), limit, 1)
        return _cut(gettext("{dtype} tensor {shape}", dtype=value.dtype, shape=shape), limit)
    if isinstance(value, os.PathLike) and module == "pathlib":
        return _quoted(os.fspath(value), limit)
    if isinstance(value, (range, slice)):
        ends = [value.start, value.stop] + ([] if value.step in (None, 1) else [value.step])
        return "{}({})".format(kind.__name__, ", ".join(_shown(end, 20, 1) for end in ends))
    if isinstance(value, _FUNCTIONS):
        return printable(gettext("the function {name}", name=value.__name__), limit)
    return printable(gettext("an object of type {name}", name=kind.__name__), limit)


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def _quoted(text: str, limit: int) -> str:
    """Return a text in quotes, with its middle left out where it is long."""
    text = str.__str__(text)
    room = limit
    quoted = _repr(str(_ends(text, room)))
    while len(quoted) > limit and room > 1:
        room = min(room - 1, room * limit // len(quoted))
        quoted = _repr(str(_ends(text, room)))
    return quoted


def _repr(text: str) -> str:
    """Return `repr(text)` in which the characters of `_WRITTEN` stand as they are."""
    if _WRITTEN.isdisjoint(text):
        return repr(text)
    quote = '"' if "'" in text and '"' not in text else "'"
    inside = (("\\" if each in (quote, "\\") else "") + shown for each, shown in zip(text, _visible(text)))
    return quote + "".join(inside) + quote


_Ends = TypeVar("_Ends", bound=Union[str, bytes, bytearray])


def _ends(text: _Ends, room: int) -> _Ends:
    """Return a text or bytes with only its two ends, "..." between, where there are more than `room`."""
    if len(text) <= room:
        return text
    half = max(0, room - 5) // 2
    dots: Any = "..." if isinstance(text, str) else b"..."
    ends: _Ends = text[: half + 1] + dots + text[len(text) - half :]
    return ends


_WRITTEN = frozenset("\u3000\u200d")
"""What people write though Python counts it as not printable: the space of Chinese, the joiner in emoji."""


def _visible(text: str) -> Iterator[str]:
    for character in str.__str__(text):
        shown = character.isprintable() or character in _WRITTEN
        yield character if shown else escaped(character)


def escaped(character: str) -> str:
    """Return a character as an escape; bytes of a file name that is not UTF-8 (PEP 383) as bytes: \\xb9."""
    is_byte = "\udc80" <= character <= "\udcff"
    return f"\\x{ord(character) - 0xDC00:02x}" if is_byte else repr(character)[1:-1]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(0, limit - 3)] + "..."
