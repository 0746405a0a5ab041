"""What a script may set on a network, beside calling it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from onnxnn_runtime.card.vocabulary import checked_vocabulary
from onnxnn_runtime.defaults import TASKS
from onnxnn_runtime.errors import TrainingError, did_you_mean
from onnxnn_runtime.files.access import as_path
from onnxnn_runtime.messages.shorten import shortened
from onnxnn_runtime.messages.suggestions import key_of

from onnxnn.training import optimizers

__all__ = ["VALUES"]


def _save_fold(value: Any) -> str:
    return str(as_path(value, "save_fold", TrainingError))


def _task(value: Any) -> str:
    if key_of(value) not in TASKS:
        hint = did_you_mean(value, TASKS) or "."
        raise TrainingError(f"task={shortened(value)}: unknown task{hint} Known: {', '.join(TASKS)}.")
    return key_of(value)


def _verbose(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, int) and value >= 0):
        return int(value)
    raise TrainingError(f"verbose={shortened(value)}: expected 0 (says nothing) or 1.")


def _vocabulary(value: Any) -> Any:
    return None if value is None else checked_vocabulary(value, TrainingError)


def _words(value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise TrainingError(f"expected a dict of token ids and words, or None, got {shortened(value)}.")
    words = {str(word): number for number, word in value.items()}
    if len(words) != len(value):
        raise TrainingError("two of its token ids have the same word.")
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
