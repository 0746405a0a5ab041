"""Writing text: one token after the other, each drawn from what the network says about the next one.

One loop for torch and ONNX Runtime alike: it takes a function that runs the network. Draws come from
NumPy's PCG64 generator and all sums are float64, so the same seed writes the same text on every machine,
where the networks' probabilities agree.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping, Sequence, Tuple

import numpy as np

from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.tokens import Text, plain, to_numbers
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import CardError, InputError, located
from onnxnn_runtime.messages.catalogue import coded
from onnxnn_runtime.messages.shorten import shortened

__all__ = ["Step", "check_generates", "draw", "generate"]

Step = Callable[[np.ndarray, Any], Tuple[np.ndarray, Any]]
"""(tokens int64 (1, T), state or None to begin) -> (how likely each token comes next (V,), state after)."""

LONGEST = 1_000_000
"""Tokens of the longest text: hours of work, and some hundred megabytes."""


def check_generates(card: ModelCard, name: str) -> Mapping[str, int]:
    """Return the vocabulary of a model that writes text.

    Raises:
        CardError: It does not; the message says what it does.
    """
    if card.input.kind != "tokens" or card.output.kind != "tokens":
        if card.input.kind == "tokens":
            raise CardError(
                coded(
                    "E-INPUT-08",
                    "{name}: expected a model that generates text, got one from {input!r} to {output!r}. End "
                    "the network in a softmax over all tokens at each step, and leave out layers that look "
                    "ahead (bidirectional=True, positional_embedding, attention).",
                    name=name,
                    input=kind_name(card.input.kind),
                    output=kind_name(card.output.kind),
                )
            )
        raise CardError(
            coded(
                "E-INPUT-08",
                "{name}: expected a model that generates text, got one from {input!r} to {output!r}. Train a "
                "network that reads tokens and predicts the next one at each step, such as "
                "add('em_lstm', size=(128, 256), num_layers=2).",
                name=name,
                input=kind_name(card.input.kind),
                output=kind_name(card.output.kind),
            )
        )
    if card.input.vocabulary is None:
        raise CardError(
            coded(
                "E-INPUT-08",
                "{name}: expected a vocabulary in its card, got none. Train it on data loaded with "
                "word2idx=...",
                name=name,
            )
        )
    return card.input.vocabulary


def generate(
    step: Step,
    vocabulary: Mapping[str, int],
    prompt: Text,
    length: int | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    seed: int | None = None,
    stop: Text | None = None,
) -> Any:
    """Continue a text until it has `length` tokens.

    Args:
        step: Runs the network.
        vocabulary: Each token's id, from 0. Larger ids, for which the network may have an output too, are
            never written.
        prompt: How the text begins: text, each character a token, or a list of words.
        length: Tokens of the whole text, the prompt's counted; None is 24.
        temperature: Below 1 likely tokens become likelier: p^(1/temperature), scaled to sum to 1. At 0
            the likeliest is taken. None is 1.
        top_k: Draw among this many of the likeliest tokens; None among all.
        seed: The same seed writes the same text; None another one each time.
        stop: Writing ends where this text, or one of these texts, appears; it is left out. Where the
            prompt is a list of words, a text is a word or several with spaces between them.

    Returns:
        The whole text; a list of words where the prompt was one.

    Raises:
        InputError: An option is out of range, or the prompt holds a token that the vocabulary lacks.
    """
    length = 24 if length is None else length
    temperature = 1.0 if temperature is None else temperature
    numbers = to_numbers(prompt, vocabulary)
    stops: Any = _check(numbers, length, temperature, top_k, seed, stop)
    begin = plain(prompt)
    if not isinstance(begin, str):
        begin = [str(word) for word in begin]
        stops = [_words_of(each, vocabulary) for each in stops]
    words = sorted(vocabulary, key=vocabulary.__getitem__)
    generator = np.random.Generator(np.random.PCG64(seed))
    written = _Written(begin, stops)
    probabilities, state = step(np.array([numbers], dtype=np.int64), None)
    for position in range(len(numbers), length):
        number = draw(probabilities[: len(words)], generator.random(), temperature, top_k)
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
    return InputError(
        coded(
            "E-INPUT-08",
            "expected finite probabilities of tokens from the network, got NaN, infinite ones, or all 0. "
            "Train it again with a smaller lr.",
        )
    )


class _Written:
    """The text so far; ends where a stop appears in what was added.

    Args:
        prompt: Text, or a list of words.
        stops: Each of the prompt's type.
    """

    def __init__(self, prompt: Any, stops: Sequence[Any]) -> None:
        self._prompt = prompt
        self._added = type(prompt)()
        self._stops = stops

    def add(self, word: str) -> bool:
        """Append a token; return whether a stop is complete now."""
        self._added += word if isinstance(self._prompt, str) else [word]
        for stop in self._stops:
            if self._added[-len(stop) :] == stop:
                self._added = self._added[: -len(stop)]
                return True
        return False

    def result(self) -> Any:
        return self._prompt + self._added


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


def _check(
    numbers: Sequence[int],
    length: Any,
    temperature: Any,
    top_k: Any,
    seed: Any,
    stop: Any,
) -> list[str]:
    """Check the options; return the stops as a list."""
    check_integer("length", length, 1)
    if length > LONGEST:
        raise InputError(
            coded(
                "E-INPUT-06",
                "length={length}: expected at most {longest:,} tokens.",
                length=shortened(length),
                longest=LONGEST,
            )
        )
    if length <= len(numbers):
        raise InputError(
            coded(
                "E-INPUT-06",
                "length={length}: expected more than {count}: the prompt has {count} tokens, and length "
                "counts them.",
                length=length,
                count=len(numbers),
            )
        )
    is_number = isinstance(temperature, (int, float, np.number)) and not isinstance(temperature, bool)
    if not is_number or not 0 <= temperature < math.inf:
        raise InputError(
            coded(
                "E-INPUT-06",
                "temperature={temperature}: expected a number of at least 0. 0 takes the likeliest token.",
                temperature=shortened(temperature),
            )
        )
    if top_k is not None:
        check_integer("top_k", top_k, 1)
    if seed is not None:
        check_integer("seed", seed, 0)
    stops = [stop] if isinstance(stop, str) else () if stop is None else stop
    if not isinstance(stops, (list, tuple)) or not all(isinstance(each, str) and each for each in stops):
        raise InputError(
            coded(
                "E-INPUT-06",
                "stop={stop}: expected a text or a list of texts, none of them empty.",
                stop=shortened(stop),
            )
        )
    return list(stops)


def check_integer(name: str, value: Any, lowest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < lowest:
        raise InputError(
            coded(
                "E-INPUT-06",
                "{name}={value}: expected an integer of at least {lowest}.",
                name=name,
                value=shortened(value),
                lowest=lowest,
            )
        )
