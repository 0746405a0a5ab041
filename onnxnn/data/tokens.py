"""Tokens: sequences of integers, and labels for each step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from onnxnn_runtime.errors import DataError
from onnxnn_runtime.generation.seq2seq import END, START
from onnxnn_runtime.messages.shapes import shape_text

from .class_names import class_names
from .labels import class_numbers

Array = np.ndarray[Any, Any]
Labels = tuple[torch.Tensor, tuple[str, ...]]


def next_tokens(tokens: Array) -> tuple[Array, Array]:
    """Return sequences (N, T) without their last token, and what comes after each of the tokens left.

    Raises:
        DataError: A sequence has less than two tokens.
    """
    if tokens.ndim == 2 and tokens.shape[1] < 2:
        raise DataError.coded(
            "E-DATA-11",
            "x of shape {shape}: expected sequences of at least two tokens, to learn which comes next, "
            "got one token."
            " Give longer pieces of the text.",
            shape=shape_text(tokens.shape),
        )
    return tokens[:, :-1], tokens[:, 1:]


def source_tokens(x: Array, y: Array, task: str) -> Array | None:
    """Return x (N, S) as tokens where y (N, T) holds rows of tokens or texts, too; None where it does not.

    Raises:
        DataError: y can only be the targets of a transformer, and x is no source, or the task another.
    """
    if x.ndim != 2 or y.ndim != 2:
        return None
    if _are_targets(y, task):
        return _source(x, task)
    could_be = x.dtype.kind in "iu" and x.min() >= 0 and y.dtype.kind in "iuUS" and y.shape[1] > 1
    if not could_be or task not in ("cls", "gen"):
        return None
    hot = 0.0 if y.dtype.kind in "US" else _one_hot_rows(y).mean()
    are_labels = hot == 1 or (hot > 0.5 and y.shape != x.shape)
    return None if are_labels else x


def _are_targets(y: Array, task: str) -> bool:
    """Return whether rows hold start and end, as no label does; in nn("gen") floats are values."""
    if y.dtype.kind not in {"cls": "iuf", "embed": "iuf", "gen": "iu"}.get(task, ""):
        return False
    whole = bool((y == np.round(y)).all() and y.min() >= 0)
    return whole and bool((y[:, 0] == START).all() and (y == END).any(1).all())


def _source(x: Array, task: str) -> Array:
    if task == "embed":
        raise DataError.coded(
            "E-DATA-07",
            "nn('embed'): expected classes, got y with targets for a transformer (each begins with "
            "{start} and holds {end}). Use nn('gen').",
            start=START,
            end=END,
        )
    wrong = np.argwhere((x < 0) | (x != np.round(x)) | np.isinf(x))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise DataError.coded(
            "E-DATA-11",
            "x[{row}, {column}]: expected source tokens, integers from 0, got {value}, since y holds "
            "targets for a transformer (each begins with {start} and holds {end})."
            " Fill short sources with the id of the padding, not with negative numbers.",
            row=row,
            column=column,
            value=x[row, column],
            start=START,
            end=END,
        )
    return x.astype(np.int64)


def check_tokens(x: Array, size: int, source: str = "x") -> None:
    """Refuse what are no tokens (N, T) below the size of the vocabulary, saying where it stands."""
    if x.ndim != 2 or x.dtype.kind not in "iu":
        raise DataError.coded(
            "E-DATA-11",
            "{source}: expected tokens, integers (N, T), got {dtype} of shape {shape}."
            " Turn the texts into ids first, with one row for each sequence.",
            source=source,
            dtype=x.dtype,
            shape=shape_text(x.shape),
        )
    wrong = np.argwhere((x < 0) | (x >= size))
    if len(wrong):
        row, column = (int(number) for number in wrong[0])
        raise DataError.coded(
            "E-DATA-11",
            "{source}[{row}, {column}]: expected a token id of the vocabulary, 0..{last}, got {value}."
            " Number the tokens as word2idx does, or add the missing ones to it.",
            source=source,
            row=row,
            column=column,
            last=size - 1,
            value=x[row, column],
        )


def step_labels(
    y: Array, steps: tuple[int, ...], classes: object, tokens: bool, vocabulary: int | None
) -> Labels | None:
    """Return the labels of every step of sequences, or None where y holds one for each sample.

    Args:
        y: Integers or texts (N, S), or one-hot (N, T, classes). Rows with a single 1 are one label
            for each sample, unless `classes` names another number of classes than a row has numbers.
        steps: (N, T), what x has.
        classes: The names of the classes.
        tokens: Whether x is made of tokens; then integers are too, any number of them, where no
            classes are named.
        vocabulary: How many different tokens there are, where it is known.

    Returns:
        int64 (N, S) and the names of the classes; tokens have none.

    Raises:
        DataError: They are labels of another number of steps, or lie outside the vocabulary.
    """
    named = class_names(classes)
    is_text = y.dtype.kind in "US"
    if y.ndim == 3 and y.shape[1] == steps[1] and not is_text and _is_one_hot(y):
        flat, names = class_numbers(y.reshape(-1, y.shape[2]), classes, "y")
        return flat.reshape(y.shape[:2]), names
    if y.ndim == 1 or y.shape[1] < 2 or y.dtype.kind not in "biufUS":
        return None
    if not is_text and y.ndim == 2 and _are_labels_of_samples(y, named, y.shape[1] == steps[1] or tokens):
        return None
    if y.ndim > 2 or (y.shape[1] != steps[1] and not tokens):
        raise DataError.coded(
            "E-DATA-06",
            "y: expected a label for each step, {steps} or one-hot ({samples}, {length}, classes), or "
            "one for each sample, ({samples},) or one-hot ({samples}, classes), got shape {shape}."
            " Reshape y to one of these.",
            steps=steps,
            samples=steps[0],
            length=steps[1],
            shape=shape_text(y.shape),
        )
    if tokens and named is None and not is_text:
        numbers = y.astype(np.int64)
        check_tokens(numbers, vocabulary or max(int(numbers.max()) + 1, 1), "y")
        return torch.from_numpy(numbers), ()
    flat, names = class_numbers(y.ravel(), classes, "y")
    return flat.reshape(y.shape), names


def _are_labels_of_samples(y: Array, named: tuple[str, ...] | None, may_be_steps: bool) -> bool:
    """Return whether rows are meant as one label for each sample: one-hot, or with a fraction."""
    if y.dtype.kind == "f" and not (y == np.round(y)).all():
        return True
    if not may_be_steps:
        return bool(_one_hot_rows(y).mean() > 0.5)  # and one of them is wrong
    return _is_one_hot(y) and (named is None or len(named) == y.shape[1])


def _is_one_hot(rows: Array) -> bool:
    return bool(_one_hot_rows(rows).all())


def _one_hot_rows(rows: Array) -> Array:
    """Return for each row whether it holds a single 1 and else 0."""
    found: Array = ((rows == 0) | (rows == 1)).all(-1) & (rows.astype(float).sum(-1) == 1)
    return found
