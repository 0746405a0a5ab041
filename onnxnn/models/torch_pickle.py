"""Checking a pickle that torch wrote before torch reads it: its size, its steps, names, calls and keys.

`torch.load(weights_only=True)` imports what is on its list alone. But it hashes whatever is a key, makes room
for as many numbers as a file announces, and lets calls read one thing again and again. So `PlainUnpickler`
goes through the pickle first, with the few calls that tensors and plain data are made of.
"""

from __future__ import annotations

import re
from typing import Any, BinaryIO

from onnxnn_runtime.files.plain_pickle import (
    ERRORS,
    Global,
    PlainUnpickler,
    TooManySteps,
    WrongKey,
    WrongOpcode,
)
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import printable, shortened

LARGEST_PICKLE = 1 << 24
"""Bytes of the pickle, tensors not counted."""

MOST_STEPS = 1_000_000
"""Steps of the pickle's program; a history of 60,000 epochs with 6 columns takes about so many."""

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
    """Go through a pickle's program, of which nothing is imported or called, and leave the file after it.

    Args:
        file: Open at the pickle.
        size: Bytes of the whole file.

    Raises:
        NotTensors: It is longer than the limits, mentions what holds code, or announces more than there is.
    """
    begin = file.tell()
    data = file.read(LARGEST_PICKLE + 1)
    unpickler = _TorchPickle(data, size)
    try:
        unpickler.load()
    except NotTensors:
        raise
    except TooManySteps as error:
        raise NotTensors(_too_much()) from error
    except WrongOpcode as error:
        raise NotTensors(_code()) from error
    except WrongKey as error:
        raise NotTensors(wrong_key(str(error))) from error
    except _ForeignName as error:
        raise _not_weights(error.name, data) from error
    except ERRORS as error:
        if len(data) > LARGEST_PICKLE:
            raise NotTensors(_too_much()) from error
        reason = first_line(error)
        raise NotTensors(gettext("the file is damaged ({reason}).", reason=reason)) from error
    file.seek(begin + unpickler.file.tell())


class _ForeignName(Exception):
    """A pickle would import something else than tensors are made of."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _TensorPart:
    """Stands in for a storage, a tensor, a parameter or a device."""


_PART = _TensorPart()
_ARGUMENTS = (str, bool, int, type(None), dict, Global, _TensorPart)
_TENSORS = ("torch.nn.parameter Parameter", "torch device")


class _TorchPickle(PlainUnpickler):
    """Makes the dicts and lists of a torch file, with stand-ins for tensors; counts what calls read.

    Args:
        data: The pickle, and possibly more after it.
        size: Bytes of the whole file.
    """

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data, MOST_STEPS)
        self._size = size
        self._declared = self._values = self._characters = 0

    def find_class(self, module: str, name: str) -> Global:
        found = f"{module} {name}"
        storage = module == "torch" and name.endswith("Storage")
        if not (found in _NAMES or found in _DTYPES or storage):
            raise _ForeignName(found)
        return super().find_class(module, name)

    def check_number(self, number: int) -> None:
        if not -(2**63) <= number < 2**64:
            raise NotTensors(
                gettext("expected numbers of at most 64 bits, got {got}.", got=shortened(int(number)))
            )

    def persistent_load(self, pid: Any) -> object:
        """Count the numbers of a storage; torch before 1.6 makes room for them before it reads them."""
        if not _is_storage(pid):
            raise NotTensors(_foreign())
        self._declared += pid[4]
        if self._declared > 64 * self._size:
            raise NotTensors(gettext("the file is damaged: it announces more numbers than it holds."))
        return _PART

    def called(self, function: str, arguments: tuple[Any, ...]) -> object:
        self._count(arguments)
        if function == "collections OrderedDict" and len(arguments) < 2:
            return self._filled(*arguments)
        if function == "collections Counter" and len(arguments) == 1 and type(arguments[0]) is dict:
            return self._filled(arguments[0])
        if function == "_codecs encode" and arguments[1:] == ("latin1",) and type(arguments[0]) is str:
            return arguments[0].encode("latin1")
        if function == "torch Size" and len(arguments) == 1 and _is_size(arguments[0]):
            return arguments[0]
        if function.startswith("torch._utils _rebuild") or function in _TENSORS:
            self._check_parts(arguments)
            return _PART
        raise NotTensors(_foreign())

    def built(self, value: object, state: object) -> None:
        """Check the state of an OrderedDict, or of a parameter as torch before 0.4 wrote it."""
        if type(value) is dict and type(state) is dict:
            self._count((state,))
        elif value is _PART and type(state) is tuple:
            self._count(state)
            self._check_parts(state)
        else:
            raise NotTensors(_foreign())

    def _filled(self, content: Any = ()) -> dict[Any, None]:
        """Return the keys of a dict that is made of a dict, or of pairs as Python 2 writes them."""
        if type(content) is dict:
            return dict.fromkeys(content)
        pairs = content if type(content) in (list, tuple) else [content]
        for pair in pairs:
            if type(pair) not in (list, tuple) or len(pair) != 2:
                raise NotTensors(_foreign())
            self.check_key(pair[0])
        return {key: None for key, _ in pairs}

    def _check_parts(self, values: tuple[object, ...]) -> None:
        if not all(type(each) in _ARGUMENTS or _is_size(each) for each in values):
            raise NotTensors(_foreign())

    def _count(self, values: tuple[Any, ...]) -> None:
        """Count what a call reads.

        Raises:
            NotTensors: Calls read far more than what stands in the file.
        """
        self._values += 1 + len(values)
        for each in values:
            if type(each) in (str, bytes):
                self._characters += len(each)
            elif type(each) in (list, tuple, dict):
                self._values += len(each)
        characters = self.file.tell() + MOST_READ_AGAIN
        if self._values > self.steps + MOST_READ_AGAIN or self._characters > characters:
            raise NotTensors(_foreign())


def _is_storage(pid: object) -> bool:
    """Say whether torch wrote it: ("storage", type, key, device, count), maybe with (key, offset, count).

    The second is a view, in files of torch before 0.4. Keys are hashed.
    """
    if type(pid) is not tuple or len(pid) not in (5, 6):
        return False
    kinds = [type(each) for each in pid[:5]]
    view = pid[5] if len(pid) == 6 else None
    is_view = view is None or (type(view) is tuple and [type(each) for each in view] == [str, int, int])
    return kinds == [str, Global, str, str, int] and pid[0] == "storage" and pid[4] >= 0 and is_view


def _is_size(value: object) -> bool:
    return type(value) is tuple and all(type(each) is int for each in value)


def _too_much() -> str:
    return gettext(
        "it holds more than {most:,} names, texts and numbers beside its tensors.", most=MOST_STEPS
    )


def wrong_key(got: str) -> str:
    return gettext("expected names that are texts or integers, got {got}.", got=got)


def _foreign() -> str:
    return gettext("the file is damaged: it is not as torch writes it.")


def _code() -> str:
    return gettext(
        "it holds a pickled object and not only weights, and opening one could run any program, so it is not "
        "opened."
    )


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
