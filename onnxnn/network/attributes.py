"""What a script may set on a network, beside calling it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from onnxnn_runtime.card.vocabulary import checked_vocabulary
from onnxnn_runtime.defaults import TASKS
from onnxnn_runtime.errors import TrainingError, name_hint
from onnxnn_runtime.files.access import as_path
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import key_of

from onnxnn.training import optimizers


def _save_fold(value: object) -> str:
    return str(as_path(value, "save_fold", TrainingError))


def _task(value: object) -> str:
    if key_of(value) not in TASKS:
        raise TrainingError.coded(
            "E-TRAIN-03",
            "task={value}: unknown task{hint} Known: {known}.",
            value=shortened(value),
            hint=name_hint(value, TASKS),
            known=", ".join(TASKS),
        )
    return key_of(value)


def _verbose(value: object) -> int:
    if isinstance(value, bool) or (isinstance(value, int) and value >= 0):
        return int(value)
    raise TrainingError.coded(
        "E-TRAIN-03",
        "verbose={value}: expected 0 (prints nothing) or 1.",
        value=shortened(value),
    )


def _vocabulary(value: object) -> dict[str, int] | None:
    return None if value is None else checked_vocabulary(value, TrainingError)


def _words(value: object) -> dict[int, str] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TrainingError.coded(
            "E-DATA-11",
            "idx2word: expected a dict of token ids and words, or None, got {value}."
            " Write {{0: 'first word', 1: 'second word'}}.",
            value=shortened(value),
        )
    words = {str(word): number for number, word in value.items()}
    if len(words) != len(value):
        raise TrainingError.coded(
            "E-DATA-11",
            "idx2word: expected a word of its own for each token id."
            " Leave out or rename words that stand twice.",
        )
    return {number: word for word, number in checked_vocabulary(words, TrainingError).items()}


VALUES: Mapping[str, Callable[[Any], Any]] = {
    "idx2word": _words,
    "ix2word": _words,
    "optimizer": optimizers.optimizer_name,
    "save_fold": _save_fold,
    "task": _task,
    "verbose": _verbose,
    "word2idx": _vocabulary,
}
"""Attribute -> what checks a value that a script sets, and returns the value to keep."""
