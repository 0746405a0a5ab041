"""Cells without a value, and what stands in them."""

from __future__ import annotations

from typing import Any, Sequence

from .errors import InputError
from .shorten import shortened

__all__ = ["MISSING", "check_labels", "marks_of_missing"]

MISSING = ("", "?", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "-", "缺失")
"""What stands in a cell without a value, in any case."""


def check_labels(
    cells: Sequence[str],
    missing: Sequence[str],
    source: str,
    title: str,
    lines: Sequence[int],
    are_classes: bool = True,
) -> None:
    """Refuse a column of labels in which some are missing; a "-" beside a "+" is a label like others.

    Args:
        cells: The labels.
        missing: What stands in a cell without a value, in lower case.
        source, title: What messages call the table and the column.
        lines: The number of each row's line.
        are_classes: Whether they are classes, of which a mark such as "none" may be one.

    Raises:
        InputError: Some are missing; the message names the rows.
    """
    marks = set(missing) - ({"-"} if "+" in cells else set())
    gone = [place for place, cell in enumerate(cells) if not cell or cell.lower() in marks]
    if gone:
        where = [str(lines[place]) for place in gone[:10]]
        more = f" and {len(gone) - 10} more" if len(gone) > 10 else ""
        rows = f"row {where[0]}" if len(gone) == 1 else f"rows {', '.join(where)}{more}"
        kinds = sorted({cells[place] for place in gone} - {""})
        held = f" ({', '.join(shortened(kind, 20) for kind in kinds)})" if kinds else ""
        what, verb = ("the cell", "is") if len(gone) == 1 else (f"{len(gone)} cells", "are")
        advice = "; where that is a class of its own, pass missing=[]" if kinds and are_classes else ""
        ending = "" if len(gone) == 1 else "s"
        raise InputError(
            f"{source}: {what} in {rows}, {title}, {verb} missing{held}. Fill in a "
            f"label, or remove the row{ending}{advice}."
        )


def marks_of_missing(missing: Any) -> tuple[str, ...]:
    """Return what stands in a cell without a value, in lower case; None gives `MISSING`.

    Raises:
        InputError: It is no list of texts.
    """
    if missing is None:
        return MISSING
    if isinstance(missing, str) or not all(isinstance(mark, str) for mark in missing):
        raise InputError(
            f"missing={shortened(missing)}: give a list of texts, such as ['?', 'NA']; [] for none."
        )
    return tuple(mark.lower() for mark in missing)
