"""Between text and the numbers of its tokens."""

from __future__ import annotations

from typing import Mapping, Sequence, Union

from .errors import InputError

__all__ = ["Text", "to_numbers"]

Text = Union[str, Sequence[str]]
"""Text, each character a token; or a list of words, each a token."""


def to_numbers(text: Text, vocabulary: Mapping[str, int]) -> list[int]:
    """Return the number of each token of a text.

    Raises:
        InputError: It is empty, or a token is not in the vocabulary; the message names it.
    """
    if not all(isinstance(token, str) for token in text):
        raise InputError("text is expected, or a list of words, each a text.")
    unknown = [token for token in text if token not in vocabulary]
    if unknown:
        hint = "" if not isinstance(text, str) else _hint(text, vocabulary)
        raise InputError(f"{unknown[0]!r} is not in the vocabulary of {len(vocabulary)} tokens.{hint}")
    if not len(text):
        raise InputError("the text is empty; give at least one token.")
    return [vocabulary[token] for token in text]


def _hint(text: str, vocabulary: Mapping[str, int]) -> str:
    words = text.split()
    known = len(words) > 0 and all(word in vocabulary for word in words)
    return f" Its tokens are words: give a list, {words!r}." if known else ""
