"""Columns by name: what a network calls its inputs, found in whatever names its columns.

A table names its columns as a CSV file with a heading, a DataFrame (pandas, polars), a structured array, a
dict of columns, or a list of dicts or named tuples, one for each row. Libraries of DataFrames are recognised
by what their objects can do and are never imported.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Iterable, NamedTuple, Sequence

import numpy as np

from onnxnn_runtime.api.invariants import present
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.warn import warn

from .conversion import without_gradient
from .nesting import check_not_masked

_LISTED = 8
"""So many names stand in a message."""


class Named(NamedTuple):
    """Values with the names of their columns.

    Args:
        names: The names in order.
        values: (rows, columns), or (columns,) for a single row; dtype object where columns differ in type.
        keys: What the table itself calls its columns, such as the integer of a year.
    """

    names: tuple[str, ...]
    values: np.ndarray
    keys: tuple[Any, ...] = ()


def column_texts(keys: Iterable[object], wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what columns are called, as texts; () where a library has only counted them.

    Integers are names, too, such as years, and the levels of pandas' MultiIndex are one name, with blanks
    between them. The integers 0, 1, 2, ... in this order are no names, unless a network knows them.

    Args:
        keys: What the table calls its columns.
        wanted: The names that the network knows.
    """
    listed = list(keys)
    names = _texts(listed)
    is_counted = all(isinstance(key, (int, np.integer)) for key in listed) and names == counted(len(names))
    return () if is_counted and not (wanted and set(wanted) <= set(names)) else names


def _texts(keys: Iterable[object]) -> tuple[str, ...]:
    return tuple(" ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in keys)


def names_wanted(known: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """Return the names that a table's columns are looked for by; () where they count by position.

    Columns that a table only counts (0, 1, 2, ...) have no names, unless the network knows them by those.

    Args:
        known: The names that the network knows; () where it has none, and takes column 0 first, then 1.
        given: The names that the table has.
    """
    numbers = counted(len(given))
    if known and given:
        return () if tuple(given) == numbers and not set(known) <= set(given) else tuple(known)
    return numbers if given and set(numbers) == set(given) else ()


def warn_of_numbers(
    known: Sequence[str], given: Sequence[str], positions: Sequence[int], source: str
) -> None:
    """Say that columns that are only counted go by their numbers, where that is not how they stand."""
    is_counted = not known and names_wanted((), given)
    if is_counted and list(positions) != list(range(len(positions))):
        warn(
            gettext(
                "{source}: the columns {names} are taken by their numbers, 0 first, because the network was "
                "trained without names. To keep their order, give an array: x.to_numpy().",
                source=source,
                names=names_listed(given, plain=True),
            )
        )


def counted(count: int) -> tuple[str, ...]:
    """Return what columns are called that are only counted: "0", "1", "2", ..."""
    return tuple(map(str, range(count)))


def match_columns(wanted: Sequence[str], given: Sequence[str], source: str) -> list[int]:
    """Return the position in `given` of each name of `wanted`.

    A name is looked for as it stands; then without regard to case, to the form of accents and to blanks
    around it, among the columns that no other name has taken. Columns that nobody asked for do no harm.

    Args:
        wanted: The names that the network knows.
        given: The names that the table has.
        source: What messages call the table.

    Raises:
        InputError: A name is not there, or stands there more than once; the message lists what is missing
            and what is additional.
    """
    exact: dict[str, list[int]] = {}
    for position, name in enumerate(given):
        exact.setdefault(name, []).append(position)
    known = set(wanted)
    alike: dict[str, list[int]] = {}
    for position, name in enumerate(given):
        if name not in known:
            alike.setdefault(folded(name), []).append(position)
    found: dict[int, str] = {}
    missing: list[str] = []
    for name in wanted:
        places = exact.get(name) or alike.get(folded(name), [])
        if len(places) > 1:
            raise InputError.coded(
                "E-INPUT-03",
                "{source}: expected one column {name}, got {count}: {alike}. Give each a different name.",
                source=source,
                name=shortened(name, 40),
                count=len(places),
                alike=names_listed(given[place] for place in places),
            )
        if not places or places[0] in found:
            missing.append(name)
        else:
            found[places[0]] = name
    if missing:
        additional = [name for position, name in enumerate(given) if position not in found]
        raise _missing_columns(source, wanted, missing, additional)
    return list(found)


def _missing_columns(
    source: str, wanted: Sequence[str], missing: Sequence[str], additional: Sequence[str]
) -> InputError:
    if additional:
        return InputError.coded(
            "E-INPUT-03",
            "{source}: columns are missing: {missing}; additional: {additional}; expected {expected}. "
            "Rename the columns, or add them.",
            source=source,
            missing=names_listed(missing),
            additional=names_listed(additional),
            expected=names_listed(wanted, plain=True),
        )
    return InputError.coded(
        "E-INPUT-03",
        "{source}: columns are missing: {missing}; expected {expected}. Rename the columns, or add them.",
        source=source,
        missing=names_listed(missing),
        expected=names_listed(wanted, plain=True),
    )


def first_without_number(values: np.ndarray, names: Sequence[str] = ()) -> str | None:
    """Return "column 'a' holds 'x' in row 0" for the first cell that is no number; None where all are.

    Args:
        values: One row (columns,) or many (rows, columns), of any type.
        names: The names of the columns, where they have some.
    """
    if values.ndim not in (1, 2) or values.dtype.kind not in "OUSMm":
        return None
    rows = values if values.ndim == 2 else values[np.newaxis]
    for column in range(rows.shape[1]):
        for row, cell in enumerate(
            rows[:, column].tolist() if values.dtype.kind in "OUS" else rows[:, column]
        ):
            if not isinstance(cell, (bool, int, float, np.number)):
                name = shortened(names[column], 40) if len(names) > column else str(column)
                held = shortened(cell, 40)
                if values.ndim == 2:
                    return gettext("column {name} holds {cell} in row {row}", name=name, cell=held, row=row)
                return gettext("column {name} holds {cell}", name=name, cell=held)
    return None


def names_listed(names: Iterable[object], plain: bool = False) -> str:
    """Return names for a message: "'height', 'weight' and 3 more"; plain ones are not quoted."""
    listed = list(names)
    shown = ", ".join(shortened(name, 40) for name in listed[:_LISTED])
    if plain and all(isinstance(name, str) and name.isidentifier() for name in listed[:_LISTED]):
        shown = shown.replace("'", "")
    if len(listed) > _LISTED:
        return gettext("{names} and {more} more", names=shown, more=len(listed) - _LISTED)
    return shown


def named_columns(value: object, wanted: Sequence[str] = ()) -> Named | None:
    """Return a table's values with the names of its columns; None for what names none.

    Args:
        value: A DataFrame, a structured array, a dict of equally long columns, or a list of dicts or of
            named tuples. DataFrames whose columns are only counted have no names, see `column_texts`; in a
            dict the integers 0, 1, 2, ... are names, since it is no array without them.
        wanted: The names that the network knows.

    Raises:
        InputError: The rows of a list have different names, a column masks values, or a
            structured array is no list of records.
    """
    if isinstance(value, np.ndarray):
        return _of_structured(value) if value.dtype.names else None
    if isinstance(value, dict):
        return _of_columns(value)
    if isinstance(value, (list, tuple)):
        return _of_rows(value, wanted)
    frame: Any = value
    keys = _frame_keys(frame)
    names = column_texts(keys, wanted)
    return Named(names, np.asarray(frame.to_numpy()), keys) if names else None


def named_row(value: object, wanted: Sequence[str] = ()) -> Named | None:
    """Return one row's values with their names; None for what names none.

    Args:
        value: A dict of single values, a named tuple, a record of a structured array, or a Series whose index
            is names: texts, or whatever holds all that are wanted, since integers may count rows as well.
        wanted: The names that the network knows.
    """
    if isinstance(value, dict):
        return _row(_texts(value), list(value.values()))
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        return None if fields is None else _row(fields, list(value))
    if isinstance(value, np.void) and value.dtype.names:
        return _row(value.dtype.names, list(value.item()))
    index = getattr(value, "index", None)
    if index is None or callable(index) or hasattr(value, "columns") or not hasattr(value, "to_numpy"):
        return None
    keys = list(index)
    names = column_texts(keys, wanted)
    is_named = all(isinstance(key, str) for key in keys) or (wanted and set(wanted) <= set(names))
    return _row(names, list(value.to_numpy())) if is_named else None


def _row(names: Sequence[str], values: Sequence[object]) -> Named | None:
    if not names:
        return None
    array = np.empty(len(names), object)
    for position, each in enumerate(values):
        check_not_masked(each)
        array[position] = each
    return Named(tuple(names), array)


def _frame_keys(value: object) -> tuple[Any, ...]:
    """Return what a DataFrame calls its columns; () where it is none."""
    columns = getattr(value, "columns", None)
    if columns is None or callable(columns) or not hasattr(value, "to_numpy"):
        return ()
    return tuple(columns)


def _of_structured(array: np.ndarray) -> Named:
    names = array.dtype.names or ()
    if array.ndim != 1:
        raise InputError.coded(
            "E-INPUT-03",
            "array of the columns {names}: expected the shape (N,), one record for each sample, got "
            "{shape}. Write array.reshape(-1).",
            names=names_listed(names),
            shape=shape_text(array.shape),
        )
    columns = [np.asarray(without_gradient(array[name])) for name in names]
    for name, column in zip(names, columns):
        if column.ndim != 1:
            raise InputError.coded(
                "E-INPUT-03",
                "column {name}: expected one value in each record, got {shape}. Give each value a column "
                "of its own.",
                name=shortened(name, 40),
                shape=shape_text(column.shape[1:]),
            )
    return Named(tuple(names), _beside(columns), names)


def _of_columns(columns: dict[object, object]) -> Named | None:
    if not columns:
        return None
    given = [column for column in columns.values() if not isinstance(column, str)]
    arrays = [np.asarray(without_gradient(column)) for column in given]
    if len(arrays) != len(columns) or any(array.ndim != 1 for array in arrays):
        return None
    if len({len(array) for array in arrays}) != 1:
        lengths = names_listed(f"{name}: {len(array)}" for name, array in zip(columns, arrays))
        raise InputError.coded(
            "E-INPUT-03",
            "expected columns of the same length, got {lengths}. Give each the same number of values.",
            lengths=lengths,
        )
    return Named(_texts(columns), _beside(arrays), tuple(columns))


def _of_rows(rows: Sequence[object], wanted: Sequence[str]) -> Named | None:
    if not rows or named_row(rows[0], wanted) is None or hasattr(rows, "_fields"):
        return None
    named = [named_row(row, wanted) for row in rows]
    names = present(named[0]).names
    values = np.empty((len(named), len(names)), object)
    for number, row in enumerate(named):
        if row is None:
            raise InputError.coded(
                "E-INPUT-03",
                "input[{number}]: expected the columns that input[0] names, {names}, got a row without "
                "names.",
                number=number,
                names=names_listed(names),
            )
        order = (
            range(len(names)) if row.names == names else match_columns(names, row.names, f"input[{number}]")
        )
        values[number] = row.values[list(order)]
    return Named(names, values, tuple(rows[0]) if isinstance(rows[0], dict) else names)


def _beside(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return columns as (rows, columns), of one type where numbers are among them alone."""
    if all(column.dtype.kind in "biuf" for column in columns):
        return np.stack(columns, axis=1)
    array = np.empty((len(columns[0]), len(columns)), object)
    for position, column in enumerate(columns):
        # of nanoseconds, as pandas has them, objects would be integers
        array[:, position] = column.astype("datetime64[us]") if column.dtype.kind == "M" else column
    return array


def folded(name: str) -> str:
    """Return a name without what spellings of it differ in: case, the form of accents, blanks around it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()
