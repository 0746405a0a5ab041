"""Damage for fuzzing: bytes and plain data, changed by a seeded stream so that each case can be repeated."""

from __future__ import annotations

import random
from typing import Any

__all__ = ["HOSTILE", "mutate_bytes", "mutate_data"]

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 7, 255, 1000, 2**31 - 1, -(2**31), 2**63, 10**9, 10**30, 0.5, -0.0,
    1e-300, 1e308, float("nan"), float("inf"), "", " ", "x", "0", "batch", "\x1b[31mred", "\u202e", "\ud800",
    "\x00", "長", "x" * 10_000, [], {}, [[]], [1], [0, 0], ["a", "a"], {"a": 1}, {"": None}, [None] * 1000,
    [[[[1]]]],
)  # fmt: skip
"""Values that a field may hold instead of its own."""


def mutate_bytes(data: bytes, stream: random.Random) -> bytes:
    """Return the bytes with one to four changes: bits flipped, parts cut, repeated, overwritten, inserted."""
    changed = bytearray(data)
    for _ in range(stream.choice((1, 1, 1, 2, 4))):
        if not changed:
            break
        start = stream.randrange(len(changed))
        size = min(stream.choice((1, 1, 2, 4, 8, 64, 1024)), len(changed) - start)
        end = start + size
        change = stream.randrange(7)
        if change == 0:
            changed[start] ^= 1 << stream.randrange(8)
        elif change == 1:
            changed[start:end] = bytes(stream.randrange(256) for _ in range(size))
        elif change == 2:
            changed[start:end] = bytes([stream.choice((0, 0x7F, 0x80, 0xFF))]) * size
        elif change == 3:
            del changed[start:end]
        elif change == 4:
            del changed[start:]
        elif change == 5:
            changed[start:start] = changed[start:end] * stream.choice((1, 1, 2, 100))
        else:
            changed[start:start] = bytes(stream.randrange(256) for _ in range(size))
    return bytes(changed)


def mutate_data(value: Any, stream: random.Random, hostile: tuple[Any, ...] = HOSTILE) -> Any:
    """Return plain data (dicts, lists, numbers, texts) with one value, key or entry changed somewhere inside.

    Args:
        value: What a JSON or YAML file holds. It is not changed.
        stream: Decides where and how.
        hostile: What may stand in place of a value.
    """
    if isinstance(value, dict) and value and stream.random() < 0.9:
        key = stream.choice(list(value))
        change = stream.random()
        if change < 0.06:
            return {name: inside for name, inside in value.items() if name != key}
        if change < 0.12:
            return {
                **value,
                stream.choice(("new", "", str(key) + "x", "\x1b", "schema")): stream.choice(hostile),
            }
        return {**value, key: mutate_data(value[key], stream, hostile)}
    if isinstance(value, list) and value and stream.random() < 0.9:
        place, change = stream.randrange(len(value)), stream.random()
        if change < 0.1:
            return value[:place] + value[place + 1 :]
        if change < 0.2:
            return value[:place] + [value[place]] * stream.choice((2, 1000)) + value[place + 1 :]
        return [*value[:place], mutate_data(value[place], stream, hostile), *value[place + 1 :]]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and stream.random() < 0.5:
        return stream.choice(
            (value + 1, value - 1, -value, value * 2, value * 1_000_003, value + 0.5, str(value))
        )
    if isinstance(value, str) and value and stream.random() < 0.3:
        place = stream.randrange(len(value))
        return value[:place] + stream.choice(("", "x", "\x00", "\n", "é", value)) + value[place + 1 :]
    return stream.choice(hostile)
