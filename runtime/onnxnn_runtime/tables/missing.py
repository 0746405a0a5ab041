"""Cells without a value, and what stands in them."""

from __future__ import annotations

from typing import Any, Collection, Sequence

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.shorten import shortened

__all__ = ["MISSING", "check_labels", "marks_of_missing", "missing_places"]

_SIGNS = ("", "?", ".", "..", "-", "--", "\u2013", "\u2014", "\u2026")
_WORDS = ("na", "n/a", "<na>", "nan", "-nan", "nat", "null", "none", "缺失", "1.#qnan", "-1.#ind")
_SPREADSHEET = ("#n/a", "#n/a n/a", "#value!", "#div/0!", "#ref!", "#name?", "#num!", "#null!")

MISSING = (*_SIGNS, *_WORDS, *_SPREADSHEET)
"""What stands in a cell without a value, in lower case: signs, words, and errors of spreadsheets."""


def missing_places(
    texts: Sequence[str], missing: Collection[str] = MISSING, classes: Collection[str] = ()
) -> list[int]:
    """Return where labels are missing, in tables and in arrays alike.

    Signs are labels like others where no label has a letter or digit, and so is a "-" beside a "+".

    Args:
        texts: The labels.
        missing: What stands where there is none, in lower case.
        classes: The names of classes, where they are known; none of those is missing.
    """
    marks = {"", *missing} - {name.lower() for name in classes}
    different = {text: text.strip().lower() for text in set(texts)}
    known = set(different.values()) - marks
    if "+" in known:
        marks.discard("-")
    if not any(character.isalnum() for text in known for character in text):
        marks -= set(_SIGNS) - {""}
    gone = {text for text, plain in different.items() if plain in marks}
    return [place for place, text in enumerate(texts) if text in gone] if gone else []


def check_labels(
    cells: Sequence[str],
    missing: Sequence[str],
    source: str,
    title: str,
    lines: Sequence[int],
    are_classes: bool = True,
    classes: Collection[str] = (),
    asked: bool = True,
) -> None:
    """Refuse a column of labels in which some are missing.

    Args:
        cells: The labels.
        missing: What stands in a cell without a value, in lower case.
        source, title: What messages call the table and the column.
        lines: The number of each row's line.
        are_classes: Whether they are classes, of which a mark such as "none" may be one.
        classes: The names of the classes, where they are known.
        asked: Whether the user said that this column is the label.

    Raises:
        InputError: Some are missing; the message names the rows.
    """
    gone = missing_places(cells, missing, classes)
    if gone:
        where = [str(lines[place]) for place in gone[:10]]
        more = f" and {len(gone) - 10} more" if len(gone) > 10 else ""
        rows = f"row {where[0]}" if len(gone) == 1 else f"rows {', '.join(where)}{more}"
        kinds = sorted({cells[place] for place in gone} - {""})
        held = f" ({', '.join(shortened(kind, 20) for kind in kinds)})" if kinds else ""
        what, verb = ("the cell", "is") if len(gone) == 1 else (f"{len(gone)} cells", "are")
        ending = "" if len(gone) == 1 else "s"
        advice = "; where that is a class of its own, pass missing=[]" if kinds and are_classes else ""
        advice += "" if asked else "; where another column is the label, name it with label="
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
    is_list = isinstance(missing, Collection) and not isinstance(missing, (str, bytes))
    if not is_list or not all(isinstance(mark, str) for mark in missing):
        raise InputError(
            f"missing={shortened(missing)}: give a list of texts, such as ['?', 'NA']; [] for none."
        )
    return tuple(mark.lower() for mark in missing)
