"""Checking a pickle that torch wrote, without running it: its size, its steps, the names that it mentions."""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable
from typing import Any, BinaryIO

from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable, shortened

__all__ = [
    "DEEPEST",
    "LARGEST_PICKLE",
    "LEGACY",
    "NotTensors",
    "check_pickle",
    "first_line",
    "is_legacy",
    "too_deep",
]

LARGEST_PICKLE = 1 << 24
"""Bytes of the pickle, tensors not counted."""

MOST_STEPS = 1_000_000
"""Steps of the pickle's program; a history of 60,000 epochs with 6 columns takes about so many."""

DEEPEST = 32
"""Levels of lists and dicts inside each other."""

MOST_TUPLE_KEYS = 1000
"""Keys of dicts that are tuples; a hostile file can give them one hash, and each addition compares all."""

MOST_READ_AGAIN = 1_000_000
"""Values and characters that calls may read beyond once what stands in the file."""

LEGACY = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The pickled magic number that torch before 1.6 begins with."""

_NAMES = frozenset(
    [
        "collections OrderedDict",
        "collections Counter",
        "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_tensor_v3",
        "torch._utils _rebuild_parameter",
        "torch.nn.parameter Parameter",
        "torch.storage UntypedStorage",
        "torch.storage TypedStorage",
        "torch Size",
        "torch device",
        "_codecs encode",
    ]
)
_DTYPES = frozenset(
    f"torch {name}"
    for name in (
        *("bool", "uint8", "int8", "int16", "int32", "int64"),
        *("float16", "bfloat16", "float32", "float64", "uint16", "uint32"),
    )
)
_NUMBERS = ("BININT", "BININT1", "BININT2", "LONG1", "INT", "LONG", "LONG4")
_REFUSED = (
    *("INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "STACK_GLOBAL", "PERSID", "DUP", "POP"),
    *("BYTEARRAY8", "NEXT_BUFFER", "READONLY_BUFFER", "EMPTY_SET", "ADDITEMS", "FROZENSET"),
)


class NotTensors(ValueError):
    """A file holds something else; the text says what, and what to do, after the file's name and a colon.

    Args:
        text: One or more sentences.
        foreign: Whether the file is a whole one of another kind, rather than damaged.
    """

    def __init__(self, text: str, foreign: bool = False) -> None:
        super().__init__(text)
        self.foreign = foreign


def first_line(error: Exception) -> str:
    refused = re.search("WeightsUnpickler error: (.*)", str(error))  # what stands before advises to trust it
    lines = (refused.group(1) if refused else str(error)).strip().splitlines()
    return printable(lines[0].rstrip("."), 160) if lines else type(error).__name__


def is_legacy(head: bytes) -> bool:
    return head[2:].startswith(LEGACY)


def check_pickle(file: BinaryIO, size: int) -> None:
    """Go through a pickle's program without running it.

    Raises:
        NotTensors: It is longer than the limits, mentions what holds code, or announces more than there is.
    """
    begin, walk = file.tell(), _Walk(size)
    try:
        for steps, (opcode, argument, position) in enumerate(pickletools.genops(file)):
            if steps > MOST_STEPS or (position or 0) - begin > LARGEST_PICKLE:
                raise NotTensors(
                    gettext(
                        "it holds more than {most:,} names, texts and numbers beside its tensors.",
                        most=MOST_STEPS,
                    )
                )
            walk.step(opcode.name, argument)
    except _ForeignName as error:
        file.seek(begin)
        raise _not_weights(error.name, file.read(LARGEST_PICKLE)) from error
    except NotTensors:
        raise
    except (ValueError, LookupError, TypeError, MemoryError, OverflowError) as error:
        reason = first_line(error)
        raise NotTensors(gettext("the file is damaged ({reason}).", reason=reason)) from error


class _ForeignName(Exception):
    """A pickle would import something else than tensors are made of."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Value:
    """What a step leaves on the stack, as far as it matters.

    Args:
        depth: How deep tuples lie inside each other in it; 0 for all but tuples.
        size: The values or characters in it.
        inside: The values of a list or tuple, the keys of a dict.
        name: What a global is called.
    """

    __slots__ = ("depth", "inside", "name", "size")

    def __init__(self, depth: int, size: int, inside: list[_Value], name: str = "") -> None:
        self.depth, self.size, self.inside, self.name = depth, size, inside, name

    def add(self, inside: list[_Value]) -> None:
        self.inside += inside
        self.size += len(inside)

    def tuples(self) -> list[_Value]:
        """Return the tuples, or pairs with one, that a dict which is made of it may hash."""
        return [each for each in self.inside if each.depth or (each.inside and each.inside[0].depth)]


_CONSTANT = _Value(0, 1, [])
_HASHING = ("collections OrderedDict", "collections Counter")
_TEXTS = (str, bytes)
_SHORT = 64


class _Walk:
    """Follows a pickle's stack: how deep tuples lie in each other, and how much calls read.

    What is built is checked afterwards. But a dict hashes a tuple that is its key at once, all the way down;
    and a call may read again and again what stands in the file once.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._declared = self._tuple_keys = self._written = self._read = 0
        self._stack: list[_Value] = []
        self._marks: list[int] = []
        self._memo: dict[int, _Value] = {}
        self._numbers: list[int] = []
        self._before = ""

    def step(self, name: str, argument: object) -> None:
        action = _ACTIONS.get(name)
        if action is not None:
            action(self, argument)
        elif isinstance(argument, _TEXTS) and len(argument) > _SHORT:
            self._written += len(argument)
            self._stack.append(_Value(0, len(argument), []))
        else:  # a short text, a number, an empty tuple, ...
            self._written += 1
            self._stack.append(_CONSTANT)
        self._before = name

    def _put(self, key: int) -> None:
        if key > MOST_STEPS or self._before in _NUMBERS:
            raise NotTensors(_foreign())
        self._memo[key] = self._stack[-1]

    def _memoize(self, _: object) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, key: int) -> None:
        self._stack.append(self._memo[key])

    def _mark(self, _: object) -> None:
        self._marks.append(len(self._stack))
        self._numbers = []

    def _to_mark(self, _: object) -> list[_Value]:
        begin = self._marks.pop()
        inside = self._stack[begin:]
        del self._stack[begin:]
        return inside

    def _empty(self, _: object) -> None:
        self._stack.append(_Value(0, 1, []))

    def _list(self, _: object) -> None:
        inside = self._to_mark(_)
        self._empty(_)
        self._stack[-1].add(inside)

    def _append(self, _: object) -> None:
        value = self._stack.pop()
        self._stack[-1].add([value])

    def _appends(self, _: object) -> None:
        inside = self._to_mark(_)
        self._stack[-1].add(inside)

    def _dict(self, _: object) -> None:
        inside = self._to_mark(_)
        self._empty(_)
        self._fill(inside)

    def _set_items(self, _: object) -> None:
        self._fill(self._to_mark(_))

    def _set_item(self, _: object) -> None:
        inside = self._stack[-2:]
        del self._stack[-2:]
        self._fill(inside)

    def _fill(self, keys_and_values: list[_Value]) -> None:
        keys = keys_and_values[::2]
        self._stack[-1].add(keys)
        self._hash(sum(1 for key in keys if key.depth))

    def _hash(self, tuples: int) -> None:
        self._tuple_keys += tuples
        if self._tuple_keys > MOST_TUPLE_KEYS:
            raise NotTensors(_foreign())

    def _tuple(self, _: object) -> None:
        self._push_tuple(self._to_mark(_))

    def _short_tuple(self, count: int) -> None:
        inside = self._stack[-count:]
        del self._stack[-count:]
        self._push_tuple(inside)

    def _call(self, _: object) -> None:
        arguments, function = self._stack.pop(), self._stack.pop().name
        hashed: list[_Value] = []
        if function in _HASHING:
            hashed = [each for argument in arguments.inside for each in argument.tuples()]
            self._hash(len(hashed))
        size = self._count(arguments)
        self._stack.append(_Value(1 if function == "torch Size" else 0, size, hashed))

    def _build(self, _: object) -> None:
        state = self._stack.pop()
        self._hash(0 if state.depth else len(state.tuples()))
        self._count(state)

    def _count(self, value: _Value) -> int:
        """Count what a call reads; return its size.

        Raises:
            NotTensors: Calls read far more than what stands in the file.
        """
        size = 1
        for each in value.inside:
            size += each.size
        self._read += size
        if self._read > self._written + MOST_READ_AGAIN:
            raise NotTensors(_foreign())
        return size

    def _global(self, name: str) -> None:
        _check_name(name)
        self._stack.append(_Value(0, 1, [], name))

    def _number(self, value: int) -> None:
        if not -(2**63) <= value < 2**64:
            raise NotTensors(
                gettext("expected numbers of at most 64 bits, got {got}.", got=shortened(int(value)))
            )
        self._numbers.append(value)
        self._written += 1
        self._stack.append(_CONSTANT)

    def _refuse(self, _: object) -> None:
        raise NotTensors(_code())

    def _nothing(self, _: object) -> None:
        """What says nothing about the data."""

    def _push_tuple(self, inside: list[_Value]) -> None:
        depth = size = 1
        for each in inside:
            size += each.size
            depth = max(depth, each.depth + 1)
        if depth > DEEPEST:
            raise NotTensors(too_deep())
        self._stack.append(_Value(depth, size, inside))

    def _declare(self, _: object) -> None:
        """Count the numbers of a storage; torch before 1.6 makes room for them before it reads them."""
        self._stack[-1] = _CONSTANT
        self._declared += max(self._numbers, default=0)
        if self._declared > 64 * self._size:
            raise NotTensors(gettext("the file is damaged: it announces more numbers than it holds."))


_ACTIONS: dict[str, Callable[[_Walk, Any], object]] = {
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Walk._put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Walk._get),
    **dict.fromkeys(("EMPTY_LIST", "EMPTY_DICT"), _Walk._empty),
    **dict.fromkeys(("REDUCE", "NEWOBJ"), _Walk._call),
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _Walk._nothing),
    **dict.fromkeys(_NUMBERS, _Walk._number),
    **dict.fromkeys(_REFUSED, _Walk._refuse),
    "DICT": _Walk._dict,
    "LIST": _Walk._list,
    "MEMOIZE": _Walk._memoize,
    "MARK": _Walk._mark,
    "TUPLE": _Walk._tuple,
    "TUPLE1": lambda walk, _: walk._short_tuple(1),
    "TUPLE2": lambda walk, _: walk._short_tuple(2),
    "TUPLE3": lambda walk, _: walk._short_tuple(3),
    "APPEND": _Walk._append,
    "APPENDS": _Walk._appends,
    "BUILD": _Walk._build,
    "POP_MARK": _Walk._to_mark,
    "SETITEM": _Walk._set_item,
    "SETITEMS": _Walk._set_items,
    "GLOBAL": _Walk._global,
    "BINPERSID": _Walk._declare,
}
"""What each step does to the stack; those that are not named here put a constant on it."""


def _foreign() -> str:
    return gettext("the file is damaged: it is not as torch writes it.")


def too_deep() -> str:
    return gettext("lists, tuples and dicts lie more than {deepest} deep inside each other.", deepest=DEEPEST)


def _code() -> str:
    return gettext(
        "it holds a pickled object and not only weights, and opening one could run any program, so it is not "
        "opened."
    )


def _check_name(name: str) -> None:
    storage = name.startswith("torch ") and name.endswith("Storage")
    if not (name in _NAMES or name in _DTYPES or storage):
        raise _ForeignName(name)


def _not_weights(name: str, pickle: bytes) -> NotTensors:
    """Return the error for a pickle that would import more than tensors are made of."""
    if b"BaseNN" in pickle:
        text = gettext(
            "a checkpoint of BaseNN, which holds pickled code and not only weights, so it is not opened. "
            "Where BaseNN is installed and you trust the file, convert it: "
            "onnxnn import-basenn FILE -o NEW --trust-pickle."
        )
    elif b"torch.nn.modules" in pickle:
        text = gettext(
            "a torch file that holds a pickled module and not only weights, so it is not opened. Save its "
            "state_dict() instead."
        )
    else:
        text = gettext(
            "it holds a pickled object and not only weights, and opening one could run any program, so it is "
            "not opened. It names {name}.",
            name=printable(name.replace(" ", "."), 60),
        )
    return NotTensors(text, foreign=True)
