"""What a cell of a table holds: a number, a boolean, a date or a category, as text or as Python has it."""

from __future__ import annotations

import datetime
import math
import re
from typing import Sequence

import numpy as np

from .marks import Marks, number
from .missing import MISSING

TRUE = ("true", "yes", "t", "y", "是", "真", "对", "有")
FALSE = ("false", "no", "f", "n", "否", "假", "错", "无")
"""Words for true and false, in lower case, in pairs."""

_DATE = re.compile(
    r"(?:(?P<y>[0-9]{4})(?:(?P<mark>[-/.])(?P<m>[0-9]{1,2})(?P=mark)|年(?P<m2>[0-9]{1,2})月)(?P<d>[0-9]{1,2})[日号]?"
    r"|(?P<a>[0-9]{1,2})(?P<sep>[-/.])(?P<b>[0-9]{1,2})(?P=sep)(?P<y2>[0-9]{4}))"
    r"(?:[T ]+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::[0-9]{2}(?:[.,][0-9]+)?)?"
    r" ?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)

SCALARS = (str, bool, int, float, np.generic, datetime.date)
"""What a single cell may be, beside None."""

Moment = Sequence[int]
"""The parts of a date in the order of `onnxnn_runtime.card.columns.DATE_PARTS`."""


def is_missing(value: object, marks: Sequence[str] = MISSING) -> bool:
    """Return whether a cell has no value: None, NaN, NaT, or a text that stands for nothing."""
    if isinstance(value, str):
        return not value.strip() or value.strip().lower() in marks
    if value is None or isinstance(value, (bool, np.bool_, int)):
        return value is None
    if isinstance(value, (float, np.floating)):
        return math.isnan(value)
    return str(value) in ("NaT", "<NA>")


def number_in(value: object, marks: Marks) -> float | None:
    """Return the number that a cell holds, 1 for True; None where it holds none."""
    if isinstance(value, str):
        return number(value.strip(), marks)
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        try:
            found = float(value)
        except OverflowError:  # an integer that no float holds
            return None
        return found if math.isfinite(found) else None
    return None


def truth_in(value: object) -> float | None:
    """Return 1 for true, yes, 是 or 1, 0 for false, no, 否 or 0; None for what is neither."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE or word in FALSE:
            return float(word in TRUE)
    found = number_in(value, Marks())
    return found if found in (0.0, 1.0) else None


def moment_in(value: object, order: str) -> Moment | None:
    """Return the parts of the date in a cell; None where it holds none.

    Read are 2025-03-04, 2025/3/4, 2025.3.4, 2025年3月4日, 4/3/2025 and 4.3.2025, with a time after them or
    without; a time zone is left out, the time counts as it is written.

    Args:
        value: A text, a date of Python, or a datetime64.
        order: "dmy" or "mdy": what the first two numbers are where the year is last. With points between them
            the day is first.
    """
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[s]").item()
    if isinstance(value, datetime.datetime):
        return _parts(value.year, value.month, value.day, value.hour, value.minute)
    if isinstance(value, datetime.date):
        return _parts(value.year, value.month, value.day)
    match = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    if match["y"]:
        year, month, day = match["y"], match["m"] or match["m2"], match["d"]
    else:
        is_day_first = order == "dmy" or match["sep"] == "."
        year, (day, month) = (
            match["y2"],
            (match["a"], match["b"]) if is_day_first else (match["b"], match["a"]),
        )
    return _parts(int(year), int(month), int(day), int(match["hour"] or 0), int(match["minute"] or 0))


def first_two(value: object) -> tuple[int, int] | None:
    """Return the first two numbers of a date of which either may be the day, as in 3/4/2025; else None."""
    match = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not match["y2"] or match["sep"] == ".":
        return None
    return int(match["a"]), int(match["b"])


def _parts(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> Moment | None:
    try:
        moment = datetime.datetime(year, month, day, hour, minute)
    except ValueError:
        return None
    return year, month, day, moment.weekday(), hour, minute


def category_in(value: object) -> str:
    """Return a cell's category as text: integers without a point, booleans as true and false."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return plain_number(float(value))
    return str(value).strip()


def plain_number(value: float) -> str:
    """Return a number as text, in the same way however it was written: 3 for 3.0."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
