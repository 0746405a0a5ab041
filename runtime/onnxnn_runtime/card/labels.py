"""Class names as results show them, and which class a score means: the one place for both.

Training's metrics and `print_result`, and the runtime's `predict`, decide by these functions.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np

from .card import OutputSpec

THRESHOLD = 0.5
"""A binary network's score from which on the second class is meant: score >= THRESHOLD."""

UNKNOWN = "unknown"
"""The label of an input that is like none of the training, in every language."""


def readable(name: str) -> str | int:
    """Return a class name as results print it: an integer where the text is exactly that integer.

    "7" is 7; "07", "7_1", " 7" and digits of other scripts stay the texts that they are.
    """
    try:
        number = int(name)
    except ValueError:
        return name
    return number if str(number) == name else name


def label_of(classes: Sequence[str], index: int) -> str:
    """Return the name of a class; its index where it has none."""
    return classes[index] if index < len(classes) else str(index)


def best_classes(output: OutputSpec, scores: object, k: int = 1) -> list[tuple[int, float]]:
    """Return the k best classes of one vector of scores, best first, as (index, score).

    Args:
        output: What the network's output is; "binary" is one score, of the second class.
        scores: (outputs,)
        k: How many classes.
    """
    flat = np.asarray(scores).reshape(-1)
    if output.kind == "binary" and len(flat) == 1:
        flat = np.array([1 - flat[0], flat[0]], dtype=flat.dtype)
        order = [1, 0] if flat[1] >= THRESHOLD else [0, 1]
    else:
        order = [int(i) for i in np.argsort(-flat, kind="stable")]
    return [(i, float(flat[i])) for i in order[:k]]
