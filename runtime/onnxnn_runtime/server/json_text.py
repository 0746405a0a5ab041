"""Long JSON texts, read and written piece by piece.

Python's own reader and writer let no other thread run until they are done, which takes a second for a
million numbers: in a thread of its own, too, one of them would hold up all requests. Here they are given a
few thousand numbers at a time.
"""

from __future__ import annotations

import json
import re
from json import scanner
from typing import Any, Callable, Iterator

import numpy as np

__all__ = ["loads", "pieces"]

_LONG = 100_000
"""Characters of a text that is read in pieces."""

_PIECE = 65_536
"""Characters of a piece that is read at once."""

_VALUES = 5_000
"""Values that are written at once."""

_NUMBERS = re.compile(r"[-0-9][-+.eE0-9, \t\r\n]*,")
"""Numbers, each with the comma after it."""

_ROWS = re.compile(r"(?:[ \t\r\n]*\[[-+.eE0-9, \t\r\n]*\][ \t\r\n]*,)+")
"""Lists of numbers, each with the comma after it."""

_NO_VALUE, _NO_COMMA = "Expecting value", "Expecting ',' delimiter"
"""What Python's own reader says."""

_SPACE = re.compile(r"[ \t\r\n]*")


def loads(text: str, parse_constant: Callable[[str], object]) -> Any:
    """Return what a JSON text holds, as `json.loads` does.

    Args:
        text: The text.
        parse_constant: What to do with NaN and infinite numbers, which JSON does not have.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is too deep.
    """
    if len(text) <= _LONG:
        return json.loads(text, parse_constant=parse_constant)
    decoder: Any = json.JSONDecoder(parse_constant=parse_constant)
    decoder.parse_array = _array
    decoder.scan_once = scanner.py_make_scanner(decoder)  # type: ignore[attr-defined]
    return decoder.decode(text)


def _array(
    start: tuple[str, int], scan_once: Callable[[str, int], tuple[object, int]]
) -> tuple[list[object], int]:
    """Read a list whose bracket has been read; return it, and the place after it."""
    text, place = start
    values: list[Any] = []
    place = _after_space(text, place)
    if text[place : place + 1] == "]":
        return values, place + 1
    while True:
        found = _NUMBERS.match(text, place, place + _PIECE) or _ROWS.match(text, place, place + _PIECE)
        if found is not None:
            try:
                values += json.loads(f"[{found.group()[:-1]}]")
            except json.JSONDecodeError as error:
                raise json.JSONDecodeError(error.msg, text, place + error.pos - 1) from None
            place = _after_space(text, found.end())
        try:
            value, place = scan_once(text, place)
        except StopIteration as error:
            raise json.JSONDecodeError(_NO_VALUE, text, error.value) from None
        values.append(value)
        place = _after_space(text, place)
        mark = text[place : place + 1]
        if mark == "]":
            return values, place + 1
        if mark != ",":
            raise json.JSONDecodeError(_NO_COMMA, text, place)
        place = _after_space(text, place + 1)


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found is not None else place


def pieces(data: object) -> Iterator[str]:
    """Yield the parts of a JSON text, without spaces between its values.

    Arrays of float32 are written with the nine digits that distinguish all of them, in a third of the time
    and two thirds of the length that Python's seventeen take.

    Args:
        data: What JSON can hold, and arrays of numbers of one axis.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    if isinstance(data, dict):
        yield "{"
        for number, (key, value) in enumerate(data.items()):
            yield ("," if number else "") + _dumps(key) + ":"
            yield from pieces(value)
        yield "}"
    elif isinstance(data, (list, tuple, np.ndarray)) and len(data):
        is_nested = isinstance(data[0], (list, tuple, dict, np.ndarray))
        step = 1 if is_nested else _VALUES
        yield "["
        for start in range(0, len(data), step):
            yield "," if start else ""
            if is_nested:
                yield from pieces(data[start])
            else:
                yield _numbers(data[start : start + step])
        yield "]"
    else:
        yield _dumps(data.tolist() if isinstance(data, np.ndarray) else data)


def _numbers(values: list[object] | tuple[object, ...] | np.ndarray) -> str:
    """Return values with commas between them."""
    if not isinstance(values, np.ndarray):
        return _dumps(values)[1:-1]
    if values.dtype != np.float32 or not np.isfinite(values).all():  # `_dumps` refuses what is not finite
        return _dumps(values.tolist())[1:-1]
    is_integer = (values == np.rint(values)) & (
        abs(values) < 1e9
    )  # written as 2.0; 2 would be read as an int
    formats = ["%.1f" if each else "%.9g" for each in is_integer.tolist()]
    return ",".join(formats) % tuple(values.tolist())


def _dumps(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
