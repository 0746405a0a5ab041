"""Tensors of the Open Inference Protocol v2: between JSON or binary data, and arrays.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import printable, shortened

from .content import MOST_VALUES
from .errors import BadRequest, TooLarge
from .nested import flattened, numbers_in, types_in

__all__ = ["DATATYPES", "Tensor", "array_of", "as_bytes", "as_values", "datatype_of", "elements_of"]

DATATYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "string": "BYTES",
}
"""What the protocol calls the types of a graph."""

_DTYPES = {datatype: dtype for dtype, datatype in DATATYPES.items()}

_MOST_AXES = 32
"""Of an array of NumPy 1."""

_LARGEST = 2**63 - 1
"""The largest size of an axis."""

_LENGTH = struct.Struct("<I")
"""What stands before each element of BYTES."""


@dataclass(frozen=True)
class Tensor:
    """An input of a request.

    Args:
        name: The input's name.
        datatype: One of the values of `DATATYPES`.
        shape: Sizes of at least 1.
        values: What JSON holds, in one list or in lists of lists; None where the data are binary.
        binary: All elements in row-major, little-endian order; for BYTES each after its length in 4 bytes.

    Raises:
        BadRequest: The shape is none.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: object = None
    binary: bytes = b""

    def __post_init__(self) -> None:
        if len(self.shape) > _MOST_AXES or not all(
            type(size) is int and 0 < size <= _LARGEST for size in self.shape
        ):
            raise BadRequest.coded(
                "E-INPUT-03",
                "{name}: expected as shape a list of integers from 1, at most {most} of them, got {found}.",
                name=printable(self.name, 80),
                most=_MOST_AXES,
                found=shortened(list(self.shape)),
            )

    @property
    def count(self) -> int:
        """How many elements there are by the shape."""
        count = 1
        for size in self.shape:
            count *= size
        return count


def array_of(tensor: Tensor) -> np.ndarray:
    """Return a tensor as an array of its type; BYTES become texts, as objects.

    Raises:
        BadRequest: The datatype is unknown, or the data are of another type or count than it and the shape
            say.
        TooLarge: There are too many texts.
    """
    dtype = _DTYPES.get(tensor.datatype)
    if dtype is None:
        raise BadRequest.coded(
            "E-INPUT-05",
            "{name}: expected as datatype one of {known}, got {datatype}.",
            name=tensor.name,
            known=", ".join(_DTYPES),
            datatype=shortened(tensor.datatype),
        )
    if dtype == "string":
        array = _texts(tensor)
    elif tensor.values is None:
        array = _from_binary(tensor, np.dtype(dtype))
    else:
        array = _from_values(tensor, np.dtype(dtype))
    return array.reshape(tensor.shape)


def elements_of(tensor: Tensor, most: int = MOST_VALUES) -> list[str] | list[bytes]:
    """Return the elements of a tensor of BYTES: texts where JSON holds them, else bytes.

    Raises:
        BadRequest: The data are of another type, or not as many as the shape says.
        TooLarge: There are more than `most`.
    """
    if tensor.count > most:
        raise TooLarge.coded(
            "E-SERVER-03",
            "{name}: expected at most {most} elements of BYTES, got the shape {shape}. Send them in several "
            "requests.",
            name=tensor.name,
            most=most,
            shape=shape_text(tensor.shape),
        )
    if tensor.values is None:
        return _cut(tensor)
    return _flat(tensor, str)


def _cut(tensor: Tensor) -> list[bytes]:
    """Return the elements of binary BYTES."""
    data, place = tensor.binary, 0
    found: list[bytes] = []
    while len(found) < tensor.count and place + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size
        found.append(data[place : place + length])
        place += length
    if len(found) == tensor.count and place == len(data):
        return found
    raise BadRequest.coded(
        "E-SERVER-05",
        "{name}: expected elements of BYTES, each after its length as 4 little-endian bytes, in the number "
        "of the shape {shape}, got {found} that are not such.",
        name=tensor.name,
        shape=shape_text(tensor.shape),
        found=ngettext("{count} byte", "{count} bytes", len(data)),
    )


def _texts(tensor: Tensor) -> np.ndarray:
    found = elements_of(tensor)
    array = np.empty(len(found), object)
    try:
        array[:] = [each.decode("utf-8") if isinstance(each, bytes) else each for each in found]
    except UnicodeDecodeError as error:
        raise BadRequest.coded(
            "E-INPUT-04", "{name}: expected texts in UTF-8, got other bytes.", name=tensor.name
        ) from error
    return array


def _from_binary(tensor: Tensor, dtype: np.dtype) -> np.ndarray:
    expected = tensor.count * dtype.itemsize
    if len(tensor.binary) != expected:
        raise BadRequest.coded(
            "E-SERVER-05",
            "{name}: expected {expected} for {datatype} {shape}, got {found}.",
            name=tensor.name,
            expected=ngettext("{count} byte", "{count} bytes", expected),
            datatype=tensor.datatype,
            shape=shape_text(tensor.shape),
            found=len(tensor.binary),
        )
    if dtype.kind != "b":
        return np.frombuffer(tensor.binary, dtype.newbyteorder("<")).astype(dtype, copy=False)
    found = np.frombuffer(tensor.binary, np.uint8)
    if found.max() > 1:
        raise BadRequest.coded(
            "E-INPUT-04",
            "{name}: expected 0 or 1 for each element of BOOL, got {value}.",
            name=tensor.name,
            value=found.max(),
        )
    return found.view(bool)


def _from_values(tensor: Tensor, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "b":
        return np.array(_flat(tensor, bool))
    if dtype.kind == "f":
        try:
            with np.errstate(over="ignore"):  # what is infinite then is refused where the graph is fed
                return numbers_in(_flat(tensor, int, float), np.float64).astype(dtype)
        except OverflowError as error:
            raise _out_of_range(tensor, -np.finfo(dtype).max, np.finfo(dtype).max) from error
    values, limits = _flat(tensor, int), np.iinfo(dtype)
    if min(values) < limits.min or max(values) > limits.max:
        raise _out_of_range(tensor, limits.min, limits.max)
    return numbers_in(values, dtype)


def _out_of_range(tensor: Tensor, lowest: object, highest: object) -> BadRequest:
    return BadRequest.coded(
        "E-INPUT-04",
        "{name}: expected numbers of {datatype}, {lowest}..{highest}, got others.",
        name=tensor.name,
        datatype=tensor.datatype,
        lowest=lowest,
        highest=highest,
    )


def _flat(tensor: Tensor, *types: type) -> list[Any]:
    """Return the values of JSON in one list.

    Args:
        tensor: Its values stand in one list, or in lists of its shape.
        types: Types of Python that they may have.

    Raises:
        BadRequest: They are of another type, or not as many as the shape says.
    """
    found = flattened(tensor.values)
    if found is not None and types_in(found[0]) <= set(types):
        flat, shape = found
        if len(flat) == tensor.count and shape in (tensor.shape, (tensor.count,)):
            return flat
    raise BadRequest.coded(
        "E-INPUT-04",
        "{name}: expected as data the values of {datatype} {shape}, in one list or in lists of this shape, "
        "got {value}.",
        name=tensor.name,
        datatype=tensor.datatype,
        shape=shape_text(tensor.shape),
        value=shortened(tensor.values, 60),
    )


def datatype_of(array: np.ndarray) -> str:
    """Return what the protocol calls an array's type; an array of objects is one of texts."""
    return DATATYPES["string" if array.dtype.kind in "OSU" else array.dtype.name]


def as_values(array: np.ndarray) -> np.ndarray | list[Any]:
    """Return the elements as `as_json` takes them, in one list or array."""
    flat = array.reshape(-1)
    return flat if flat.dtype.kind in "biuf" else flat.tolist()


def as_bytes(array: np.ndarray) -> bytes:
    """Return the elements as binary data: row-major, little-endian; each text after its length in 4 bytes."""
    if array.dtype.kind not in "OSU":
        return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    texts = [str(each).encode("utf-8", "replace") for each in array.reshape(-1)]
    return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
