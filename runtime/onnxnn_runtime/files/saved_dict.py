"""A dict of words and numbers that NumPy saved, read as data.

`np.savez(path, word2idx={...})`, as the published data sets of BaseNN were made, writes a pickle. A pickle
is a program for a small stack machine, and unpickling one may import and call anything. Here the program is
only taken apart (`pickletools.genops`, which runs nothing) and followed as far as it builds texts, numbers,
tuples, lists and dicts. What it would import becomes a mere name and what it would call a mere record of
the call, except for what is known: an empty OrderedDict, bytes as old protocols write them, and NumPy's
texts, numbers and the array around the dict.
"""

from __future__ import annotations

import pickletools
import re
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

__all__ = ["LARGEST", "read_saved_dict"]

LARGEST = 1 << 26
"""Bytes of the largest pickle that is followed; a vocabulary of 100,000 words takes about 2 MB."""


MOST_STEPS = 600_000
"""Instructions of a pickle that are followed, about five seconds of work: a vocabulary of 150,000 words."""


class _NotPlain(ValueError):
    """The pickle builds something else than plain data."""


@dataclass(frozen=True)
class _Name:
    """What the pickle would import."""

    module: str
    name: str


@dataclass
class _Call:
    """What the pickle would call, and the state it would give to the result."""

    function: Any
    arguments: Any
    state: Any = None


def read_saved_dict(data: bytes) -> dict[Any, Any] | None:
    """Return the dict of texts and numbers in a pickled NumPy array of no axes; None where it holds another.

    Args:
        data: The pickle, without the header of the .npy format; at most `LARGEST` bytes and `MOST_STEPS`
            instructions are read.
    """
    if len(data) > LARGEST:
        return None
    try:
        found = _unwrapped(_Machine().follow(data))
    except (ValueError, IndexError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None  # cut short, not a pickle, or not plain: the caller says what is expected
    return found if isinstance(found, dict) else None


class _Machine:
    """The part of the pickle machine that builds plain data."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._marks: list[int] = []

    def follow(self, data: bytes) -> Any:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if step >= MOST_STEPS:
                raise _NotPlain("too long")
            if opcode.name == "STOP":
                return self._stack.pop()
            if opcode.name == "MARK":
                self._marks.append(len(self._stack))
            elif opcode.name in _CONSTANTS:
                self._stack.append(_CONSTANTS[opcode.name]())
            elif opcode.name in _LITERALS:
                self._stack.append(argument)
            elif opcode.name in _STEPS:
                _STEPS[opcode.name](self, argument)
            elif opcode.name not in ("PROTO", "FRAME"):
                raise _NotPlain(opcode.name)
        raise _NotPlain("no end")

    def _global(self, argument: str) -> None:
        module, name = argument.split(" ", 1)
        self._stack.append(_Name(module, name))

    def _stack_global(self, _: object) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(_Name(module, name))

    def _call(self, _: object) -> None:
        arguments = self._stack.pop()
        self._stack.append(_known(_Call(self._stack.pop(), arguments)))

    def _build(self, _: object) -> None:
        state = self._stack.pop()
        if not isinstance(self._stack[-1], _Call):
            raise _NotPlain("state of plain data")
        self._stack[-1].state = state

    def _put(self, key: int | None) -> None:
        self._memo[len(self._memo) if key is None else key] = self._stack[-1]

    def _get(self, key: int) -> None:
        self._stack.append(self._memo[key])

    def _above_mark(self) -> list[Any]:
        mark = self._marks.pop()
        values = self._stack[mark:]
        del self._stack[mark:]
        return values

    def _tuple(self, _: object) -> None:
        self._stack.append(tuple(self._above_mark()))

    def _short_tuple(self, count: int) -> None:
        values = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._stack.append(values)

    def _list(self, _: object) -> None:
        self._stack.append(self._above_mark())

    def _dict(self, _: object) -> None:
        values = self._above_mark()
        self._stack.append({})
        self._fill(values)

    def _append(self, _: object) -> None:
        value = self._stack.pop()
        self._stack[-1].append(value)

    def _appends(self, _: object) -> None:
        values = self._above_mark()
        self._stack[-1].extend(values)

    def _set(self, _: object) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._fill([key, value])

    def _sets(self, _: object) -> None:
        self._fill(self._above_mark())

    def _fill(self, values: list[object]) -> None:
        filled = self._stack[-1]
        if type(filled) is not dict or len(values) % 2:
            raise _NotPlain("no dict, or a key without a value")
        for key, value in zip(values[::2], values[1::2]):
            if type(key) not in _PLAIN or type(value) not in _PLAIN:
                raise _NotPlain("a dict of other things")
            if type(key) is int and key.bit_length() > 64:  # larger ones can be made to have one hash
                raise _NotPlain("a key of more than 64 bits")
            filled[key] = value


_PLAIN = (str, int, float, bool, type(None))

_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}

_LITERALS = frozenset(
    [
        "BININT",
        "BININT1",
        "BININT2",
        "LONG1",
        "LONG4",
        "INT",
        "LONG",
        "FLOAT",
        "BINFLOAT",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
    ]
)

_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "REDUCE": _Machine._call,
    "BUILD": _Machine._build,
    "PUT": _Machine._put,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "MEMOIZE": _Machine._put,
    "GET": _Machine._get,
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "TUPLE": _Machine._tuple,
    "TUPLE1": lambda machine, _: machine._short_tuple(1),
    "TUPLE2": lambda machine, _: machine._short_tuple(2),
    "TUPLE3": lambda machine, _: machine._short_tuple(3),
    "LIST": _Machine._list,
    "DICT": _Machine._dict,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set,
    "SETITEMS": _Machine._sets,
}

_ARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")


def _is_numpys(value: object, name: str) -> bool:
    return isinstance(value, _Name) and value.module in _ARRAY and value.name == name


def _unwrapped(value: object) -> Any:
    """Return the one object in an array of no axes: the state is (version, shape, dtype, order, objects)."""
    if not isinstance(value, _Call) or not _is_numpys(value.function, "_reconstruct"):
        return None
    _, shape, _, _, objects = value.state
    return objects[0] if shape == () and len(objects) == 1 else None


def _known(call: _Call) -> Any:
    """Return what a call makes where that is plain and known; else the record of the call."""
    if call.function == _Name("collections", "OrderedDict") and call.arguments == ():
        return {}
    if call.function == _Name("_codecs", "encode") and call.arguments[1:] == ("latin1",):
        return call.arguments[0].encode("latin1")  # bytes in protocol 0 to 2
    return _scalar(*call.arguments) if _is_numpys(call.function, "scalar") else call


def _scalar(dtype: _Call, content: bytes) -> Any:
    """Return the number or text of a NumPy scalar: scalar(dtype("i8", ...), bytes)."""
    code, order = dtype.arguments[0], dtype.state[1]
    if not re.fullmatch("[iu][1248]|f[248]|b1|U[0-9]+", code) or order not in ("<", ">", "|"):
        raise _NotPlain(code)
    if code[0] == "U":
        return content.decode("utf-32-le" if order == "<" else "utf-32-be", "surrogatepass")
    return np.frombuffer(content, order + code, 1)[0].item()
