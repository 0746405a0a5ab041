"""Arrays as a network takes them: what was given as NumPy holds it, and whether its shape matches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Collection, Sequence

import numpy as np

from onnxnn_runtime.card.card import Axis, InputSpec
from onnxnn_runtime.card.tokens import token_count
from onnxnn_runtime.errors import InputError, located
from onnxnn_runtime.messages.catalogue import Message, coded, ngettext
from onnxnn_runtime.messages.shapes import shape_text

from .nesting import check_nesting, check_not_masked, check_size, shape_of_lists

if TYPE_CHECKING:
    from typing_extensions import TypeGuard  # of Python 3.10


def as_array(value: object) -> np.ndarray:
    """Return what was given as an array.

    Raises:
        InputError: It is lists of different length.
    """
    value = without_gradient(value)
    if shape_of_lists(value) is None:  # of which old NumPy makes an array of lists
        raise InputError.coded(
            "E-INPUT-03",
            "expected rows of the same length, such as [[1, 2], [3, 4]], got different ones.",
        )
    return np.asarray(value)


def without_gradient(value: object) -> Any:
    """Return a torch tensor as NumPy reads it: dense, on the CPU, of a type it knows; anything else as it is.

    Raises:
        InputError: It is a masked array with hidden values, or a list with one in it; lists that NumPy
            would not end with, see `check_nesting`; or a tensor without numbers.
    """
    if not (hasattr(value, "detach") and hasattr(value, "dtype")):  # open files have the first, too
        check_nesting(value)
        check_not_masked(value)
        return value
    check_size(value.numel() if hasattr(value, "numel") else 0)
    if getattr(value, "is_nested", False):
        raise InputError.coded(
            "E-INPUT-03",
            "expected rows of the same length, got a nested tensor. Give its rows as a list: x.unbind().",
        )
    tensor: Any = value
    try:
        tensor = tensor.detach()
        if "sparse" in str(getattr(tensor, "layout", "")):
            tensor = tensor.to_dense()
        if getattr(tensor, "is_quantized", False):
            tensor = tensor.dequantize()
        tensor = tensor.cpu()
        if hasattr(tensor, "resolve_neg"):
            tensor = tensor.resolve_conj().resolve_neg()
        small = str(tensor.dtype).startswith(("torch.bfloat16", "torch.float8"))
        return tensor.float() if small else tensor
    except RuntimeError as error:  # of the device "meta"
        raise InputError.coded(
            "E-INPUT-04",
            "expected a tensor with numbers, got one that cannot be read ({reason}).",
            reason=error,
        ) from error


def from_objects(array: np.ndarray) -> np.ndarray:
    """Return an array of Python objects, as tables of mixed columns give, as one of numbers.

    Any other array comes back as it is, and so do objects among which is text, None or what is no number.
    """
    if array.dtype.kind != "O" or any(
        value is None or isinstance(value, (str, bytes)) for value in array.flat
    ):
        return array
    try:
        plain = np.asarray(array.tolist())
        return plain if plain.dtype.kind in "biuf" else array.astype(np.float64)
    except (OverflowError, TypeError, ValueError):
        return array


def is_several(value: object) -> TypeGuard[Collection[object]]:
    """Return whether an option holds several values: it is no text, no bytes and no array without axes."""
    is_one = isinstance(value, (str, bytes)) or getattr(value, "ndim", 1) == 0
    return isinstance(value, Collection) and not is_one


def as_floats(array: np.ndarray, name: str, dtype: str = "float32", gaps: bool = False) -> np.ndarray:
    """Return numbers as floats; messages begin with `name`, where it is not "".

    Args:
        array: Numbers of any type.
        name: What messages call them.
        dtype: "float32" or "float64".
        gaps: Whether NaN stands for a number without a value.

    Raises:
        InputError: One is NaN, infinite or too large.
    """
    with np.errstate(over="ignore"):
        floats = np.asarray(array, dtype=dtype)
    if np.isfinite(floats).all() or (gaps and not np.isinf(floats).any()):
        return floats
    if not np.isinf(array).any() and (gaps or not np.isnan(array).any()):
        error = InputError.coded(
            "E-INPUT-04",
            "expected numbers of at most {most:.2g} for {dtype}, got a larger one. Scale the numbers down.",
            most=np.finfo(dtype).max,
            dtype=dtype,
        )
    else:
        error = InputError.coded(
            "E-INPUT-04",
            "expected finite numbers, got NaN or infinite ones. Fill the gaps, or leave the sample out.",
        )
    raise InputError(located(name, error)) if name else error


def check_tokens(array: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Return tokens as int64; floats without fraction are some.

    Raises:
        InputError: One is not below the size of the vocabulary, or there are too many for a sequence.
    """
    if not _are_integers(array):
        raise InputError.coded(
            "E-INPUT-07", "expected integers as token ids, got {dtype}.", dtype=array.dtype
        )
    size = token_count(spec)
    if array.size and (array.min() < 0 or array.max() >= (size or 2**63)):
        form = ".10g" if array.dtype.kind == "f" else "d"
        low, high = format(array.min(), form), format(array.max(), form)
        if size is None:
            raise InputError.coded(
                "E-INPUT-07", "expected token ids from 0, got {low}..{high}.", low=low, high=high
            )
        raise InputError.coded(
            "E-INPUT-07",
            "expected token ids 0..{last}, as in the vocabulary, got {low}..{high}.",
            last=size - 1,
            low=low,
            high=high,
        )
    check_steps(array, spec)
    return np.asarray(array, dtype=np.int64)


def _are_integers(array: np.ndarray) -> bool:
    if array.dtype.kind == "f":
        return bool(np.isfinite(array).all()) and np.array_equal(array, np.round(array))
    if array.dtype == object:  # what NumPy makes of integers that int64 does not hold
        return all(isinstance(number, int) for number in array.ravel())
    return array.dtype.kind in "iu"


def check_steps(array: np.ndarray, spec: InputSpec) -> None:
    """Refuse sequences with more steps than the network takes.

    Args:
        array: One sample or many: tokens (..., time), or steps of numbers (..., time, features).
        spec: What the model takes.

    Raises:
        InputError: There are more.
    """
    after = 0 if spec.kind == "tokens" else 1
    if spec.max_length is None or array.ndim <= after:
        return
    steps = array.shape[array.ndim - 1 - after]
    if steps <= spec.max_length:
        return
    if spec.kind == "tokens":
        raise InputError.coded(
            "E-INPUT-03",
            "expected at most {most} in a sequence, got {count}.",
            most=ngettext("{count} token", "{count} tokens", spec.max_length),
            count=steps,
        )
    raise InputError.coded(
        "E-INPUT-03",
        "expected at most {most} in a sequence, got {count}.",
        most=ngettext("{count} step", "{count} steps", spec.max_length),
        count=steps,
    )


def check_shape(array: np.ndarray, spec: InputSpec) -> None:
    """Refuse a sample of another shape than the network takes, or smaller than it needs.

    Raises:
        InputError: It is one; the message says what is expected.
    """
    wanted: tuple[Axis, ...] = spec.shape[1:]
    matches = array.ndim == len(wanted) and all(
        size == want or (isinstance(want, str) and size > 0) for size, want in zip(array.shape, wanted)
    )
    if not matches:
        expected, got = shape_text(wanted), shape_text(array.shape)
        if 0 in array.shape and any(isinstance(want, str) for want in wanted):
            raise InputError.coded(
                "E-INPUT-03",
                "expected one sample of shape {expected} with at least one step, got {got}.",
                expected=expected,
                got=got,
            )
        if spec.kind == "table" and array.ndim == len(wanted) == 1:
            raise InputError.coded(
                "E-INPUT-03",
                "expected {expected} in a row, got {got}. Give the columns of the training, in their order.",
                expected=ngettext("{count} column", "{count} columns", int(wanted[0])),
                got=len(array),
            )
        raise InputError.coded(
            "E-INPUT-03",
            "expected one sample of shape {expected}, got {got}. Give a list of such samples, or one array "
            "of them with the samples first.",
            expected=expected,
            got=got,
        )
    problem = too_small(array.shape, spec)
    if problem is not None:
        raise InputError(problem)


def too_small(sizes: Sequence[int | None], spec: InputSpec) -> Message | None:
    """Return what is wrong with a sample that is smaller than the network takes; None where it is not.

    Args:
        sizes: The sizes of one sample, without the batch; None where one is not known.
        spec: What the network takes.
    """
    if not spec.min_sizes or len(sizes) != len(spec.shape) - 1:
        return None
    free = [(axis, size) for axis, size in zip(spec.shape[1:], sizes) if isinstance(axis, str)]
    least = [spec.min_sizes.get(axis, 1) for axis, _ in free]
    if all(size is None or size >= smallest for (_, size), smallest in zip(free, least)):
        return None
    expected, got = " x ".join(map(str, least)), " x ".join(str(size) for _, size in free)
    if len(free) == 2:
        return coded(
            "E-INPUT-03", "expected images of at least {expected}, got {got}.", expected=expected, got=got
        )
    if len(free) > 2:
        return coded(
            "E-INPUT-03", "expected volumes of at least {expected}, got {got}.", expected=expected, got=got
        )
    return _too_short("tokens" if spec.kind == "tokens" else free[0][0], least[0], got)


def _too_short(axis: str, least: int, got: object) -> Message:
    """Return what is wrong along a single free axis."""
    units = {
        "tokens": ngettext("{count} token", "{count} tokens", least),
        "time": ngettext("{count} step", "{count} steps", least),
        "length": ngettext("{count} position", "{count} positions", least),
    }
    if axis in units:
        return coded("E-INPUT-03", "expected at least {expected}, got {got}.", expected=units[axis], got=got)
    return coded(
        "E-INPUT-03",
        "expected at least {expected} along the axis {axis!r}, got {got}.",
        expected=least,
        axis=axis,
        got=got,
    )
