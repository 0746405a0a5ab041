"""A search of one's own over targets: what it gives is checked, since a cache takes each call to continue
the last one, and would compute something else where it does not.
"""

from __future__ import annotations

import numpy as np

from onnxnn_runtime.arrays.conversion import as_array, check_tokens
from onnxnn_runtime.card.card import InputSpec, ModelCard
from onnxnn_runtime.errors import InputError, located
from onnxnn_runtime.inputs.whole import target_spec
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened

from .seq2seq import Follow


def checked(follow: Follow, card: ModelCard, count: int) -> Follow:
    """Return a decoder that refuses targets which do not continue those of its last call.

    Args:
        follow: Runs the network.
        card: Of the network.
        count: How many sources there are.
    """
    spec = target_spec(card)
    last: np.ndarray | None = None

    def checking(targets: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        nonlocal last
        given = _tokens(targets, spec)
        if last is None:
            if len(given) != count or rows is not None:
                raise InputError.coded(
                    "E-INPUT-03",
                    "targets: expected the shape {expected} in the first call, a start for each source, and "
                    "rows=None, got {got} and rows={rows}.",
                    expected=shape_text((count, 1)),
                    got=shape_text(given.shape),
                    rows=shortened(rows),
                )
            chosen = None
        else:
            chosen = None if rows is None else _rows(rows, len(given), len(last))
            before = last if chosen is None else last[chosen]
            if given.shape != (len(before), last.shape[1] + 1) or not np.array_equal(given[:, :-1], before):
                raise InputError.coded(
                    "E-INPUT-03",
                    "targets: expected those of the last call, each with one more token, {expected}, got "
                    "{got}. Call decoder() again for another search.",
                    expected=shape_text((len(before), last.shape[1] + 1)),
                    got=shape_text(given.shape),
                )
        found = follow(given, chosen)
        last = given
        return found

    return checking


def _tokens(targets: object, spec: InputSpec) -> np.ndarray:
    array = as_array(targets)
    if array.ndim != 2 or not array.size:
        raise InputError.coded(
            "E-INPUT-03",
            "targets: expected token ids (targets, time), such as [[1, 5]], got {got}.",
            got=shape_text(array.shape),
        )
    try:
        return check_tokens(array, spec).copy()  # a search may write into its own
    except InputError as error:
        raise InputError(located("targets", error)) from error


def _rows(rows: object, count: int, most: int) -> np.ndarray:
    array = as_array(rows)
    if array.shape != (count,) or array.dtype.kind not in "iu" or ((array < 0) | (array >= most)).any():
        raise InputError.coded(
            "E-INPUT-03",
            "rows={rows}: expected integers of the shape {shape}, from 0 to {last}: the row of the last call "
            "that each target continues.",
            rows=shortened(rows),
            shape=shape_text((count,)),
            last=most - 1,
        )
    return array.astype(np.int64)
