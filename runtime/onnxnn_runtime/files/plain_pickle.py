"""Unpickling plain data: an allow-list of opcodes and types, in which nothing is imported or called.

A pickle is a program for a small stack machine, and a file of a stranger may hold any. Python's own unpickler
runs it here, with an allow-list of opcodes and with four of its actions replaced:

    a name          `find_class` returns a `Global`, which is a mere text
    a call          is handed to `called` of the subclass, and the state of an object to `built`
    a key           of a dict is a text or an integer of at most 64 bits; nothing else is hashed
    a long line     is refused: some versions of Python read decimal numbers in quadratic time

Keys are looked at before they are hashed: whoever writes a file can give tuples, longer integers and NaN one
hash, so that each addition to the dict compares all, and the hash of a tuple goes all the way down. The
unpickler in C (`pickle.Unpickler`) has no place for that look, and takes memory for as many objects as the
number of one memo entry says. So this is the one in Python, whose table of opcodes can be changed, as joblib
does.
"""

from __future__ import annotations

import io
import pickle  # noqa: TID251  # opcodes are an allow-list, and no name becomes more than a text
import struct
from dataclasses import dataclass
from typing import Any, Callable, ClassVar

ERRORS = (
    *(pickle.UnpicklingError, struct.error, EOFError, ValueError, LookupError, TypeError),
    *(AttributeError, OverflowError, MemoryError),
)
"""What unpickling raises for damaged files; those of this module are among them."""

LONGEST_LINE = 10_000
"""Bytes of a number or text in the form of old protocols, which write lines."""

LONGEST_NAME = 200


class WrongOpcode(ValueError):
    """The pickle does what no plain data needs."""


class WrongKey(ValueError):
    """A key of a dict is no text and no integer of at most 64 bits; the text is its type."""


class TooManySteps(ValueError):
    """The pickle has more opcodes than the caller follows."""


@dataclass(frozen=True)
class Global:
    """What the pickle would import, as "module name"."""

    name: str


class _Lines(io.BytesIO):
    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise EOFError
        return line


Action = Callable[[Any], None]
"""What an opcode does to an unpickler."""


def _refuse(unpickler: PlainUnpickler) -> None:
    raise WrongOpcode


def _counted(action: Action) -> Action:
    def step(unpickler: PlainUnpickler) -> None:
        unpickler.steps += 1
        if unpickler.steps > unpickler.most_steps:
            raise TooManySteps
        action(unpickler)

    return step


def _with_keys(opcode: bytes, keys: slice) -> Action:
    """Return the action of an opcode, after a look at the keys that are at `keys` of the stack."""
    action: Action = pickle._Unpickler.dispatch[opcode[0]]

    def fill(unpickler: PlainUnpickler) -> None:
        for key in unpickler.stack[keys]:
            unpickler.check_key(key)
        action(unpickler)

    return fill


def _number(opcode: bytes) -> Action:
    action: Action = pickle._Unpickler.dispatch[opcode[0]]

    def read(unpickler: PlainUnpickler) -> None:
        action(unpickler)
        unpickler.check_number(unpickler.stack[-1])

    return read


def _call(unpickler: PlainUnpickler) -> None:
    arguments, function = unpickler.stack.pop(), unpickler.stack.pop()
    if type(function) is not Global or type(arguments) is not tuple:
        raise WrongOpcode
    unpickler.stack.append(unpickler.called(function.name, arguments))


def _build(unpickler: PlainUnpickler) -> None:
    state = unpickler.stack.pop()
    unpickler.built(unpickler.stack[-1], state)


_AS_PYTHON_DOES = (
    "STOP MARK POP_MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 FLOAT BINFLOAT "
    "STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES "
    "SHORT_BINBYTES BINBYTES8 EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS "
    "EMPTY_DICT GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL BINPERSID"
)
_OTHERWISE: dict[bytes, Action] = {
    **{opcode: _number(opcode) for opcode in (pickle.INT, pickle.LONG, pickle.LONG1, pickle.LONG4)},
    pickle.SETITEM: _with_keys(pickle.SETITEM, slice(-2, -1)),
    pickle.SETITEMS: _with_keys(pickle.SETITEMS, slice(0, None, 2)),
    pickle.DICT: _with_keys(pickle.DICT, slice(0, None, 2)),
    pickle.REDUCE: _call,
    pickle.NEWOBJ: _call,
    pickle.BUILD: _build,
    pickle.PROTO: lambda unpickler: unpickler.read(1),  # any: the opcodes say what is known
    pickle.FRAME: lambda unpickler: unpickler.read(8),  # says how much to read ahead, and nothing about data
}


class PlainUnpickler(pickle._Unpickler):
    """Python's unpickler for plain data.

    Args:
        data: A pickle, and possibly more after it.
        most_steps: Opcodes that are followed.
    """

    dispatch: ClassVar[dict[int, Action]] = {
        **dict.fromkeys(pickle._Unpickler.dispatch, _refuse),
        **{
            code: _counted(pickle._Unpickler.dispatch[code])
            for code in (getattr(pickle, name)[0] for name in _AS_PYTHON_DOES.split())
        },
        **{opcode[0]: _counted(action) for opcode, action in _OTHERWISE.items()},
    }
    stack: list[Any]
    read: Callable[[int], bytes]

    def __init__(self, data: bytes, most_steps: int) -> None:
        self.file = _Lines(data)
        self.steps, self.most_steps = 0, most_steps
        super().__init__(self.file, encoding="latin1")

    def find_class(self, module: str, name: str) -> Global:
        if len(module) + len(name) > LONGEST_NAME:
            raise WrongOpcode
        return Global(f"{module} {name}")

    def persistent_load(self, pid: object) -> object:
        raise WrongOpcode

    def called(self, function: str, arguments: tuple[Any, ...]) -> object:
        """Return what stands in for the result of a call of "module name"."""
        raise WrongOpcode

    def built(self, value: object, state: object) -> None:
        """Take the state that the pickle would give to `value`, which `called` returned or not."""
        raise WrongOpcode

    def check_number(self, number: int) -> None:
        """Raise for integers of too many bits; all are read."""

    def check_key(self, key: object) -> None:
        """Raise WrongKey for what cannot be hashed at once, or can be made to have one hash."""
        if type(key) is not str and not (type(key) is int and key.bit_length() <= 64):
            raise WrongKey(type(key).__name__)
