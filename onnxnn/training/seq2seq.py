"""Pairs of sequences: checks of what a Transformer learns from, its loss and its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from onnxnn_runtime.errors import DataError, TrainingError
from onnxnn_runtime.generation.seq2seq import END, PADDING, START
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shapes import shape_text
from onnxnn_runtime.messages.shorten import shortened

from onnxnn.data import Data
from onnxnn.definition.module import Net
from onnxnn.layers.registry import Layer
from onnxnn.layers.transformer import Transformer

from .learner import Learner
from .losses import Loss, official_name, usual_name
from .metrics import Metric, official_names, share_of

Tensor = torch.Tensor

METRICS = ("acc", "exact")
"""acc: the share of tokens that are right; exact: the share of sequences of which every token is."""


def options_of(layer: Layer) -> Transformer:
    """Return the options of the only layer of a network from sequence to sequence."""
    return cast(Transformer, layer)


def make_loss(name: str | None, net: Net, task: str) -> Loss:
    """Return the loss of pairs: the cross entropy of the next token.

    Args:
        name: The loss's name in any spelling; None for the task's usual one.
        net: The network.
        task: "cls" or "gen".

    Raises:
        TrainingError: It is another loss or task, or the network does not end in softmax.
    """
    name = usual_name(task) if name is None else official_name(name)
    if name != "CrossEntropyLoss" or task not in ("cls", "gen"):
        raise TrainingError.coded(
            "E-TRAIN-04",
            "loss={loss} with nn({task}): a transformer learns which token comes next. Use nn('gen') and "
            "loss='CrossEntropyLoss'.",
            loss=shortened(name),
            task=shortened(task),
        )
    if net.ending != "softmax":
        raise TrainingError.coded(
            "E-LAYER-05", "a transformer ends in softmax. Leave activation= out, or write 'softmax'."
        )
    return Loss(name, next_token_loss, from_logits=True, size=num_tokens)


def make_metrics(names: str | Sequence[str] | None) -> list[Metric]:
    """Return the metrics of those names over tokens and whole sequences.

    Raises:
        TrainingError: There is no such metric for pairs.
    """
    wanted, counts = official_names(names), {"acc": right_tokens, "exact": right_sequences}
    if set(wanted) - set(counts):
        raise TrainingError.coded(
            "E-TRAIN-04",
            "metrics={metrics}: a transformer has 'acc' and 'exact'. Leave the others out.",
            metrics=shortened(list(wanted)),
        )
    return [Metric(name, counts[name], share_of) for name in wanted]


class PairLearner(Learner):
    """A network from sequence to sequence and its loss, which learns every next token at once.

    It is given the target, too, but for its last token (teacher forcing, Williams & Zipser 1989).
    """

    def inputs(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pair (source, what comes before each token of the target)."""
        return x, target[:, :-1]


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
                raise DataError.coded(
                    "E-DATA-07",
                    "{name}: expected at most {tokens}, the max_length of the network, got "
                    "{steps}. Use max_length={steps}.",
                    name=name,
                    tokens=ngettext("{count} token", "{count} tokens", layer.max_length),
                    steps=steps,
                )
        _check_marks(target)
        yield source, target


def check_data(data: Data, layer: Layer, task: str) -> None:
    """Refuse data that a transformer cannot learn from.

    Raises:
        DataError: As for `checked`.
        TrainingError: The task is one without pairs.
    """
    if task not in ("cls", "gen"):
        raise TrainingError.coded(
            "E-TRAIN-04",
            "nn({task}) with add('transformer'): expected nn('gen'), which learns pairs of sequences. "
            "Use nn('gen').",
            task=shortened(task),
        )
    found = [part.tensors() for part in (data.train, data.validation) if part is not None]
    for _ in checked((pair for pair in found if pair is not None), options_of(layer)):
        pass


def _check_tokens(name: str, tokens: Tensor, vocabulary: int) -> None:
    if tokens.ndim != 2 or tokens.is_floating_point():
        raise DataError.coded(
            "E-DATA-11",
            "{name}: expected token sequences, integers (N, steps), for a transformer, got {dtype} of "
            "shape {shape}. Use load_dataset(source, target) with integers (N, S) and (N, T), such as "
            "{name}.astype(int).",
            name=name,
            dtype=str(tokens.dtype)[6:],
            shape=shape_text(tokens.shape),
        )
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= vocabulary:
        raise DataError.coded(
            "E-DATA-11",
            "{name}: expected tokens 0..{last} for {name}_vocab={vocabulary}, got {low}..{high}. {advice}",
            name=name,
            last=vocabulary - 1,
            vocabulary=vocabulary,
            low=low,
            high=high,
            advice=gettext("Count tokens from 0.")
            if low < 0
            else gettext("Use {name}_vocab={needed}.", name=name, needed=high + 1),
        )


def _check_marks(target: Tensor) -> None:
    ends = (target == END).cumsum(1) - (target == END).long()  # how many ends stand before a token
    good = (target[:, 0] == START) & (target == END).any(1)
    good &= ((ends == 0) == (target != PADDING)).all(1) & (target == START).sum(1).eq(1)
    if not bool(good.all()):
        row = target[int(good.logical_not().nonzero()[0])].tolist()
        raise DataError.coded(
            "E-DATA-11",
            "expected targets that begin with {start} (start), end with {end} (end) and have {padding} "
            "(padding) after that only, got {target}. Write them like [1, 7, 5, 2, 0, 0].",
            start=START,
            end=END,
            padding=PADDING,
            target=row,
        )


def next_token_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Return the cross entropy of every token after the start, padding left out.

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
