"""How alike vectors are: `get_similarity`.

For vectors a and b of length D, each method gives a number that grows with likeness:

    cosine      a·b / (|a| |b|)                              -1..1
    dot         a·b                                          any
    pearson     cosine of a - mean(a) and b - mean(b)        -1..1
    euclidean   1 / (1 + sqrt(sum (a - b)²))                 0..1, 1 for equal vectors
    manhattan   1 / (1 + sum |a - b|)                        0..1
    chebyshev   1 / (1 + max |a - b|)                        0..1

A distance d becomes the similarity 1 / (1 + d) (the usual conversion, e.g. T. Segaran, Programming
Collective Intelligence, 2007, chapter 2), so that the number for a pair depends on that pair alone
and not on which other pairs stand in the same call.
"""

from __future__ import annotations

from typing import Callable

import numpy as np

from onnxnn_runtime.messages.shapes import shape_text

from .api.calls import checked
from .arrays.conversion import as_array, without_gradient
from .errors import InputError, did_you_mean, located
from .messages.catalogue import gettext
from .messages.shorten import printable, shortened
from .session.cores import num_threads
from .session.pipeline import ordered

_BLOCK_BYTES = 8 << 20
"""What is needed beside the vectors and the result is formed in blocks of about this size."""


@checked
def get_similarity(
    a: object, b: object, method: str = "cosine", use_softmax: bool = False
) -> np.ndarray | float:
    """Compare every vector of `a` with every vector of `b`.

    Args:
        a: Numbers (N, D), or one vector (D,).
        b: Numbers (M, D), or one vector (D,).
        method: "cosine", "euclidean", "manhattan", "chebyshev", "pearson" or "dot".
        use_softmax: Turn each row (one vector of `a` against all of `b`) into shares that sum to 1.

    Returns:
        float32 (N, M); (M,) where `a` is one vector, (N,) where `b` is one, a float where both are.
        The cosine or correlation with a vector of length zero is 0.

    Raises:
        InputError: The method is unknown, the shapes do not match, or a number is not finite.
    """
    if not isinstance(method, str) or method not in _METHODS:
        raise _unknown_method(method)
    left, right = _vectors("a", a), _vectors("b", b)
    rows, columns = np.atleast_2d(left), np.atleast_2d(right)
    if rows.shape[1] != columns.shape[1]:
        raise InputError.coded(
            "E-INPUT-03",
            "expected vectors of the same length, got {a} (a) and {b} (b). Take both from the same model.",
            a=rows.shape[1],
            b=columns.shape[1],
        )
    try:
        result = _compare(method, rows, columns)
    except _NotFiniteError as error:
        name = "a" if not np.isfinite(left).all() else "b"
        raise InputError.coded(
            "E-INPUT-04", "{name}: expected finite numbers, got NaN or infinite ones.", name=name
        ) from error
    if use_softmax:
        result = _softmax(result)
    if left.ndim == 1 and right.ndim == 1:
        return float(result[0, 0])
    if left.ndim == 1:
        return np.asarray(result[0])
    return np.asarray(result[:, 0] if right.ndim == 1 else result)


def _unknown_method(method: object) -> InputError:
    known, hint = ", ".join(_METHODS), did_you_mean(method, _METHODS)
    if hint:
        return InputError.coded(
            "E-INPUT-06",
            "method={method}: unknown{hint} Choose one of {known}.",
            method=shortened(method),
            hint=hint,
            known=known,
        )
    return InputError.coded(
        "E-INPUT-06", "method={method}: expected one of {known}.", method=shortened(method), known=known
    )


def _compare(method: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if len(a) < len(b):  # every method is symmetric, and the longer side is the one that is never copied
        return np.ascontiguousarray(_compare(method, b, a).T)
    _check_finite(b)
    if method in ("cosine", "dot"):
        found = _product(a, b, scaled=method == "cosine")
        if found is not None:
            return found
    prepare, scores = _METHODS[method]
    b = prepare(b)
    result = np.empty((len(a), len(b)), dtype=np.float32)
    rows = max(1, _BLOCK_BYTES // (8 * max(len(b), a.shape[1])))
    for i in range(0, len(a), rows):
        block = a[i : i + rows]
        _check_finite(block)
        result[i : i + rows] = scores(prepare(block), b)
    return result


def _product(a: np.ndarray, b: np.ndarray, scaled: bool) -> np.ndarray | None:
    """Return a·b, or the cosine, with one pass over `a` and no copy of it.

    Each block of `a` is read from memory once, for the sums of squares, and is still in the cache for the
    product with one vector; all cores take part, since one alone waits for the memory.

    Returns:
        float32 (N, M); None where a number is not finite, or so large or small that its square is not exact,
        so that the careful way has to be taken.
    """
    dtype = np.result_type(a, b)
    b = (_unit(b) if scaled else b).astype(dtype, copy=False)
    with np.errstate(all="ignore"):
        if not scaled:
            result = a @ b.T
        else:
            result, squares = _in_parts(a, b)
            limits = np.finfo(squares.dtype)
            if not (squares.min() > limits.tiny * 1e8 and squares.max() < limits.max / 1e8):
                return None
            result /= np.sqrt(squares)[:, np.newaxis]
            np.clip(result, -1, 1, out=result)
        found = result.astype(np.float32, copy=False)
    return found if np.isfinite(found).all() else None


def _in_parts(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a·b (N, M) and the sums of a's squares (N,), computed by all cores."""
    result = np.empty((len(a), len(b)), b.dtype)
    squares = np.empty(len(a), a.dtype)
    workers = num_threads() if a.size >= _FOR_THREADS else 1
    is_one = len(b) == 1
    if not is_one:
        np.matmul(a, b.T, out=result)
    rows = max(1, _CACHED_BYTES // (a.itemsize * a.shape[1]))

    def work(start: int) -> None:
        with np.errstate(all="ignore"):
            for i in range(start, min(start + part, len(a)), rows):
                block = a[i : min(i + rows, start + part)]
                squares[i : i + len(block)] = _dots(block, block)
                if is_one:  # row by row where several threads work: those of BLAS would disturb
                    found = _dots(block, b) if workers > 1 else block @ b[0]
                    result[i : i + len(block), 0] = found

    part = -(-len(a) // workers)
    for _ in ordered(work, range(0, len(a), part), workers):
        pass
    return result, squares


def _dots(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a[i]·b[i] (N,), where b may be one row for all; each is a call of BLAS, which einsum is not."""
    return np.asarray(np.matmul(a[:, np.newaxis, :], b[:, :, np.newaxis])[:, 0, 0])


_CACHED_BYTES = 1 << 20
"""What of the vectors is in the cache at once."""

_FOR_THREADS = 1 << 20
"""From this many numbers on, threads pay for the time that starting them takes."""


class _NotFiniteError(Exception):
    """A vector holds NaN or infinite numbers."""


def _check_finite(vectors: np.ndarray) -> None:
    if not np.isfinite(vectors).all():
        raise _NotFiniteError


def _as_is(vectors: np.ndarray) -> np.ndarray:
    return vectors


def _unit(vectors: np.ndarray) -> np.ndarray:
    # The largest value first, so that squares of tiny or huge numbers neither vanish nor overflow.
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    scaled = vectors / np.where(largest == 0, 1, largest)
    length = np.sqrt(np.square(scaled).sum(axis=1, keepdims=True))
    return np.asarray(scaled / np.where(length == 0, 1, length))


def _centred_unit(vectors: np.ndarray) -> np.ndarray:
    return _unit(vectors - vectors.mean(axis=1, keepdims=True))


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a @ b.T)


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(a @ b.T, -1, 1))


def _euclidean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    # |a - b|² = |a|² + |b|² - 2 a·b, in float64 and about b's middle, where little of it cancels.
    middle = b.mean(axis=0, dtype=np.float64)
    left, right = a - middle, b - middle
    squares = np.square(left).sum(axis=1)[:, np.newaxis] + np.square(right).sum(axis=1)
    return np.asarray(1 / (1 + np.sqrt(np.maximum(squares - 2 * (left @ right.T), 0))))


def _manhattan(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _by_difference(a, b, lambda difference: np.abs(difference).sum(axis=2))


def _chebyshev(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _by_difference(a, b, lambda difference: np.abs(difference).max(axis=2))


def _by_difference(a: np.ndarray, b: np.ndarray, distance: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    result = np.empty((len(a), len(b)), dtype=np.float32)
    columns = max(1, min(len(b), _BLOCK_BYTES // (8 * b.shape[1])))
    rows = max(1, _BLOCK_BYTES // (8 * b.shape[1] * columns))
    for i in range(0, len(a), rows):
        for j in range(0, len(b), columns):
            difference = a[i : i + rows, np.newaxis] - b[np.newaxis, j : j + columns]
            result[i : i + rows, j : j + columns] = 1 / (1 + distance(difference))
    return result


def _softmax(scores: np.ndarray) -> np.ndarray:
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


_Prepare = Callable[[np.ndarray], np.ndarray]
_Scores = Callable[[np.ndarray, np.ndarray], np.ndarray]

_METHODS: dict[str, tuple[_Prepare, _Scores]] = {
    "cosine": (_unit, _cosine),
    "euclidean": (_as_is, _euclidean),
    "manhattan": (_as_is, _manhattan),
    "chebyshev": (_as_is, _chebyshev),
    "pearson": (_centred_unit, _cosine),
    "dot": (_as_is, _dot),
}


def _vectors(name: str, values: object) -> np.ndarray:
    try:
        array = _as_numbers(values)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise InputError(located(name, error)) from error
        raise InputError.coded(
            "E-INPUT-04",
            "{name}: expected numbers, all vectors of the same length ({reason}).",
            name=name,
            reason=printable(str(error), 120),
        ) from error
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise InputError.coded(
            "E-INPUT-03",
            "{name}: expected the shape (D,) for one vector or (N, D) for N vectors, got {shape}.",
            name=name,
            shape=shape_text(array.shape),
        )
    return array


def _as_numbers(values: object) -> np.ndarray:
    """Return vectors as float32 or float64; an array that is one already is not copied."""
    if isinstance(values, (list, tuple)):
        values = [without_gradient(each) for each in values]
    array = as_array(values)
    if array.dtype in (np.float32, np.float64) and array.dtype.isnative:
        return array
    if array.dtype.kind not in "biufO":
        raise TypeError(gettext("{type} is no type of real numbers", type=array.dtype))
    return np.asarray(array, np.float32 if array.dtype == np.float16 else np.float64)
