"""Tokens: sequences of whole numbers, and labels for each step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from onnxnn_runtime.errors import DataError

from .labels import class_names, class_numbers

__all__ = ["are_pairs", "check_tokens", "next_tokens", "step_labels"]

Array = np.ndarray[Any, Any]
Labels = tuple[torch.Tensor, tuple[str, ...]]


def next_tokens(tokens: Array) -> tuple[Array, Array]:
    """Return sequences (N, T) without their last token, and what comes after each of the tokens left.

    Raises:
        DataError: A sequence has less than two tokens.
    """
    if tokens.ndim == 2 and tokens.shape[1] < 2:
        raise DataError(
            f"x of shape {tokens.shape}: to learn which token comes next, a sequence needs at least two."
        )
    return tokens[:, :-1], tokens[:, 1:]


def are_pairs(x: Array, y: Any) -> bool:
    """Tell whether x (N, T) and y (N, S) are both rows of whole numbers, and y is not one-hot."""
    target = _array(y)
    if not all(array.ndim == 2 and array.dtype.kind in "iu" for array in (x, target)):
        return False
    return target.shape[1] > 1 and x.min() >= 0 and not _is_one_hot(target)


def check_tokens(x: Array, size: int, source: str = "x") -> None:
    """Refuse what are no tokens (N, T) below the size of the vocabulary, saying where it stands."""
    if x.ndim != 2 or x.dtype.kind not in "iu":
        raise DataError(f"{source}: {x.dtype} of shape {x.shape}; tokens are whole numbers (N, T).")
    wrong = np.argwhere((x < 0) | (x >= size))
    if len(wrong):
        row, column = (int(number) for number in wrong[0])
        raise DataError(
            f"{source}[{row}, {column}] is token {x[row, column]}; the vocabulary has 0..{size - 1}."
        )


def step_labels(
    y: Any, steps: tuple[int, ...], classes: Any, tokens: bool, vocabulary: int | None
) -> Labels | None:
    """Return the labels of every step of sequences, or None where y holds one for each sample.

    Args:
        y: Whole numbers (N, S), or one-hot (N, T, classes). Rows with a single 1 are one label for each
            sample, unless `classes` names another number of classes than a row has numbers.
        steps: (N, T), what x has.
        classes: The names of the classes.
        tokens: Whether x is made of tokens; then y is too, any number of them, where no classes are named.
        vocabulary: How many different tokens there are, where it is known.

    Returns:
        int64 (N, S) and the names of the classes; tokens have none.
    """
    labels = _array(y)
    named = class_names(classes)
    if labels.dtype.kind == "f" and labels.shape == steps and (labels == np.round(labels)).all():
        labels = labels.astype(np.int64)
    if labels.ndim == 3 and labels.shape[:2] == steps and _is_one_hot(labels):
        flat, names = class_numbers(labels.reshape(-1, labels.shape[2]), classes, "y")
        return flat.reshape(steps), names
    if labels.ndim != 2 or labels.shape[1] < 2 or labels.dtype.kind not in "iu":
        return None
    if _is_one_hot(labels) and (named is None or len(named) == labels.shape[1]):
        return None
    if tokens and named is None:
        check_tokens(labels, vocabulary or max(int(labels.max()) + 1, 1), "y")
        return torch.from_numpy(labels.astype(np.int64)), ()
    if labels.shape != steps and not tokens:
        return None
    flat, names = class_numbers(labels.ravel(), classes, "y")
    return flat.reshape(labels.shape), names


def _array(y: Any) -> Array:
    return np.asarray(y.detach().cpu() if isinstance(y, torch.Tensor) else y)


def _is_one_hot(rows: Array) -> bool:
    return bool((((rows == 0) | (rows == 1)).all(-1) & (rows.sum(-1) == 1)).all())
