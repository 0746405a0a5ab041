"""Arrays that a user gives a graph as they are: columns found by name, and numbers that it may not refuse.

Where samples are read one by one, `reading` checks the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Collection, Sequence

import numpy as np

from onnxnn_runtime.arrays.conversion import as_array, check_steps, check_tokens
from onnxnn_runtime.arrays.precision import check_precision
from onnxnn_runtime.card.card import InputSpec, ModelCard
from onnxnn_runtime.card.columns import titles_of
from onnxnn_runtime.errors import InputError, located
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shorten import printable


def by_name(x: object, spec: InputSpec | None, arrays: Sequence[str], inputs: Collection[str]) -> Any:
    """Return a table that names its columns as an array in the card's order; anything else as it is.

    Args:
        x: What was given: an array, a table, or a dict of those.
        spec: What the model takes, by its card; None without one.
        arrays: The names of the graph's inputs without its states.
        inputs: The names of all inputs.

    Raises:
        InputError: A column is missing.
    """
    if spec is None or not (spec.features or spec.kind == "table") or not arrays:
        return x
    numbers = set(map(str, range(len(x)))) if isinstance(x, dict) else set()
    if isinstance(x, dict) and not spec.features and set(map(str, x)) != numbers:
        return x
    from .rows import for_graph  # here, because images do without

    first = arrays[0]
    if isinstance(x, dict) and first in x and first not in spec.features:
        return {**x, first: for_graph(x[first], spec, first)}
    return x if isinstance(x, dict) and set(x) <= set(inputs) else for_graph(x, spec, first)


def check_values(name: str, x: object, spec: InputSpec | None) -> None:
    """Refuse what a graph may not: unknown and negative tokens, too many steps, rounded numbers.

    Args:
        name: The graph's input.
        x: Its array.
        spec: What the model takes, by its card; None without one.

    Raises:
        InputError: There is such a thing.
    """
    if x is None or spec is None or not (spec.kind in ("tokens", "sequence") or spec.deviations):
        return
    try:
        check_precision(as_array(x), spec.deviations, titles_of(spec.columns) or spec.features)
        (check_tokens if spec.kind == "tokens" else check_steps)(as_array(x), spec)
    except InputError as error:
        raise InputError(located(name, error)) from error


def target_spec(card: ModelCard) -> InputSpec:
    """Return what a network from sequence to sequence takes as targets."""
    size = card.output.shape[-1]
    return replace(card.input, vocabulary=None, num_tokens=size if isinstance(size, int) else None)


def check_target(target: object, source: object, card: ModelCard) -> None:
    """Refuse targets that do not belong to the sources, or have unknown tokens.

    Raises:
        InputError: There is one.
    """
    check_values("target", target, target_spec(card))
    rows, sources = np.shape(as_array(target)), np.shape(as_array(source))
    if len(rows) == len(sources) == 2 and rows[0] != sources[0]:
        raise InputError.coded(
            "E-INPUT-03",
            "target: expected {sources}, one for each source of input, got {rows}.",
            sources=ngettext("{count} row", "{count} rows", sources[0]),
            rows=rows[0],
        )


def only_input(name: str, arrays: Sequence[str]) -> str:
    """Return the input that an array given alone is for.

    Args:
        name: What errors call the model.
        arrays: The names of the graph's inputs without its states.

    Raises:
        InputError: There are none, or several.
    """
    if len(arrays) == 1:
        return arrays[0]
    if not arrays:
        raise InputError.coded("E-INPUT-03", "{name}: takes no input. Run it with infer({{}}).", name=name)
    raise InputError.coded(
        "E-INPUT-03",
        "{name}: expected {count} inputs ({inputs}), got one array. Give a dict with an array for each.",
        name=name,
        count=len(arrays),
        inputs=", ".join(printable(each, 40) for each in arrays[:20]),
    )
