"""What a table consists of: whether its first row is a heading, which column is the label, which an index."""

from __future__ import annotations

import re
from typing import Sequence

import numpy as np

from onnxnn_runtime.arrays.columns import folded
from onnxnn_runtime.errors import InputError, name_hint
from onnxnn_runtime.messages.shorten import shortened

from .marks import Marks, number

LABEL_NAMES = ("label", "labels", "标签", "class", "类别", "target", "目标", "y")
"""What label columns are called, the surest first."""

CLASS_NAMES = ("species", "物种", "种类", "品种", "分类", "variety", "diagnosis", "outcome")
"""What columns of classes are called, too; elsewhere they may be inputs."""

_INDEX_NAMES = ("index", "id", "序号", "编号")
"""What columns are called that may count rows, beside those without a name."""


def is_label_name(name: str) -> bool:
    """Return whether a column is called as labels are."""
    return folded(name) in (*LABEL_NAMES, *CLASS_NAMES)


def label_named(names: Sequence[str], targets: Sequence[str] = (), are_classes: bool = False) -> int | None:
    """Return the position of the column whose name says that it is the label; None where none says so.

    Args:
        names: The names of the columns.
        targets: The names of label columns that a network learned from; they come first.
        are_classes: Whether the labels are classes; then the last column counts where it is called so.
    """
    plain = [folded(name) for name in names]
    for wanted in [*map(folded, targets), *LABEL_NAMES]:
        if plain.count(wanted) == 1:
            return plain.index(wanted)
    named = [name for name in CLASS_NAMES if are_classes and plain.count(name) == 1]
    if not named or plain[-1] in named:
        return len(plain) - 1 if named else None
    return plain.index(named[0])


def no_such_column(source: str, names: Sequence[str], name: str) -> InputError:
    """Return the error that says why no column is meant by a name."""
    known = ", ".join(map(str, names[:20]))
    if not names:
        return InputError.coded(
            "E-INPUT-03",
            "{source}: expected a column {name}, got a file without heading. Give its position, from 0.",
            source=source,
            name=shortened(name),
        )
    if name in names:
        return InputError.coded(
            "E-INPUT-03",
            "{source}: expected one column {name}, got {count} in the heading: {known}. Give each a "
            "different name.",
            source=source,
            name=shortened(name),
            count=names.count(name),
            known=known,
        )
    return InputError.coded(
        "E-INPUT-03",
        "{source}: expected a column {name}, got the columns {known}{near}",
        source=source,
        name=shortened(name),
        known=known,
        near=name_hint(name, names),
    )


def may_count_rows(name: str) -> bool:
    """Return whether a column of this name may be an index, which pandas writes without a name."""
    return not name or _unnamed(name) or folded(name) in _INDEX_NAMES


def counts_rows(name: str, values: np.ndarray) -> bool:
    """Return whether a column is an index: it counts 0, 1, 2, ... or 1, 2, 3, ...

    Without a name, an index may also be in any order, as it is after rows were shuffled: distinct integers
    from 0.

    Args:
        name: The column's name.
        values: Its values, float64 (rows,).
    """
    if len(values) < 2 or not may_count_rows(name):
        return False
    if values[0] in (0, 1) and np.array_equal(values, np.arange(len(values)) + values[0]):
        return True
    distinct = bool((values == np.floor(values)).all()) and values.min() >= 0
    return (not name or _unnamed(name)) and distinct and len(np.unique(values)) == len(values) > 2


def counts_samples(first: Sequence[str]) -> bool:
    """Return whether a first row says how many samples and inputs follow, and names the classes.

    So do the files of scikit-learn's data sets and of lessons made of them, such as
    "120,4,setosa,versicolor,virginica" over rows of four numbers and a class. Such a row names no columns.
    """
    counts, rest = first[:2], first[2:]
    return (
        len(rest) > 0
        and all(cell.isascii() and cell.isdigit() for cell in counts)
        and int(counts[0]) > int(counts[1]) == len(first) - 1
        and all(cell and number(cell, Marks()) is None for cell in rest)
        and not any(map(is_label_name, rest))
    )


def judge_heading(rows: Sequence[Sequence[str]], decimal_comma: bool) -> tuple[bool, bool]:
    """Return whether the first row is a heading, and whether that is in doubt.

    Args:
        rows: The cells of the first row and of those below it, some thousand at most.
        decimal_comma: Whether "0,5" is a number.

    A text over a column of numbers is the name of that column. Numbers over numbers are names only where a
    text beside them says so: that is called as labels are, or all of them are different integers outside of
    what their columns hold, such as years; or where they count the columns, as pandas does for those without
    names (see `_count_columns`).
    """
    first, below = rows[0], rows[1:]
    heads, *rest = (
        [number(cell.replace(",", ".") if decimal_comma else cell, Marks()) for cell in row] for row in rows
    )
    columns = range(len(first))
    if not rest:
        return all(head is None for head in heads), False
    numeric = [2 * sum(row[column] is not None for row in rest) > len(rest) for column in columns]
    if not any(numeric):
        fresh = not any(cell in (row[column] for row in below) for column, cell in enumerate(first))
        return all(head is None for head in heads) and fresh, False
    if counts_samples(first) and any(numeric[2:]):
        return True, False
    if _count_columns(first, below, rest):
        return True, True
    over = [column for column in columns if numeric[column] and first[column]]
    texts = [column for column in over if heads[column] is None]
    years = [column for column in over if heads[column] is not None]
    if len(texts) > len(years):
        return True, False
    named = any(is_label_name(first[column]) for column in columns if heads[column] is None)
    if named:
        return all(heads[c] is not None or first[c] not in {row[c] for row in below} for c in columns), False
    beside = texts or [c for c in columns if not numeric[c] and _is_fresh(c, first, below)]
    outside = all(_is_outside(heads[column], [row[column] for row in rest]) for column in years)
    distinct = len({heads[column] for column in years}) == len(years)
    if beside and outside and distinct and len(years) > 0 and len(rest) > 1:
        return True, True
    return False, False


def _count_columns(
    first: Sequence[str], below: Sequence[Sequence[str]], rest: Sequence[Sequence[float | None]]
) -> bool:
    """Return whether a first row counts the columns: 0, 1, 2, ..., years, or wavelengths (400, 401, ...)

    Numbers may happen to do so: 1, 2, 3, 4 may be a sequence among others, and 5, 6, 7 the first of two
    samples. So no other row may do the same, and

    - above an index, which has no name, and in four columns or more, 0, 1, 2, ... is enough;
    - otherwise something below is not written as an integer, as 2.0 is not: in four columns or more any cell
      under 1, 2, 3, ..., else most cells of each column but the last one, which may be the label;
    - numbers above 1 lie outside of what their columns hold, and are years where the cells are integers.
    """
    has_index = not first[0].strip() or _unnamed(first[0])
    if has_index and len({row[0] for row in below}) < len(below):
        return False  # what has no name is a cell that is missing
    cells, begin = first[has_index:], int(has_index)
    if not cells or not all(re.fullmatch("0|[1-9][0-9]{0,5}", cell) for cell in cells):
        return False
    heads = [float(cell) for cell in cells]
    if not _is_run(heads) or any(_is_run(row[begin:]) for row in rest):
        return False
    columns = range(begin, len(first))
    written = [[row[column] for row in below] for column in columns]
    with_fractions = len(heads) > 1 and all(map(_are_no_integers, written[:-1]))
    if heads[0] > 1:
        outside = all(map(_is_outside, heads, ([row[column] for row in rest] for column in columns)))
        are_years = heads[0] >= _YEARS[0] and heads[-1] <= _YEARS[1]
        return len(first) > 2 and outside and (are_years or (len(heads) > 3 and with_fractions))
    some = len(heads) > 3 and (heads[0] == 0 or any(not _is_integer(cell) for row in written for cell in row))
    return some or with_fractions or (has_index and heads[0] == 0)


_YEARS = 1000, 2999


def _is_run(values: Sequence[float | None]) -> bool:
    """Return whether values are consecutive numbers; a single one is."""
    first = values[0]
    return first is not None and all(value == first + place for place, value in enumerate(values))


def _are_no_integers(cells: Sequence[str]) -> bool:
    return 2 * sum(not _is_integer(cell) for cell in cells) > len(cells)


def _is_integer(cell: str) -> bool:
    """Return whether a cell is written as an integer, or nothing is written there."""
    return re.fullmatch("[-+]?[0-9]*", cell.strip()) is not None


def _is_fresh(column: int, first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Return whether a text stands over a column of classes, each more than once, and is none of them."""
    cells = [row[column] for row in below]
    return first[column] not in cells and min(map(cells.count, set(cells))) > 1


def _is_outside(head: float | None, values: Sequence[float | None]) -> bool:
    known = [value for value in values if value is not None]
    integer = head is not None and head == int(head)
    return head is not None and integer and bool(known) and not min(known) <= head <= max(known)


def _unnamed(name: str) -> bool:
    return re.fullmatch(r"Unnamed: [0-9]+(\.[0-9]+)*(_level_[0-9]+)?", name) is not None
