"""Writing protobuf messages field by field: https://protobuf.dev/programming-guides/encoding/.

Large messages are lists of pieces, so that weights are copied once, when all are joined.
"""

from __future__ import annotations

from typing import List, Sequence, Union

from .protobuf import Value

Piece = Union[bytes, memoryview]
Pieces = List[Piece]


def varint(value: int) -> bytes:
    """Return an integer as protobuf writes it, seven bits in a byte, the lowest first."""
    value &= 2**64 - 1
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def field(number: int, value: Value | str) -> Pieces:
    """Return a field: as `fields_of` read it, or with a text.

    Args:
        number: The field's.
        value: An integer; a message (memoryview) or a text; or the 4 or 8 bytes of a number of fixed size.
    """
    if isinstance(value, int):
        return [varint(number << 3) + varint(value)]
    if isinstance(value, bytes):
        return [varint(number << 3 | (1 if len(value) == 8 else 5)) + value]
    if isinstance(value, str):
        return message(number, [value.encode("utf-8")])
    return message(number, [value])


def message(number: int, pieces: Sequence[Piece]) -> Pieces:
    """Return a field that holds a message of these pieces."""
    size = sum(len(piece) for piece in pieces)
    return [varint(number << 3 | 2) + varint(size), *pieces]
