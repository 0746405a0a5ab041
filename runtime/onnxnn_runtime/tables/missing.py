"""Cells without a value, and what stands in them."""

from __future__ import annotations

from typing import Collection, Sequence

from onnxnn_runtime.arrays.conversion import is_several
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import Message, gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened

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


def missing_labels(
    source: str, title: str, rows: Sequence[int], marks: Sequence[str], may_be_class: bool, asked: bool
) -> Message:
    """Return the message about labels that are missing.

    Args:
        source, title: What messages call the table and the column.
        rows: The lines of the rows without a label.
        marks: What stands in their cells, other than nothing.
        may_be_class: Whether a mark such as "none" may be a class.
        asked: Whether the user said that this column is the label.
    """
    shown = ", ".join(map(str, rows[:_LISTED]))
    if len(rows) > _LISTED:
        shown = gettext("{names} and {more} more", names=shown, more=len(rows) - _LISTED)
    found = f" ({', '.join(shortened(mark, 20) for mark in marks)})" if marks else ""
    text = ngettext(
        "{source}: expected a label in each row of {title}, got none in row {rows}{found}. Fill in a label, "
        "or remove the row.",
        "{source}: expected a label in each row of {title}, got none in {count} rows, {rows}{found}. Fill in "
        "labels, or remove the rows.",
        len(rows),
        source=source,
        title=title,
        rows=shown,
        found=found,
    )
    if marks and may_be_class:
        text += gettext(" If that is a class, pass missing=[].")
    if not asked:
        text += gettext(" If another column is the label, name it with label=.")
    return Message(text, "E-INPUT-04")


_LISTED = 10
"""So many rows stand in a message."""


def marks_of_missing(missing: object) -> tuple[str, ...]:
    """Return what stands in a cell without a value, in lower case; None gives `MISSING`.

    Raises:
        InputError: It is no list of texts.
    """
    if missing is None:
        return MISSING
    if not is_several(missing) or not all(isinstance(mark, str) for mark in missing):
        raise InputError.coded(
            "E-INPUT-06",
            "missing={missing}: expected a list of texts, such as ['?', 'NA'], or [] for none.",
            missing=shortened(missing),
        )
    return tuple(str(mark).lower() for mark in missing)
