"""Vocabularies that NumPy pickled, whole, damaged and hostile; a whole one is read as it is."""

from __future__ import annotations

import pickle  # noqa: TID251  # writes what is read without it
import pickletools
import random
import struct
from collections import Counter, OrderedDict
from typing import Any

import numpy as np
from onnxnn_runtime.files.saved_dict import read_saved_dict
from support.mutations import HOSTILE, mutate_bytes

OPCODES = bytes({ord(opcode.code) for opcode in pickletools.opcodes})
"""All that Python's pickles are made of."""

LETTERS = ("a", "b", "猫", "é", "\U0001f600", " ", "\n", "'", "\\", "\x00", "\ud800", "\xff")


def word(stream: random.Random) -> str:
    return "".join(stream.choices(LETTERS, k=stream.choice((0, 1, 2, 3, 40))))


def number(stream: random.Random) -> Any:
    """Return a number of Python or NumPy."""
    value = stream.choice((0, 1, 255, 256, 65_536, -1, 2**31, 2**62))
    return stream.choice((value, value, np.int64(value), float(value), np.float32(2.5), value % 2 == 0, None))


def vocabulary(stream: random.Random) -> dict[Any, Any]:
    """Return one of words and numbers, in either direction."""
    words = {word(stream): number(stream) for _ in range(stream.choice((0, 1, 5, 5, 1200)))}
    if stream.random() < 0.2:
        words = {np.str_(key): value for key, value in words.items()}
    if stream.random() < 0.2:
        return dict(enumerate(words))
    return OrderedDict(words) if stream.random() < 0.2 else words


def pickled(words: object, stream: random.Random) -> bytes:
    """Return what `np.savez(path, word2idx=words)` writes after the header, by any protocol."""
    array = np.empty((), dtype=object)
    array[()] = words
    return pickle.dumps(array, stream.randrange(pickle.HIGHEST_PROTOCOL + 1))


def hostile(stream: random.Random) -> object:
    """Return something else than a vocabulary, that a pickle may hold too."""
    value = stream.choice((*HOSTILE, {1, 2}, frozenset("a"), b"a", (1, (2,)), 1j, Counter("ab"), np.ones(2)))
    kind = stream.randrange(4)
    if kind == 0:
        return value
    if kind == 1:
        return {"a": 0, "b": value}
    if kind == 2:
        return {stream.choice((b"a", 1.5, (1,), None, 2**70, np.float64(1), frozenset("a"))): 0}
    deep: object = value
    for _ in range(stream.choice((3, 100))):
        deep = [deep] if stream.random() < 0.5 else {"a": deep}
    return {"a": deep}


def program(data: bytes, stream: random.Random) -> bytes:
    """Return a pickle with opcodes put in, repeated, or put in place of others."""
    changed = bytearray(data)
    for _ in range(stream.choice((1, 1, 2, 5))):
        place = stream.randrange(len(changed) + 1)
        given = stream.choice(
            (b"", b"\x00", b"\x01", b"\xff" * 4, struct.pack("<q", 2**40), b"9" * 300 + b"\n")
        )
        count = stream.choice((1, 1, 2, 500))
        changed[place : place + stream.choice((0, 0, 1))] = (bytes([stream.choice(OPCODES)]) + given) * count
    return bytes(changed)


def check(number: int) -> None:
    """Read vocabulary `number`.

    Raises:
        AssertionError: A whole one is read as another, or what is read holds more than words and numbers.
    """
    stream = random.Random(number)
    words, kind = vocabulary(stream), stream.randrange(5)
    if kind == 0:
        found = read_saved_dict(pickled(words, stream))
        if found != words:
            raise AssertionError(f"expected {words!r:.200}, got {found!r:.200}")
        return
    if kind == 1:
        data = pickled(hostile(stream), stream)
    elif kind == 2:
        data = mutate_bytes(pickled(words, stream), stream)
    else:
        data = program(pickled(words, stream), stream)
    found = read_saved_dict(data)
    if found is not None and any(
        type(part) not in (str, int, float, bool, type(None)) for pair in found.items() for part in pair
    ):
        raise AssertionError(f"got more than words and numbers: {found!r:.200}")
