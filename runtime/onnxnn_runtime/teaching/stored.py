"""What a taught file keeps beside its card, so that classes can be added without the old images."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Mapping, NamedTuple

import numpy as np

from onnxnn_runtime.card.fields import Fields, no_constant
from onnxnn_runtime.errors import CardError, InputError, located
from onnxnn_runtime.messages.shorten import printable

from .statistics import Statistics

METADATA_KEY = "onnxnn-taught"
"""The key in the file's metadata: the card stays small, and so does what `load` reads."""

_SCHEMA = 1

MOST_CLASSES = 10_000
"""Classes that a head may have."""


class Taught(NamedTuple):
    """What was taught.

    Args:
        encoder: The fingerprint of the part of the graph that makes the vectors.
        labels: The names of the classes, in the order of the scores.
        statistics: Of the vectors.
    """

    encoder: str
    labels: list[str]
    statistics: Statistics


def to_text(taught: Taught) -> str:
    """Return the text for the file's metadata: numbers are float32 or float64 in base64, little endian."""
    found = taught.statistics
    found.settle()
    data = {
        "schema": _SCHEMA,
        "encoder": taught.encoder,
        "labels": taught.labels,
        "size": found.size,
        "counts": found.counts,
        "rows": _text(found.rows),
        "row_labels": found.labels.tolist(),
        "factor": "" if found.moments is None else _text(_packed(_factor(found.moments))),
        "sums": "" if found.moments is None else _text(found.sums, "<f8"),
    }
    return json.dumps(data, sort_keys=True, ensure_ascii=False)


def from_metadata(metadata: Mapping[str, str], name: str) -> Taught | None:
    """Read what `to_text` wrote; None where the file was not taught.

    Args:
        metadata: The file's.
        name: What errors call it.

    Raises:
        CardError: It is damaged, or of a newer version.
    """
    if METADATA_KEY not in metadata:
        return None
    try:
        return _read(json.loads(metadata[METADATA_KEY], parse_constant=no_constant))
    except CardError as error:
        raise CardError(located(name, error)) from error
    except (ValueError, RecursionError, OverflowError, TypeError, binascii.Error, InputError) as error:
        raise CardError.coded(
            "E-CARD-02",
            "{name}: what it was taught is damaged ({error}). Get the file again, or teach its "
            "encoder again.",
            name=name,
            error=printable(str(error), 120),
        ) from error


def _read(data: object) -> Taught:
    fields = Fields.of_entry(METADATA_KEY, data)
    schema = fields.take("schema", int)
    if schema != _SCHEMA:
        raise CardError.coded(
            "E-CARD-03",
            "card: expected schema {expected}, which this version of onnxnn reads, got schema "
            "{schema}. Install a newer onnxnn-runtime.",
            expected=_SCHEMA,
            schema=schema,
        )
    encoder, labels = fields.take("encoder", str), fields.take("labels", list)
    counts, size = fields.take("counts", list), fields.take("size", int)
    _require(0 < size < 2**24 and 0 < len(counts) == len(labels) <= MOST_CLASSES, "size")
    _require(all(type(each) is str for each in labels) and len(set(labels)) == len(labels), "labels")
    _require(all(type(each) is int and 0 < each < 2**40 for each in counts), "counts")
    found = Statistics(size)
    found.counts = counts
    found.rows = _array(fields.take("rows", str)).reshape(-1, size)
    found.labels = np.array(fields.take("row_labels", list), np.int64).reshape(-1)
    factor, sums = fields.take("factor", str), fields.take("sums", str)
    fields.done()
    _check_labels(found, whole=not factor)
    if factor:
        upper = _unpacked(_array(factor), size)
        found.moments = np.dot(upper.T, upper)
        found.sums = _array(sums, "<f8").reshape(len(counts), size)
    else:
        found.sums = np.stack(
            [found.rows[found.labels == each].sum(axis=0, dtype=np.float64) for each in range(len(counts))]
        )
    return Taught(encoder, labels, found)


def _check_labels(found: Statistics, whole: bool) -> None:
    """Refuse labels of rows that are none, or not as many as counted where all rows are there."""
    inside = (found.labels >= 0) & (found.labels < len(found.counts))
    _require(len(found.labels) == len(found.rows) and bool(inside.all()), "row_labels")
    held = np.bincount(found.labels, minlength=len(found.counts))
    right = held == found.counts if whole else (held > 0) & (held <= found.counts)
    _require(bool(right.all()), "counts")


def _require(right: bool, part: str) -> None:
    """Refuse a damaged part.

    Raises:
        ValueError: It is not right; the text is its key.
    """
    if not right:
        raise ValueError(part)


def _factor(moments: np.ndarray) -> np.ndarray:
    """Return R, float64 (D, D), upper triangular, with RᵀR = XᵀX: in float32 it loses less than XᵀX would.

    It is that of X = QR, too (Golub, Van Loan: Matrix Computations, 5.3). What is added to the diagonal keeps
    rounding errors of vectors that do not fill all directions above 0.
    """
    whole = moments.copy()
    added = 1e-12 * max(float(whole.trace()), 1e-30)
    for _ in range(4):
        np.fill_diagonal(whole, moments.diagonal() + added)
        try:
            return np.linalg.cholesky(whole).T
        except np.linalg.LinAlgError:
            added *= 100
    squares, directions = np.linalg.eigh(moments)
    factor: np.ndarray = np.linalg.qr(  # type: ignore[assignment]  # NumPy's types know no mode="r"
        (directions * np.sqrt(np.maximum(squares, 0))).T, mode="r"
    )
    return factor


def _packed(factor: np.ndarray) -> np.ndarray:
    """Return the numbers of an upper triangular matrix, row after row from the diagonal on."""
    return np.concatenate([factor[row, row:].astype(np.float32) for row in range(len(factor))])


def _unpacked(numbers: np.ndarray, size: int) -> np.ndarray:
    _require(len(numbers) == size * (size + 1) // 2, "factor")
    factor = np.zeros((size, size))
    start = 0
    for row in range(size):
        factor[row, row:] = numbers[start : start + size - row]
        start += size - row
    return factor


def _text(array: np.ndarray, kind: str = "<f4") -> str:
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode("ascii")


def _array(text: str, kind: str = "<f4") -> np.ndarray:
    found = np.frombuffer(base64.b64decode(text.encode("ascii"), validate=True), kind)
    _require(bool(np.isfinite(found).all()), "NaN")
    return found.astype(kind[1:])  # a copy, in this machine's order of bytes
