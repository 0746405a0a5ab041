"""Writing text: one token after the other, each drawn from what the network says about the next one.

One loop for torch and ONNX Runtime alike: it takes a function that runs the network. Draws come from
NumPy's PCG64 generator and all sums are float64, so the same seed writes the same text on every machine,
where the networks' probabilities agree.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Generic, List, Mapping, Sequence, Tuple, TypeVar

import numpy as np

from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.card.tokens import Text, plain, to_numbers
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import CardError, InputError, located
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shorten import shortened

from .options import GenerationOptions

Step = Callable[[np.ndarray, Any], Tuple[np.ndarray, Any]]
"""(tokens int64 (1, T), state or None to begin) -> (how likely each token comes next (V,), state after)."""

_Some = TypeVar("_Some", str, List[str])
"""A text: characters, or words."""


def check_generates(card: ModelCard, name: str) -> Mapping[str, int]:
    """Return the vocabulary of a model that writes text.

    Raises:
        CardError: It does not; the message says what it does.
    """
    if ModelKind(card).does != "generate":
        if card.input.kind == "tokens":
            raise CardError.coded(
                "E-INPUT-08",
                "{name}: expected a model that generates text, got one from {input!r} to {output!r}. End "
                "the network in a softmax over all tokens at each step, and leave out layers that look "
                "ahead (bidirectional=True, positional_embedding, attention).",
                name=name,
                input=kind_name(card.input.kind),
                output=kind_name(card.output.kind),
            )
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: expected a model that generates text, got one from {input!r} to {output!r}. Train a "
            "network that reads tokens and predicts the next one at each step, such as "
            "add('em_lstm', size=(128, 256), num_layers=2).",
            name=name,
            input=kind_name(card.input.kind),
            output=kind_name(card.output.kind),
        )
    if card.input.vocabulary is None:
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: expected a vocabulary in its card, got none. Train it on data loaded with word2idx=...",
            name=name,
        )
    return card.input.vocabulary


def generate(step: Step, vocabulary: Mapping[str, int], options: GenerationOptions) -> str | list[str]:
    """Continue a text until it has as many tokens as the options ask for.

    Args:
        step: Runs the network.
        vocabulary: Each token's id, from 0. Larger ids, for which the network may have an output too, are
            never written.
        options: How it begins, and how it is continued.

    Returns:
        The whole text; a list of words where the prompt was one.

    Raises:
        InputError: An option does not match the prompt, or the vocabulary lacks a token of the prompt or of
            a stop.
    """
    length = 24 if options.length is None else options.length
    temperature = 1.0 if options.temperature is None else options.temperature
    prompt = options.prompt
    numbers = to_numbers(prompt, vocabulary)
    if length <= len(numbers):
        raise InputError.coded(
            "E-INPUT-06",
            "length={length}: expected more than {count}: the prompt has {tokens}, and length counts them.",
            length=length,
            count=len(numbers),
            tokens=ngettext("{count} token", "{count} tokens", len(numbers)),
        )
    written = _written(plain(prompt), options.stops, vocabulary)
    words = sorted(vocabulary, key=vocabulary.__getitem__)
    generator = np.random.Generator(np.random.PCG64(options.seed))
    probabilities, state = step(np.array([numbers], dtype=np.int64), None)
    for position in range(len(numbers), length):
        number = draw(probabilities[: len(words)], generator.random(), temperature, options.top_k)
        if written.add(words[number]):
            break
        if position + 1 < length:
            probabilities, state = step(np.array([[number]], dtype=np.int64), state)
    return written.result()


def draw(probabilities: np.ndarray, chance: float, temperature: float = 1.0, top_k: int | None = None) -> int:
    """Choose a token.

    With qᵢ = pᵢ^(1/temperature) among the top_k likeliest tokens, the first token i with
    q₀ + ... + qᵢ > chance · Σq (inverse transform sampling).

    Args:
        probabilities: How likely each token is (V,).
        chance: A random number, uniform in 0..1 without 1.
        temperature: 0 takes the likeliest token.
        top_k: How many tokens may be chosen; None for all.

    Raises:
        InputError: The probabilities are not finite, or all 0.
    """
    largest = probabilities.max()  # NaN where one of them is
    if not 0 < largest < math.inf:
        raise _no_probabilities()
    if temperature == 0:
        return int(probabilities.argmax())
    chosen = None
    if top_k is not None and top_k < len(probabilities):
        chosen = np.sort(np.argpartition(probabilities, -top_k)[-top_k:])
        probabilities = probabilities[chosen]
    weights = probabilities.astype(np.float64)
    if temperature != 1:
        weights /= largest
        np.power(weights, 1 / temperature, out=weights)
    sums = weights.cumsum()
    if not 0 < sums[-1] < math.inf:
        raise _no_probabilities()
    index = min(int(sums.searchsorted(chance * sums[-1], side="right")), len(sums) - 1)
    return index if chosen is None else int(chosen[index])


def _no_probabilities() -> InputError:
    return InputError.coded(
        "E-INPUT-08",
        "expected finite probabilities of tokens from the network, got NaN, infinite ones, or all 0. "
        "Train it again with a smaller lr.",
    )


class _Written(Generic[_Some]):
    """The text so far; ends where a stop appears in what was added.

    Args:
        prompt: Text, or a list of words.
        stops: Each of the prompt's type.
        one: Turns a token into a text of the prompt's type.
    """

    def __init__(self, prompt: _Some, stops: Sequence[_Some], one: Callable[[str], _Some]) -> None:
        self._prompt: _Some = prompt
        self._added: _Some = prompt[:0]
        self._stops: Sequence[_Some] = stops
        self._one: Callable[[str], _Some] = one

    def add(self, word: str) -> bool:
        """Append a token; return whether a stop is complete now."""
        self._added += self._one(word)
        for stop in self._stops:
            if self._added[-len(stop) :] == stop:
                self._added = self._added[: -len(stop)]
                return True
        return False

    def result(self) -> _Some:
        return self._prompt + self._added


def _written(
    prompt: Text, stops: Sequence[str], vocabulary: Mapping[str, int]
) -> _Written[str] | _Written[list[str]]:
    """Return a text that begins with the prompt."""
    if isinstance(prompt, str):
        return _Written(prompt, stops, str)
    begin = [str(word) for word in prompt]
    return _Written(begin, [_words_of(each, vocabulary) for each in stops], lambda word: [word])


def _words_of(stop: str, vocabulary: Mapping[str, int]) -> list[str]:
    """Return the words that a stop is made of.

    Raises:
        InputError: The vocabulary lacks one of them.
    """
    words = [stop] if stop in vocabulary else stop.split()
    try:
        to_numbers(words, vocabulary)
    except InputError as error:
        raise InputError(located("stop=" + shortened(stop), error)) from error
    return words
