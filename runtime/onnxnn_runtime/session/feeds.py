"""Arrays that a graph is fed with: checked against what the graph declares, and turned into its types."""

from __future__ import annotations

import numpy as np

from onnxnn_runtime.arrays.conversion import as_array, as_floats
from onnxnn_runtime.errors import CardError, InputError, located
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import printable, shortened

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


def check_feed(
    name: str, value: object, dtype: str, shape: tuple[object, ...], gaps: bool = False
) -> np.ndarray:
    """Return a value as the array that an input of a graph takes.

    Args:
        name: The input.
        value: What the user gave.
        dtype, shape: What the graph declares; () stands for a scalar, and for an unknown number of axes.
        gaps: Whether NaN stands for a number without a value, which the graph fills in.

    Raises:
        InputError: It does not match the graph, or holds NaN or infinite numbers.
    """
    shown = printable(name, 80)
    if dtype not in DTYPES.values():
        raise InputError.coded(
            "E-INPUT-05",
            "{name}: the graph expects {type}; only arrays of NumPy's numbers or texts can be given. Use "
            "a model whose inputs are such tensors.",
            name=shown,
            type=dtype,
        )
    try:
        array = as_array(value)
    except InputError as error:
        raise InputError(located(shown, error)) from error
    if dtype == "string":
        return _texts(shown, array, value)
    if not _castable(array.dtype, dtype):
        raise _other_array(shown, array, value, dtype, shape)
    if not _is_alike(array, shape) or 0 in array.shape:
        raise _other_array(shown, array, value, dtype, shape)
    if dtype.startswith("float"):
        array = as_floats(array, shown, dtype, gaps)
    elif dtype not in ("bool", str(array.dtype)):
        _check_range(shown, array, dtype)
    return np.asarray(array, dtype=dtype, order="C")


def _other_array(
    name: str, array: np.ndarray, value: object, dtype: str, shape: tuple[object, ...]
) -> InputError:
    """Return the error for an array of another type or shape than an input takes."""
    if 0 in array.shape:
        return InputError.coded(
            "E-INPUT-03",
            "{name}: expected {type} {shape}, at least 1 along each axis, got {found}.",
            name=name,
            type=dtype,
            shape=shape_text(shape),
            found=_described(array, value),
        )
    return InputError.coded(
        "E-INPUT-03",
        "{name}: expected {type} {shape}, got {found}.",
        name=name,
        type=dtype,
        shape=shape_text(shape),
        found=_described(array, value),
    )


def _is_alike(array: np.ndarray, shape: tuple[object, ...]) -> bool:
    """Return whether an array has a shape that a graph declares, in which free axes have any size."""
    return not shape or (
        array.ndim == len(shape)
        and all(given == size or not isinstance(size, int) for given, size in zip(array.shape, shape))
    )


def _described(array: np.ndarray, value: object) -> str:
    if array.dtype == object and not array.ndim:
        return shortened(value)
    return f"{array.dtype} {shape_text(array.shape)}"


def _texts(name: str, array: np.ndarray, value: object) -> np.ndarray:
    """Return texts as ONNX Runtime takes them."""
    if array.dtype.kind == "U" or (
        array.dtype == object and all(isinstance(each, str) for each in array.flat)
    ):
        return array.astype(object)
    raise InputError.coded(
        "E-INPUT-04", "{name}: expected texts, got {found}.", name=name, found=_described(array, value)
    )


def _check_range(name: str, array: np.ndarray, dtype: str) -> None:
    """Refuse integers that another type does not hold: they would come out as other numbers."""
    limits = np.iinfo(dtype)
    if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
        raise InputError.coded(
            "E-INPUT-04",
            "{name}: expected {type}, {lowest}..{highest}, got {low}..{high}.",
            name=name,
            type=dtype,
            lowest=limits.min,
            highest=limits.max,
            low=array.min(),
            high=array.max(),
        )


def _castable(given: np.dtype, wanted: str) -> bool:
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
        raise InputError.coded(
            "E-INPUT-04",
            "{name}: expected numbers other than {refused}: the graph divides by them, which can end "
            "the whole process.",
            name=printable(name, 80),
            refused=", ".join(map(str, refused)),
        )


def as_samples(model: str, name: str, array: np.ndarray, dtype: str, shape: tuple[object, ...]) -> np.ndarray:
    """Return samples that were read as a card says, in the graph's own type where that is another float.

    Args:
        model: What errors call it.
        name, dtype, shape: The graph's input, as for `check_feed`.

    Raises:
        CardError: The graph expects another type or shape than its card.
    """
    other = str(array.dtype) != dtype
    are_floats = dtype in ("float16", "float32", "float64") and array.dtype.kind == "f"
    if not _is_alike(array, shape) or (other and not are_floats):
        raise CardError.coded(
            "E-MODEL-04",
            "{model}: input {name}: expected {type} {shape} by its graph, got {found} by its card. "
            "Export it again, or pass the card that belongs to it as card=.",
            model=model,
            name=repr(printable(name, 40)),
            type=dtype,
            shape=shape_text(shape),
            found=_described(array, array),
        )
    return array.astype(dtype) if other else array
