"""Reading files that `torch.save` wrote: tensors and plain data, and nothing else.

A torch file is a zip with a pickle, which is a program for a small stack machine, of which
`torch.load(weights_only=True)` runs what builds data. Before that the file is checked:

    zip       one entry of a name, nothing that unpacks to far more than the file holds, whole entries (CRC)
    pickle    its size, its number of steps, the names that it mentions, sizes of what it announces
    result    types (None, numbers, texts, lists, tuples, dicts, dense tensors), depth, number of values

so that time and memory grow with the size of the file and no faster.
"""

from __future__ import annotations

import io
import pickletools
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from onnxnn_runtime.files.filekind import NPZ, TORCHSCRIPT, FileKind, kind_of_bytes, kind_of_file
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable, shortened

__all__ = ["NotTensors", "read_torch_file"]

LARGEST_PICKLE = 1 << 24
"""Bytes of the pickle, tensors not counted."""

MOST_STEPS = 1_000_000
"""Steps of the pickle's program; a history of 60,000 epochs with 6 columns takes about so many."""

MOST_VALUES = 1_000_000
"""Values inside each other, counted as often as they are reached."""

DEEPEST = 32
"""Levels of lists and dicts inside each other."""

MOST_TUPLE_KEYS = 1000
"""Keys of dicts that are tuples; a hostile file can give them one hash, and each addition compares all."""

UNPACKED = 1 << 26
"""Bytes that entries may unpack to beyond four times the size of the file."""


class NotTensors(ValueError):
    """A file holds something else; the text says what, and what to do, after the file's name and a colon.

    Args:
        text: One or more sentences.
        foreign: Whether the file is a whole one of another kind, rather than damaged.
    """

    def __init__(self, text: str, foreign: bool = False) -> None:
        super().__init__(text)
        self.foreign = foreign


def read_torch_file(source: Path | bytes, legacy: bool = False) -> Any:
    """Return what a torch file holds, its tensors on the CPU.

    Args:
        source: The path of a regular file, or its bytes.
        legacy: Whether files of torch before 1.6, which are no zip, are read too.

    Returns:
        None, numbers, texts, lists, tuples, dicts and dense tensors inside each other.

    Raises:
        NotTensors: It is no such file, is damaged, or breaks a limit of this module.
        OSError: It cannot be read.
    """
    opened = io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")
    with opened as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(512)
        file.seek(0)
        if head[:4] == b"PK\x03\x04":
            _check_zip(file, size)
        elif legacy and head[:1] == b"\x80" and _is_legacy(head):
            file.seek(2 + len(_LEGACY))
            for _ in range(4):  # protocol, system, content, names of storages
                _check_pickle(file, size)
        elif head[:1] == b"\x80" and _is_legacy(head):
            raise NotTensors(
                gettext(
                    "a torch file of the form before torch 1.6, so no onnxnn checkpoint. Where it holds "
                    "weights, add the layers, and call load_weights instead of load."
                ),
                foreign=True,
            )
        else:
            kind = kind_of_bytes(head) if isinstance(source, bytes) else kind_of_file(source)
            if size == 0:
                what = gettext("the file is empty.")
            else:
                what = gettext("expected a checkpoint or a torch file, got {kind}.", kind=kind.name)
            raise NotTensors(f"{what} {kind.advice}".strip(), foreign=True)
        file.seek(0)
        try:
            content = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for files that are not its own
            raise NotTensors(
                gettext("it cannot be read as tensors ({reason}).", reason=_first_line(error))
            ) from error
    return _Plain(size).copied(content, 0)


def _first_line(error: Exception) -> str:
    refused = re.search("WeightsUnpickler error: (.*)", str(error))  # what stands before advises to trust it
    lines = (refused.group(1) if refused else str(error)).strip().splitlines()
    return printable(lines[0].rstrip("."), 160) if lines else type(error).__name__


# ---- the zip -------------------------------------------------------------------------------------


def _check_zip(file: BinaryIO, size: int) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _check_entries(entries, size, archive.comment)
            damaged = archive.testzip()  # torch itself takes flipped bits for weights
            if damaged is not None:
                raise NotTensors(gettext("the file is damaged, at {entry}.", entry=printable(damaged, 80)))
            with archive.open(_pickle_of(entries)) as member:
                pickle = member.read(LARGEST_PICKLE + 1)
    except NotTensors:
        raise
    except (zipfile.BadZipFile, EOFError, struct.error) as error:
        file.seek(max(0, size - 22))
        cut = b"PK\x05\x06" not in file.read()
        raise NotTensors(gettext("the file is truncated.") if cut else _damaged()) from error
    except (RuntimeError, NotImplementedError, ValueError, zlib.error, OSError) as error:
        raise NotTensors(_damaged()) from error
    if len(pickle) > LARGEST_PICKLE:
        raise NotTensors(
            gettext(
                "it holds more than {most} MB of names, texts and history beside its tensors.",
                most=LARGEST_PICKLE >> 20,
            )
        )
    _check_pickle(io.BytesIO(pickle), size)


def _damaged() -> str:
    return gettext("the file is damaged.")


def _check_entries(entries: list[zipfile.ZipInfo], size: int, comment: bytes) -> None:
    """Refuse what two readers of zip files could read in two ways, and what unpacks to too much."""
    names = [entry.filename.lower() for entry in entries]
    if len(set(names)) < len(names) or comment:
        raise NotTensors(gettext("the file is damaged: its list of entries is not as torch writes it."))
    unpacked, most = sum(entry.file_size for entry in entries), 4 * size + UNPACKED
    if unpacked > most:
        raise NotTensors(
            gettext(
                "expected at most {most:,} bytes unpacked, got {unpacked:,} from {size:,} bytes. Torch "
                "writes its files without compression.",
                most=most,
                unpacked=unpacked,
                size=size,
            )
        )


def _pickle_of(entries: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    inside = {entry.filename.partition("/")[2] for entry in entries}
    if "constants.pkl" in inside:
        raise NotTensors(_kind_and_advice(TORCHSCRIPT), foreign=True)
    found = [entry for entry in entries if entry.filename.partition("/")[2] == "data.pkl"]
    if len(found) == 1:
        return found[0]
    npz = bool(entries) and all(entry.filename.endswith(".npy") for entry in entries)
    what = _kind_and_advice(NPZ) if npz else gettext("a zip file, and not one that torch wrote.")
    raise NotTensors(what, foreign=True)


def _kind_and_advice(kind: FileKind) -> str:
    return gettext("{kind}. {advice}", kind=kind.name, advice=kind.advice)


# ---- the pickle ----------------------------------------------------------------------------------

_LEGACY = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the pickled magic number that torch before 1.6 begins with

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


def _is_legacy(head: bytes) -> bool:
    return head[2:].startswith(_LEGACY)


def _check_pickle(file: BinaryIO, size: int) -> None:
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
        reason = _first_line(error)
        raise NotTensors(gettext("the file is damaged ({reason}).", reason=reason)) from error


class _ForeignName(Exception):
    """A pickle would import something else than tensors are made of."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Walk:
    """Follows a pickle's stack as far as to know how deep its tuples lie inside each other.

    Lists and dicts count as 0: what is built of them is checked afterwards, but a dict hashes a tuple that is
    its key at once, all the way down.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._declared = self._tuple_keys = 0
        self._stack: list[int] = []
        self._marks: list[int] = []
        self._memo: dict[int, int] = {}
        self._numbers: list[int] = []
        self._before = ""

    def step(self, name: str, argument: Any) -> None:
        action = _ACTIONS.get(name)
        if action is None:  # a text, a number, an empty list, ...
            self._stack.append(0)
        else:
            action(self, argument)
        self._before = name

    def _put(self, key: int) -> None:
        if key > MOST_STEPS or self._before in _NUMBERS:
            raise NotTensors(gettext("the file is damaged: it is not as torch writes it."))
        self._memo[key] = self._stack[-1]

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, key: int) -> None:
        self._stack.append(self._memo[key])

    def _mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))
        self._numbers = []

    def _to_mark(self, _: Any) -> list[int]:
        begin = self._marks.pop()
        inside = self._stack[begin:]
        del self._stack[begin:]
        return inside

    def _list(self, _: Any) -> None:
        self._to_mark(_)
        self._stack.append(0)

    def _dict(self, _: Any) -> None:
        self._fill(self._to_mark(_))
        self._stack.append(0)

    def _set_items(self, _: Any) -> None:
        self._fill(self._to_mark(_))

    def _set_item(self, _: Any) -> None:
        self._fill(self._stack[-2:])
        self._pop(2)

    def _fill(self, keys_and_values: list[int]) -> None:
        self._tuple_keys += sum(1 for depth in keys_and_values[::2] if depth)
        if self._tuple_keys > MOST_TUPLE_KEYS:
            raise NotTensors(gettext("the file is damaged: it is not as torch writes it."))

    def _tuple(self, _: Any) -> None:
        self._push_tuple(self._to_mark(_))

    def _short_tuple(self, count: int) -> None:
        inside = self._stack[-count:]
        del self._stack[-count:]
        self._push_tuple(inside)

    def _pop(self, count: int) -> None:
        del self._stack[-count:]

    def _call(self, _: Any) -> None:
        self._stack.pop()
        self._stack[-1] = 0

    def _global(self, name: str) -> None:
        _check_name(name)
        self._stack.append(0)

    def _number(self, value: int) -> None:
        if not -(2**63) <= value < 2**64:
            raise NotTensors(
                gettext("expected numbers of at most 64 bits, got {got}.", got=shortened(int(value)))
            )
        self._numbers.append(value)
        self._stack.append(0)

    def _refuse(self, _: Any) -> None:
        raise NotTensors(_code())

    def _nothing(self, _: Any) -> None:
        """What says nothing about the data."""

    def _push_tuple(self, inside: list[int]) -> None:
        depth = 1 + max(inside, default=0)
        if depth > DEEPEST:
            raise NotTensors(_too_deep())
        self._stack.append(depth)

    def _declare(self, _: Any) -> None:
        """Count the numbers of a storage; torch before 1.6 makes room for them before it reads them."""
        self._stack[-1] = 0
        self._declared += max(self._numbers, default=0)
        if self._declared > 64 * self._size:
            raise NotTensors(gettext("the file is damaged: it announces more numbers than it holds."))


_ACTIONS: dict[str, Callable[[_Walk, Any], object]] = {
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Walk._put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Walk._get),
    **dict.fromkeys(("APPENDS", "POP_MARK"), _Walk._to_mark),
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
    "APPEND": lambda walk, _: walk._pop(1),
    "BUILD": lambda walk, _: walk._pop(1),
    "SETITEM": _Walk._set_item,
    "SETITEMS": _Walk._set_items,
    "GLOBAL": _Walk._global,
    "BINPERSID": _Walk._declare,
}
"""What each step does to the stack; those that are not named here put a constant on it."""


def _too_deep() -> str:
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


# ---- what came of it -----------------------------------------------------------------------------

_DENSE = frozenset(
    [
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
    ]
)


class _Plain:
    """Copies data in its plain types; counts what is in it."""

    def __init__(self, size: int) -> None:
        self._values = 0
        self._bytes = 0
        self._most_bytes = 8 * size + UNPACKED

    def copied(self, value: Any, depth: int) -> Any:
        self._values += 1
        if self._values > MOST_VALUES:
            raise NotTensors(
                gettext("it holds more than {most:,} values inside each other.", most=MOST_VALUES)
            )
        if value is None or type(value) in (bool, int, float, str, bytes):
            return value
        if depth >= DEEPEST:
            raise NotTensors(_too_deep())
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, dict):
            return {self._key(key): self.copied(each, depth + 1) for key, each in dict.items(value)}
        if type(value) is list:
            return [self.copied(each, depth + 1) for each in value]
        if isinstance(value, tuple):
            return tuple(self.copied(each, depth + 1) for each in tuple.__iter__(value))
        if isinstance(value, torch.device | torch.dtype):
            return str(value)
        kind = printable(type(value).__name__, 40)
        raise NotTensors(gettext("expected tensors, numbers and texts, got {kind}.", kind=kind))

    def _key(self, key: Any) -> Any:
        if type(key) not in (str, int):
            raise NotTensors(
                gettext("expected names that are texts or integers, got {got}.", got=shortened(key))
            )
        return key

    def _tensor(self, value: torch.Tensor) -> torch.Tensor:
        dense = value.layout == torch.strided and value.device.type == "cpu" and not value.is_quantized
        if not dense or value.dtype not in _DENSE:
            raise NotTensors(
                gettext(
                    "expected tensors of dense numbers, got {dtype}, {layout}.",
                    dtype=value.dtype,
                    layout=value.layout,
                )
            )
        own = value.numel() * value.element_size()
        self._bytes += own
        if own > value.untyped_storage().nbytes() or self._bytes > self._most_bytes:
            raise NotTensors(
                gettext("it holds tensors that repeat their numbers far beyond the size of the file.")
            )
        return value.detach()
