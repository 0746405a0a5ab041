"""Reading protobuf messages field by field: https://protobuf.dev/programming-guides/encoding/."""

from __future__ import annotations

from typing import Iterator, Tuple, Union

__all__ = ["Field", "fields_of", "message_of", "numbers_of", "signed", "text_of"]

Field = Tuple[int, Union[int, memoryview]]


def fields_of(view: memoryview) -> Iterator[Field]:
    """Yield (field number, integer or bytes) of one message.

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
        if number == 0:
            raise ValueError("a field has the number 0")
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
            raise ValueError(f"unknown wire type {wire}")
        if position + size > end:
            raise ValueError(f"{position + size - end} bytes are missing at the end")
        yield number, view[position : position + size]
        position += size


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if shift > 63:
            raise ValueError("a number is too long")
        byte = view[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def message_of(value: int | memoryview) -> memoryview:
    """Return the bytes of a message, or raise ValueError for a number."""
    if isinstance(value, int):
        raise ValueError("a number stands where a message should")
    return value


def text_of(value: int | memoryview) -> str:
    """Return a text, or raise ValueError for what is none."""
    return bytes(message_of(value)).decode("utf-8")


def numbers_of(value: int | memoryview) -> Iterator[int]:
    """Yield the integers of a repeated field: one, or several packed into bytes."""
    if isinstance(value, int):
        yield signed(value)
        return
    position = 0
    while position < len(value):
        number, position = _varint(value, position)
        yield signed(number)


def signed(value: int) -> int:
    """Return an int64 as protobuf writes it."""
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value
