"""Cells without a value, and what stands in them."""

from __future__ import annotations

from typing import Any, Collection, Sequence

from onnxnn_runtime.arrays.conversion import is_several
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import Message, coded, gettext, ngettext
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
        raise InputError(_missing_labels(gone, cells, source, title, lines, are_classes, asked))


def _missing_labels(
    gone: Sequence[int],
    cells: Sequence[str],
    source: str,
    title: str,
    lines: Sequence[int],
    are_classes: bool,
    asked: bool,
) -> Message:
    rows = ", ".join(str(lines[place]) for place in gone[:_LISTED])
    if len(gone) > _LISTED:
        rows = gettext("{names} and {more} more", names=rows, more=len(gone) - _LISTED)
    marks = sorted({cells[place] for place in gone} - {""})
    found = f" ({', '.join(shortened(mark, 20) for mark in marks)})" if marks else ""
    text = ngettext(
        "{source}: expected a label in each row of {title}, got none in row {rows}{found}. Fill in a label, "
        "or remove the row.",
        "{source}: expected a label in each row of {title}, got none in {count} rows, {rows}{found}. Fill in "
        "labels, or remove the rows.",
        len(gone),
        source=source,
        title=title,
        rows=rows,
        found=found,
    )
    if marks and are_classes:
        text += gettext(" If that is a class, pass missing=[].")
    if not asked:
        text += gettext(" If another column is the label, name it with label=.")
    return Message(text, "E-INPUT-04")


_LISTED = 10
"""So many rows stand in a message."""


def marks_of_missing(missing: Any) -> tuple[str, ...]:
    """Return what stands in a cell without a value, in lower case; None gives `MISSING`.

    Raises:
        InputError: It is no list of texts.
    """
    if missing is None:
        return MISSING
    if not is_several(missing) or not all(isinstance(mark, str) for mark in missing):
        raise InputError(
            coded(
                "E-INPUT-06",
                "missing={missing}: expected a list of texts, such as ['?', 'NA'], or [] for none.",
                missing=shortened(missing),
            )
        )
    return tuple(mark.lower() for mark in missing)
