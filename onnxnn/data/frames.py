"""What DataFrames and other tables bring beside their values: names, types of columns, an index."""

from __future__ import annotations

from typing import Any

from onnxnn_runtime.arrays.columns import column_texts, match_columns, named_columns
from onnxnn_runtime.arrays.precision import check_columns
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.warn import warn

from .dataset import as_data_errors
from .preparation import Preparation


def named_values(x: object, known: Preparation | None) -> tuple[tuple[str, ...], Any]:
    """Return the names of a table's columns, () where they have none, and its values.

    Args:
        x: Samples in any form.
        known: How the network that they are for has its data prepared.

    Raises:
        DataError: Names do not match, or float32 has lost differences that the network was trained on.
    """
    with as_data_errors():
        wanted = () if known is None else known.features
        named = named_columns(x, wanted)
        if named is None:
            return (), x
        names = column_texts(named.keys, wanted)
        deviations = None if known is None else known.deviations
        if known is None or deviations is None or not (wanted and names) or isinstance(x, list | tuple):
            return names, named.values
        places = match_columns(known.features, named.names, "x")
        check_columns(x, deviations.tolist(), known.features, [named.keys[place] for place in places])
    return names, named.values


def warn_of_order(x: object, y: object) -> None:
    """Warn of a DataFrame and labels with the same index in another order: rows are paired by position."""
    own: Any = getattr(x, "index", None)
    other: Any = getattr(y, "index", None)
    if not hasattr(own, "equals") or not hasattr(other, "equals") or own.equals(other):
        return
    if len(own) == len(other) and set(own) == set(other):
        warn(
            gettext(
                "x and y have the same index in another order, and their rows are paired by position. Give "
                "y.loc[x.index] to pair them by index, or y.to_numpy() where they are in order."
            )
        )


def names_of_targets(y: object) -> tuple[str, ...]:
    """Return the names of target columns: a DataFrame's, or a Series' own; () where they have none."""
    name, columns = getattr(y, "name", None), getattr(y, "columns", None)
    if isinstance(name, str) and hasattr(y, "to_numpy"):
        return (name,)
    return () if columns is None or callable(columns) else column_texts(columns)
