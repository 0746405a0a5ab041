"""Arrays that a graph is fed with: checked against what the graph declares, and turned into its types."""

from __future__ import annotations

from typing import Any

import numpy as np

from onnxnn_runtime.arrays.conversion import as_array, as_floats
from onnxnn_runtime.errors import CardError, InputError
from onnxnn_runtime.messages.shorten import printable, shortened

__all__ = ["DTYPES", "as_samples", "check_divisor", "check_feed"]

DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int16)": "int16",
    "tensor(int8)": "int8",
    "tensor(uint64)": "uint64",
    "tensor(uint32)": "uint32",
    "tensor(uint16)": "uint16",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
    "tensor(string)": "string",
}
"""NumPy's names of ONNX Runtime's types; tensors of texts are arrays of objects."""


def check_feed(name: str, value: Any, dtype: str, shape: tuple[Any, ...]) -> np.ndarray:
    """Return a value as the array that an input of a graph takes.

    Args:
        name: The input.
        value: What the user gave.
        dtype, shape: What the graph declares; () stands for a scalar, and for an unknown number of axes.

    Raises:
        InputError: It does not fit, or holds NaN or infinite numbers.
    """
    shown = printable(name, 80)
    if dtype not in DTYPES.values():
        raise InputError(
            f"{shown}: the graph expects {dtype} there; only arrays of NumPy's numbers or texts fit. "
            "Use a model whose inputs are such tensors."
        )
    try:
        array = as_array(value)
    except InputError as error:
        raise InputError(f"{shown}: {error}") from error
    described = f"{array.dtype} {shortened(array.shape)}"
    if array.dtype == object and not array.ndim:
        described = shortened(value)
    wanted = "{} ({})".format(dtype, ", ".join("free" if size is None else str(size) for size in shape))
    if dtype == "string":
        return _texts(shown, array, described)
    if not _castable(array.dtype, dtype):
        raise InputError(f"{shown}: expected {wanted}, got {described}.")
    fits = not shape or (
        array.ndim == len(shape)
        and all(given == size or not isinstance(size, int) for given, size in zip(array.shape, shape))
    )
    if not fits or 0 in array.shape:
        least = ", at least 1 along each axis" if 0 in array.shape else ""
        raise InputError(f"{shown}: expected {wanted}{least}, got {described}.")
    if dtype.startswith("float"):
        array = as_floats(array, shown, dtype)
    elif dtype not in ("bool", str(array.dtype)):
        _check_range(shown, array, dtype)
    return np.asarray(array, dtype=dtype, order="C")


def _texts(name: str, array: np.ndarray, described: str) -> np.ndarray:
    """Return texts as ONNX Runtime takes them."""
    if array.dtype.kind == "U" or (
        array.dtype == object and all(isinstance(each, str) for each in array.flat)
    ):
        return array.astype(object)
    raise InputError(f"{name}: expected texts, got {described}.")


def _check_range(name: str, array: np.ndarray, dtype: str) -> None:
    """Refuse integers that another type does not hold: they would come out as other numbers."""
    limits = np.iinfo(dtype)
    if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
        raise InputError(
            f"{name}: holds {array.min()}..{array.max()}; expected {dtype}, {limits.min}..{limits.max}."
        )


def _castable(given: np.dtype[Any], wanted: str) -> bool:
    """Return whether numbers of one type can stand for another without a change of meaning.

    uint8 is a raw image and never becomes 0..1 by a mere change of type.
    """
    if str(given) == wanted:
        return True
    if wanted.startswith("float"):
        return given.kind in "fib" or (given.kind == "u" and given.itemsize > 1)
    if wanted.startswith(("int", "uint")) and wanted not in ("uint8", "int8"):
        return given.kind in "iu"
    return False


def check_divisor(name: str, array: np.ndarray) -> None:
    """Refuse integers by which a graph divides, where that can end the process.

    Raises:
        InputError: There is a 0, or a -1 by which the lowest int32 or int64 cannot be divided.
    """
    refused = [0, -1] if array.dtype in (np.int32, np.int64) else [0]
    if array.dtype.kind in "iu" and np.isin(array, refused).any():
        raise InputError(
            f"{printable(name, 80)}: holds {' or '.join(map(str, refused))}; the graph divides by it, "
            "which can end the whole process. Give other numbers."
        )


def as_samples(model: str, name: str, array: np.ndarray, dtype: str, shape: tuple[Any, ...]) -> np.ndarray:
    """Return samples that were read as a card says, in the graph's own type where that is another float.

    Args:
        model: What errors call it.
        name, dtype, shape: The graph's input, as for `check_feed`.

    Raises:
        CardError: The graph expects another type or shape than its card.
    """
    fits = not shape or (
        array.ndim == len(shape)
        and all(given == size or not isinstance(size, int) for given, size in zip(array.shape, shape))
    )
    other = str(array.dtype) != dtype
    if not fits or (other and not (dtype in ("float16", "float32", "float64") and array.dtype.kind == "f")):
        wanted = ", ".join("free" if size is None else printable(str(size), 30) for size in shape)
        raise CardError(
            f"{model}: its card makes {array.dtype} {shortened(array.shape)} of the samples; its graph's "
            f"input {printable(name, 40)!r} expects {dtype} ({wanted}). Export it again, or pass the card "
            "that belongs to it as card=."
        )
    return array.astype(dtype) if other else array
