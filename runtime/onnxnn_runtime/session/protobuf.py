"""Reading protobuf messages field by field: https://protobuf.dev/programming-guides/encoding/."""

from __future__ import annotations

import struct
from typing import Any, Iterator, Sequence, Union

from onnxnn_runtime.messages.catalogue import gettext, ngettext

Value = Union[int, memoryview, bytes]
"""A varint, a message or text of stated length, or the 4 or 8 bytes of a number of fixed size.

A field of another wire type than its own is no such field to protobuf, which skips it: the three must not
stand for each other here, or a file could show one graph to the checks and another to ONNX Runtime.
"""


def fields_of(view: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield (field number, value) of one message.

    Raises:
        ValueError: It is no message, or cut short.
        IndexError: It ends in the middle of a number.
    """
    position, end = 0, len(view)
    while position < end:
        key = view[position]
        position += 1
        if key >= 0x80:
            key, position = _varint(view, position - 1)
        number, wire = key >> 3, key & 7
        if not 0 < number < 2**29:  # protobuf drops the bits above
            raise ValueError(gettext("a field has the number {number}", number=number))
        if wire == 0:
            value, position = _varint(view, position)
            yield number, value
            continue
        if wire == 2:
            size = view[position]
            position += 1
            if size >= 0x80:
                size, position = _varint(view, position - 1)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(gettext("unknown wire type {type}", type=wire))
        if position + size > end:
            raise ValueError(
                ngettext(
                    "{count} byte is missing at the end",
                    "{count} bytes are missing at the end",
                    position + size - end,
                )
            )
        inside = view[position : position + size]
        yield number, inside if wire == 2 else bytes(inside)
        position += size


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if shift > 63:
            raise ValueError(gettext("a number is too long"))
        byte = view[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def message_of(value: Value) -> memoryview:
    """Return the bytes of a message, or raise ValueError for a number."""
    if not isinstance(value, memoryview):
        raise ValueError(gettext("expected a message, got a number"))
    return value


def text_of(value: Value) -> str:
    """Return a text, or raise ValueError for what is none."""
    return bytes(message_of(value)).decode("utf-8")


def numbers_of(value: Value) -> Iterator[int]:
    """Yield the integers of a repeated field: one, or several packed into bytes."""
    if isinstance(value, int):
        yield signed(value)
        return
    value, position = message_of(value), 0
    while position < len(value):
        number, position = _varint(value, position)
        yield signed(number)


def floats_of(value: Value, code: str = "f") -> Sequence[Any]:
    """Return the numbers of fixed size of a repeated field: one, or several packed into bytes.

    Args:
        value: The field's.
        code: As for `struct`: "f" or "d".
    """
    count, rest = divmod(len(b"" if isinstance(value, int) else value), struct.calcsize(code))
    if isinstance(value, int) or rest or (isinstance(value, bytes) and count != 1):
        raise ValueError(gettext("a number has another size than its type"))
    return struct.unpack(f"<{count}{code}", value)


def signed(value: int, bits: int = 64) -> int:
    """Return an integer as protobuf reads it, which drops the bits above."""
    value &= 2**bits - 1
    return value - 2**bits if value >= 2 ** (bits - 1) else value


def int32_of(value: Value) -> int:
    """Return an int32 or the number of an enum, or raise ValueError for what is none."""
    if not isinstance(value, int):
        raise ValueError(gettext("expected a number, got a message"))
    return signed(value, 32)
