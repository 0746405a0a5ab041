"""How a CSV file is written, where it leaves doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence


@dataclass(frozen=True)
class CsvOptions:
    """How a CSV file is read; what is None is found out.

    Args:
        header: Whether the first row is a heading; None decides by what stands there.
        encoding: The encoding; None finds out: UTF-8, UTF-16, else the most probable one.
        decimal: The mark before a fraction, "." or ","; None takes a comma where it can be nothing else.
        thousands: The mark between groups of three digits; None takes none.
        missing: What stands in a cell without a value beside nothing; None takes
            `onnxnn_runtime.tables.missing.MISSING`.
    """

    header: bool | None = None
    encoding: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    missing: Sequence[str] | None = None
