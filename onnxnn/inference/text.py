"""Text in torch: the next token, and continuing a text; the loop is the runtime's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from onnxnn_runtime.arrays.conversion import check_tokens
from onnxnn_runtime.card.card import InputSpec, ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.card.tokens import is_file, is_words, to_numbers
from onnxnn_runtime.errors import CardError, InputError
from onnxnn_runtime.generation.generate import check_generates, generate
from onnxnn_runtime.generation.options import GenerationOptions
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shapes import shape_text

from onnxnn.definition.module import Net, evaluating

Array = np.ndarray[Any, Any]
Hidden = tuple[torch.Tensor, ...]


def is_text(data: object, card: ModelCard) -> bool:
    """Return whether data for `inference` is text to a network that generates, and no file's path."""
    if ModelKind(card).does != "generate" or card.input.vocabulary is None:
        return False
    if not isinstance(data, str):
        return is_words(data, card.input.vocabulary)
    return not is_file(data)


def follow(net: Net, card: ModelCard, data: object, hidden: Sequence[object] | None) -> tuple[Array, Hidden]:
    """Return how likely each token comes after a text, and what the network remembers of it.

    Args:
        net: The network; it runs in evaluation mode and comes back in the mode it was in.
        card: Its card.
        data: The text, or its token ids.
        hidden: What an earlier call returned; None begins.

    Returns:
        float32 (vocabulary,), and the states, each (layers, 1, hidden).

    Raises:
        CardError: The network does not generate.
        InputError: A token is not in the vocabulary, or the state is another network's.
    """
    if ModelKind(card).does != "generate":
        raise CardError.coded(
            "E-INPUT-08",
            "inference(hidden=...): this network does not resume from a hidden state. Leave hidden out.",
        )
    given = _numbers(data, card.input)
    try:
        numbers = np.asarray(given)
    except ValueError as error:
        raise InputError.coded(
            "E-INPUT-03",
            "inference(hidden=...): expected one sequence of at least one token, got rows that differ in "
            "length.",
        ) from error
    if not numbers.size or (numbers.ndim > 1 and numbers.size != numbers.shape[-1]):
        raise InputError.coded(
            "E-INPUT-03",
            "inference(hidden=...): expected one sequence of at least one token, got tokens of shape "
            "{shape}.",
            shape=shape_text(numbers.shape),
        )
    tokens = check_tokens(numbers, card.input)
    return _Stepper(net)(tokens.reshape(1, -1), hidden)


def write(net: Net, card: ModelCard, options: GenerationOptions) -> str | list[str]:
    """Continue a text; results and errors as in the runtime's `generate`.

    Raises:
        CardError: The network does not generate.
    """
    return generate(_Stepper(net), check_generates(card, gettext("this network")), options)


def _numbers(data: object, spec: InputSpec) -> Any:
    if isinstance(data, str) or (
        isinstance(data, list | tuple) and all(isinstance(word, str) for word in data)
    ):
        return to_numbers(data, spec.vocabulary or {})
    return data


class _Stepper:
    """Runs a network for a few tokens: (tokens (1, T), states or None) -> (probabilities (V,), states)."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._device = net.device

    def __call__(self, tokens: Array, states: Sequence[object] | None) -> tuple[Array, Hidden]:
        with evaluating(self._net), torch.inference_mode():
            y, after = self._net.step(torch.from_numpy(tokens).to(self._device), states)
        return y[0, -1].float().cpu().numpy(), after
