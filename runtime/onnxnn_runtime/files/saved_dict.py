"""A dict of words and numbers that NumPy saved, read as data.

`np.savez(path, word2idx={...})`, as the published data sets of BaseNN were made, writes a pickle.
`PlainUnpickler` follows it without importing or calling anything. What it would call becomes a mere record of
the call, except for what is known: an empty OrderedDict, bytes as old protocols write them, and NumPy's texts
and numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from onnxnn_runtime.files.plain_pickle import ERRORS, PlainUnpickler, WrongOpcode

LARGEST = 1 << 26
"""Bytes of the largest pickle that is followed; a vocabulary of 100,000 words takes about 2 MB."""


MOST_STEPS = 600_000
"""Instructions of a pickle that are followed: a vocabulary of 150,000 words."""

_PLAIN = (str, int, float, bool, type(None))
_ARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_RECONSTRUCT = [f"{module} _reconstruct" for module in _ARRAY]
_BYTES = ("__builtin__ bytes", "builtins bytes")
_SCALAR = [f"{module} scalar" for module in _ARRAY]


def read_saved_dict(data: bytes) -> dict[Any, Any] | None:
    """Return the dict of texts and numbers in a pickled NumPy array of no axes; None where it holds another.

    Args:
        data: The pickle, without the header of the .npy format; at most `LARGEST` bytes and `MOST_STEPS`
            instructions are read.
    """
    if len(data) > LARGEST:
        return None
    try:
        found = _unwrapped(_SavedDict(data, MOST_STEPS).load())
    except ERRORS:
        return None  # cut short, not a pickle, or not plain: the caller says what is expected
    if type(found) is not dict or any(type(part) not in _PLAIN for pair in found.items() for part in pair):
        return None
    return found


@dataclass
class _Call:
    """What the pickle would call, and the state it would give to the result."""

    function: str
    arguments: tuple[Any, ...]
    state: Any = None


class _SavedDict(PlainUnpickler):
    def __init__(self, data: bytes, most_steps: int) -> None:
        super().__init__(data, most_steps)
        self._left = 2 * len(data)  # a text as bytes, and again as the content of a scalar

    def called(self, function: str, arguments: tuple[Any, ...]) -> object:
        if function == "collections OrderedDict" and not arguments:
            return {}
        if function in _BYTES and not arguments:
            return b""  # in protocol 0 to 2, as the bytes that follow
        if function == "_codecs encode" and arguments[1:] == ("latin1",):
            return self._once(arguments[0]).encode("latin1")
        if function in _SCALAR:
            dtype, content = arguments
            return _scalar(dtype, self._once(content))
        return _Call(function, arguments)

    def built(self, value: object, state: object) -> None:
        if not isinstance(value, _Call):
            raise WrongOpcode
        value.state = state

    def _once(self, text: Any) -> Any:
        """Return a text or bytes; raise where calls read again and again what the file holds once."""
        self._left -= len(text)
        if self._left < 0:
            raise WrongOpcode
        return text


def _unwrapped(array: Any) -> object:
    """Return the one object in an array of no axes: the state is (version, shape, dtype, order, objects)."""
    if not isinstance(array, _Call) or array.function not in _RECONSTRUCT:
        return None
    _, shape, _, _, objects = array.state
    return objects[0] if shape == () and len(objects) == 1 else None


def _scalar(dtype: _Call, content: bytes) -> object:
    """Return the number or text of a NumPy scalar: scalar(dtype("i8", ...), bytes)."""
    code, order = dtype.arguments[0], dtype.state[1]
    if not re.fullmatch("[iu][1248]|f[248]|b1|U[0-9]{1,9}", code) or order not in ("<", ">", "|"):
        raise WrongOpcode
    if code[0] == "U":
        return content.decode("utf-32-le" if order == "<" else "utf-32-be", "surrogatepass")
    return np.frombuffer(content, order + code, 1)[0].item()
