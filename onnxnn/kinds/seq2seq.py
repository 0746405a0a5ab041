"""Pairs of sequences: checks of what a Transformer learns from, its loss and metrics, and what it writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from onnxnn_runtime.card.card import InputSpec
from onnxnn_runtime.errors import DataError, TrainingError
from onnxnn_runtime.generation.seq2seq import END, PADDING, START, Predict, translate
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.data import Data
from onnxnn.definition.module import Net, evaluating
from onnxnn.layers.transformer import Transformer

__all__ = [
    "METRICS",
    "check_data",
    "checked",
    "next_token_loss",
    "num_tokens",
    "options_of",
    "predictor",
    "right_sequences",
    "right_tokens",
    "write",
]

Tensor = torch.Tensor
Array = np.ndarray[Any, Any]

METRICS = ("acc", "exact")
"""acc: the share of tokens that are right; exact: the share of sequences of which every token is."""


def options_of(layer: Any) -> Transformer:
    """Return the network's only layer.

    Raises:
        TrainingError: It is none that goes from sequence to sequence.
    """
    if not isinstance(layer, Transformer):
        raise TrainingError("pairs of sequences are learned by add('transformer', ...) alone.")
    return layer


def checked(batches: Iterable[tuple[Tensor, Tensor]], layer: Transformer) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of pairs as they are.

    Raises:
        DataError: A target is no row 1, ..., 2, 0, 0, ... of tokens below target_vocab, or is too long; or a
            source is too long or holds a token that is not below source_vocab.
    """
    for source, target in batches:
        _check_tokens("source", source, layer.source_vocab)
        _check_tokens("target", target, layer.target_vocab)
        for name, steps in (("source", source.shape[1]), ("target", target.shape[1] - 1)):
            if steps > layer.max_length:
                raise DataError(
                    f"{name}: {steps} tokens, but the network was built for max_length={layer.max_length}; "
                    f"max_length={steps} fits."
                )
        _check_marks(target)
        yield source, target


def check_data(data: Data, layer: Any, task: str) -> None:
    """Refuse data that a transformer cannot learn from.

    Raises:
        DataError: As for `checked`.
        TrainingError: The task is one without pairs.
    """
    if task not in ("cls", "gen"):
        raise TrainingError(
            f"nn({shortened(task)}) with add('transformer'): pairs of sequences are learned by nn('gen'); "
            "write that."
        )
    found = [part.tensors() for part in (data.train, data.validation) if part is not None]
    for _ in checked((pair for pair in found if pair is not None), options_of(layer)):
        pass


def _check_tokens(name: str, tokens: Tensor, vocabulary: int) -> None:
    if tokens.ndim != 2 or tokens.is_floating_point():
        raise DataError(
            f"{name}: {str(tokens.dtype)[6:]} of shape {tuple(tokens.shape)}; a transformer learns from "
            "pairs of token sequences: load_dataset(source, target) with whole numbers (N, S) and (N, T), "
            f"such as {name}.astype(int)."
        )
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= vocabulary:
        raise DataError(
            f"{name}: tokens {low}..{high} arrive, but {name}_vocab={vocabulary} has 0..{vocabulary - 1}"
            + (f"; {name}_vocab={high + 1} fits." if low >= 0 else "; what fits counts from 0.")
        )


def _check_marks(target: Tensor) -> None:
    behind = (target == END).cumsum(1) - (target == END).long()  # how many ends stand before a token
    good = (target[:, 0] == START) & (target == END).any(1)
    good &= ((behind == 0) == (target != PADDING)).all(1) & (target == START).sum(1).eq(1)
    if not bool(good.all()):
        row = target[int(good.logical_not().nonzero()[0])].tolist()
        raise DataError(
            f"a target is {row}; what fits begins with {START} (start), ends with {END} (end) and has "
            f"{PADDING} (padding) behind that only, such as [1, 7, 5, 2, 0, 0]."
        )


def next_token_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Return the cross entropy of every token behind the start, padding left out.

    Args:
        scores: Before softmax (N, T - 1, V), for the targets' tokens but the last.
        target: int64 (N, T).
    """
    return F.cross_entropy(scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PADDING)


def num_tokens(target: Tensor) -> Tensor:
    """Return how many tokens of targets (N, T) `next_token_loss` is the mean over."""
    return (target[:, 1:] != PADDING).sum()


def right_tokens(scores: Tensor, target: Tensor) -> Tensor:
    """Return how many tokens are right, and how many there are."""
    wanted = target[:, 1:]
    real = wanted != PADDING
    return torch.stack((((scores.argmax(2) == wanted) & real).sum(), real.sum()))


def right_sequences(scores: Tensor, target: Tensor) -> Tensor:
    """Return of how many sequences every token is right, and how many sequences there are.

    Given what is right so far, the likeliest next token is right at every step: just then greedy writing,
    given nothing, writes the whole sequence.
    """
    wanted = target[:, 1:]
    right = ((scores.argmax(2) == wanted) | (wanted == PADDING)).all(1)
    return torch.stack((right.sum(), right.new_full((), len(right), dtype=torch.long)))


def write(net: Net, spec: InputSpec, source: Any, max_length: int | None, beams: int | None) -> Any:
    """Write the targets of sources; see `onnxnn_runtime.generation.seq2seq.translate`."""
    return translate(predictor(net), spec, source, max_length, beams)


def predictor(net: Net) -> Predict:
    """Return a function that runs a network in evaluation mode and leaves it in the mode it was in."""
    device = net.device

    def predict(source: Array, target: Array) -> Array:
        with evaluating(net), torch.inference_mode():
            y = net((torch.from_numpy(source).to(device), torch.from_numpy(target).to(device)))
        found: Array = y.float().cpu().numpy()
        return found

    return predict
