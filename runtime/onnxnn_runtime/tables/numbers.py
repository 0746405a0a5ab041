"""Reading millions of plain numbers in the cells of a table quickly; see `marks` for all others."""

from __future__ import annotations

import warnings

import numpy as np

_PLAIN = b"0123456789+-.eE"
_LONGEST = 12
"""Characters of a cell that is read in arrays; longer ones are read faster by NumPy."""

_PART = 2**17
"""Bytes that are read in arrays at once."""


def parse(text: str, separator: str, columns: int) -> np.ndarray | None:
    """Return the numbers in lines of cells as float64 (rows, columns); None where a cell is no plain number.

    Args:
        text: The lines, of which the last one ends in a line break, too.
        separator: What stands between cells.
        columns: How many cells each line has.
    """
    mark = separator.encode()
    try:
        data = text.encode("ascii")
    except UnicodeEncodeError:
        return None
    if data.translate(None, _PLAIN + mark + b" \r\n"):
        return None
    found = _in_parts(data, mark)
    if found is None or len(found) % columns or not np.isfinite(found).all():
        return None
    return found.reshape(-1, columns)


def _in_parts(data: bytes, mark: bytes) -> np.ndarray | None:
    """Read cells some thousand at a time, so that the arrays stay in the processor's cache."""
    parts = []
    start = 0
    while start < len(data):
        end = len(data) if start + _PART >= len(data) else data.rfind(b"\n", start, start + _PART) + 1
        if not end:  # a single row is longer
            end = data.index(b"\n", start) + 1
        part = data[start:end]
        found = _in_arrays(part, mark)
        if found is None:
            found = _by_numpy(part, mark)
        if found is None:
            return None
        parts.append(found)
        start = end
    return np.concatenate(parts) if parts else None


def _in_arrays(data: bytes, mark: bytes) -> np.ndarray | None:
    """Read cells without blanks and exponents, one character of all of them at a time.

    The digits make an integer below 10^15, and one division by a power of ten rounds as the standard asks
    for, so that the result is the float64 nearest to the text.
    """
    codes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((codes == mark[0]) | (codes == 10))
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts
    if lengths.min() < 1 or lengths.max() > _LONGEST:
        return None
    has_point, has_sign = b"." in data, b"-" in data
    if b"e" in data or b"E" in data or b"+" in data or b" " in data or b"\r" in data:
        return None
    integers = np.zeros(len(starts), np.int64)
    digits = np.zeros(len(starts), np.int64)
    point = np.full(len(starts), -1, np.int64)
    for place in range(int(lengths.max())):
        value = codes.take(starts + place, mode="clip") - np.uint8(48)  # 10 and more where it is no digit
        inside = lengths > place
        is_digit = (value < 10) & inside
        digits += is_digit
        np.multiply(integers, 10, out=integers, where=is_digit)
        np.add(integers, value, out=integers, where=is_digit)
        if has_point:
            is_point = (value == 254) & inside  # "." is 46
            digits += is_point & (point < 0)
            point[is_point] = place
    negative = codes[starts] == 45 if has_sign else None
    if negative is not None:
        digits += negative
    marks = (point >= 0).astype(np.int64) + (0 if negative is None else negative)
    if not (digits == lengths).all() or not (digits > marks).all() or (digits - marks).max() >= _LONGEST:
        return None
    values: np.ndarray = integers.astype(np.float64)
    if has_point:
        values /= _POWERS[np.where(point < 0, 0, lengths - 1 - point)]
    return values if negative is None else np.where(negative, -values, values)


_POWERS = 10.0 ** np.arange(_LONGEST + 1)


def _by_numpy(data: bytes, mark: bytes) -> np.ndarray | None:
    """Read any plain numbers; NumPy stops where a cell is none."""
    count = data.count(mark) + data.count(b"\n")
    text = data.replace(b"\r", b"").replace(b"\n", mark)[: -len(mark)]
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            found = np.fromstring(text, dtype=np.float64, sep=mark.decode())
        except (ValueError, DeprecationWarning):
            return None
    return found if len(found) == count else None
