"""Between text and the ids of its tokens."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Mapping, Sequence, Union

from onnxnn_runtime.errors import InputError
from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import shortened

if TYPE_CHECKING:
    from typing import Literal  # of Python 3.8

    from .card import InputSpec

    Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

Text = Union[str, Sequence[str]]
"""Text, each character and each mark such as <START> a token; or a list of words, each a token."""


def token_count(spec: InputSpec) -> int | None:
    """Return how many different tokens a network takes, with ids from 0; None where that is not known."""
    return len(spec.vocabulary or ()) or spec.num_tokens


def is_words(thing: object, vocabulary: Mapping[str, int] | None) -> bool:
    """Return whether a list is one text of words rather than several texts.

    It is where all in it is text, and the vocabulary is made of words: a token has more than one character,
    marks such as <pad> or [START] aside.
    """
    if vocabulary is None or not isinstance(thing, (list, tuple)) or not len(thing):
        return False
    if not all(isinstance(word, str) and not is_file(word) for word in thing):
        return False
    return any(map(_is_word, vocabulary))


def is_file(text: str) -> bool:
    """Return whether a text is the name of a file of arrays."""
    return text.lower().endswith((".npy", ".npz"))


def plain(text: object) -> Any:
    """Return text or words of NumPy as Python's; arrays of numbers, and of several axes, as they are."""
    if not hasattr(text, "tolist") or getattr(text, "ndim", 0) > 1:
        return text
    kind = getattr(getattr(text, "dtype", None), "kind", "")
    return text.tolist() if kind in ("U", "O", "T") else text


def to_numbers(text: object, vocabulary: Mapping[str, int]) -> list[int]:
    """Return the id of each token of a text.

    A text that is a token is that one. In any other each character is a token, but for marks of the
    vocabulary such as <START> or [SEP]; of two marks that match at one place the longer one is meant.

    Raises:
        InputError: It is empty, or a token is not in the vocabulary; the message names it.
    """
    text = plain(text)
    if not isinstance(text, Sequence) or not all(isinstance(token, str) for token in text):
        raise InputError.coded(
            "E-INPUT-07",
            "expected text, or a list of words, each a text, got {value}.",
            value=shortened(text, 40),
        )
    tokens = _tokens(text, vocabulary) if isinstance(text, str) else text
    unknown = [token for token in tokens if token not in vocabulary]
    if unknown:
        raise InputError.coded(
            "E-INPUT-07",
            "{token} is not in the vocabulary of {tokens}. {advice}",
            token=shortened(unknown[0]),
            tokens=ngettext("{count} token", "{count} tokens", len(vocabulary)),
            advice=_hint(text, vocabulary) or gettext("It holds {tokens}.", tokens=_some(vocabulary)),
        )
    if not len(tokens):
        raise InputError.coded("E-INPUT-07", "expected at least one token, got an empty text.")
    return [vocabulary[token] for token in tokens]


def _tokens(text: str, vocabulary: Mapping[str, int]) -> Sequence[str]:
    """Return the tokens of a text as `to_numbers` reads them."""
    if text in vocabulary:
        return [text]
    if "<" not in text and "[" not in text:
        return text
    marks = sorted((token for token in vocabulary if _is_mark(token)), key=len, reverse=True)
    known = [re.escape(token) for token in [*marks, "<", "["] if token in vocabulary]
    return re.findall("|".join([*known, *_UNKNOWN_MARKS, "."]), text, re.DOTALL)


_UNKNOWN_MARKS = ["<[^<>]*>", r"\[[^][]*\]"]  # which errors name as a whole


def _is_mark(token: str) -> bool:
    return len(token) > 1 and (token[0], token[-1]) in (("<", ">"), ("[", "]"))


def _is_word(token: str) -> bool:
    return len(token) > 1 and not _is_mark(token)


def _some(vocabulary: Mapping[str, int], most: int = 10) -> str:
    words = [shortened(word, 40) for word in sorted(vocabulary, key=lambda word: vocabulary[word])[:most]]
    return ", ".join(words) + (", ..." if len(vocabulary) > most else "")


def _hint(text: Text, vocabulary: Mapping[str, int]) -> str:
    for form in ("NFC", "NFD"):
        if all(token in vocabulary for token in _normalized(text, form)):
            return gettext(
                "It writes accents in another form: use unicodedata.normalize({form}, text).", form=repr(form)
            )
    words = text.split() if isinstance(text, str) else []
    if not words or not all(word in vocabulary for word in words):
        return ""
    return gettext(
        "Its tokens are words: give a list, {words}, or --words to the command.", words=shortened(words)
    )


def _normalized(text: Text, form: Form) -> Text:
    if isinstance(text, str):
        return unicodedata.normalize(form, text)
    return [unicodedata.normalize(form, word) for word in text]
