"""Options of a gallery's calls, and errors about names."""

from __future__ import annotations

from typing import Iterable, Sequence

from onnxnn_runtime.arrays.numbers import is_number, plain_number
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shorten import printable, shortened
from onnxnn_runtime.messages.suggestions import is_one_of

from .entries import Entries, Record
from .labels import Labeller, Labels


def check_dtype(dtype: object) -> None:
    """Refuse a type that vectors are not stored in.

    Raises:
        InputError: It is one.
    """
    if not is_one_of(dtype, (None, "float32", "float16")):
        raise InputError.coded(
            "E-INPUT-06", "dtype={dtype}: expected 'float32' or 'float16'.", dtype=shortened(dtype)
        )


def check_same_dtype(dtype: str | None, stored: str, where: str) -> None:
    """Refuse another type than that of the vectors that are there.

    Raises:
        InputError: It is another one.
    """
    if dtype not in (None, stored):
        raise InputError.coded(
            "E-INPUT-06",
            "{path}: expected dtype={stored}, as its vectors are stored, got {dtype}. Build another gallery.",
            path=where,
            stored=repr(stored),
            dtype=repr(dtype),
        )


def check_threshold(threshold: object) -> None:
    """Refuse a threshold that is no similarity.

    Raises:
        InputError: It is none.
    """
    threshold = plain_number(threshold)
    if threshold is not None and not (is_number(threshold) and -1 <= threshold <= 1):
        raise InputError.coded(
            "E-INPUT-06",
            "threshold={threshold}: expected a cosine similarity in -1..1.",
            threshold=shortened(threshold),
        )


def record_of(names: Sequence[str], labels: Labels, count: int) -> Record:
    """Return the change that adds entries which come from no files.

    Raises:
        InputError: There are not `count` names, a name is no text or stands twice, or labels are wrong.
    """
    names = list(names)
    if len(names) != count or not all(isinstance(name, str) for name in names):
        raise InputError.coded(
            "E-INPUT-03",
            "names: expected a text for each of {vectors}, got {names}.",
            vectors=ngettext("{count} vector", "{count} vectors", count),
            names=ngettext("{count} name", "{count} names", len(names)),
        )
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise name_stands_twice(name)
        seen.add(name)
    labeller = Labeller(labels)
    found = [labeller.label_of(name) for name in names]
    labeller.check_end()
    return Record(names=[str(name) for name in names], labels=found, files=[None] * count)


def names_of(names: object) -> list[object]:
    """Return the names of entries, which are one or several.

    Raises:
        InputError: They are neither.
    """
    if isinstance(names, str):
        return [names]
    if not isinstance(names, Iterable):
        raise InputError.coded(
            "E-INPUT-06", "names={names}: expected a text, or several of them.", names=shortened(names)
        )
    return list(names)


def rows_of(entries: Entries, names: Iterable[object]) -> list[int]:
    """Return the rows of entries by their names, in order and each once.

    Raises:
        InputError: There is no entry of a name.
    """
    rows = set()
    for name in names:
        row = entries.row_of(name) if isinstance(name, str) else None
        if row is None:
            raise _no_such_name(name)
        rows.add(row)
    return sorted(rows)


def name_stands_twice(name: str) -> InputError:
    """Return the error for a name that is given twice in one call."""
    return InputError.coded(
        "E-GALLERY-04",
        "{name}: expected names that differ, got this one twice. Give others with names=.",
        name=_shown(name),
    )


def name_is_known(name: str) -> InputError:
    """Return the error for a name that an entry has already."""
    return InputError.coded(
        "E-GALLERY-04",
        "{name}: is in the gallery already. Give another name with names=, or remove it first.",
        name=_shown(name),
    )


def _no_such_name(name: object) -> InputError:
    """Return the error for a name that no entry has."""
    return InputError.coded(
        "E-GALLERY-04",
        "{name}: expected the name of an entry, but none has it. Nothing was removed; `names` and `onnxnn "
        "gallery list` have all of them.",
        name=_shown(str(name)),
    )


def _shown(name: str) -> str:
    return printable(name) or "''"
