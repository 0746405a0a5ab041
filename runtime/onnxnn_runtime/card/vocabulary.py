"""Vocabularies: each token's number, checked, and the numbers of one in another."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.messages.shorten import shortened

__all__ = ["checked_vocabulary", "renumbering", "texts_of"]


def checked_vocabulary(word2idx: Any, error: type[OnnxnnError]) -> dict[str, int]:
    """Return a vocabulary with plain numbers, or raise `error` where it is none.

    Args:
        word2idx: {token: number} with the numbers 0, 1, 2, ..., each once.
        error: What to raise.
    """
    if not isinstance(word2idx, Mapping):
        raise error(
            f"word2idx of type {type(word2idx).__name__}: must be a dict {{token: number}}; for a list of "
            "tokens write {token: number for number, token in enumerate(tokens)}."
        )
    if not word2idx:
        raise error(
            "the vocabulary (word2idx) is empty; it must hold the number of every token, {token: number}."
        )
    for word, number in word2idx.items():
        if not _is_whole(number):
            turned = _is_whole(word) and isinstance(number, str)
            hint = " Turn it around: {word: number for number, word in word2idx.items()}." if turned else ""
            raise error(f"word2idx has {shortened(number)} for {shortened(word)}; {_NUMBERS}.{hint}")
        if not isinstance(word, str) and not _is_whole(word):
            raise error(f"word2idx has {shortened(word)} as a token; tokens are texts.")
        _check_text(str(word), error)
    vocabulary = {str(word): int(number) for word, number in word2idx.items()}
    if len(vocabulary) != len(word2idx):
        raise error("word2idx: two of its tokens are the same text.")
    if set(vocabulary.values()) != set(range(len(word2idx))):
        missing = min(set(range(len(word2idx))) - set(vocabulary.values()), default=0)
        raise error(f"word2idx: {_NUMBERS}; of {len(word2idx)} tokens none has the number {missing}.")
    return vocabulary


_NUMBERS = "the tokens must have the numbers 0, 1, 2, ..., each once"


def texts_of(array: np.ndarray, error: type[OnnxnnError]) -> list[str]:
    """Return an array of texts (V,) as a list.

    Raises:
        OnnxnnError: A text holds a code that is no character, as a damaged file does; of class `error`.
    """
    check_characters(array, error)
    texts: list[str] = array.tolist()
    return texts


def check_characters(array: np.ndarray, error: type[Exception] = ValueError) -> None:
    """Refuse an array of texts with a code that is no character, of which NumPy makes no text.

    Raises:
        Exception: It holds one; of class `error`.
    """
    if array.dtype.kind != "U" or not array.size or not array.itemsize:
        return
    codes = np.ascontiguousarray(array).reshape(-1)
    highest = int(codes.view(np.dtype("u4").newbyteorder(codes.dtype.byteorder)).max())
    if highest > _LAST_CHARACTER:
        raise error(
            f"a text holds the code {highest:#x}, which is no character (Unicode ends at "
            f"{_LAST_CHARACTER:#x}); the file is damaged. Save it again."
        )


_LAST_CHARACTER = 0x10FFFF


def renumbering(own: Mapping[str, int], known: Mapping[str, int], error: type[OnnxnnError]) -> np.ndarray:
    """Return the number in a network's vocabulary of each token of another, or raise `error`.

    Args:
        own: The vocabulary of data.
        known: The network's, with all words of `own`.
        error: What to raise where it lacks one; the message names the first.

    Returns:
        int64 (tokens,)
    """
    found = np.zeros(len(own), np.int64)
    for word, number in own.items():
        if word not in known:
            raise error(
                f"{shortened(word)} is a word of the data, but not among the network's {len(known)}. Leave "
                "out what holds it, and number the tokens as the network does, by model.word2idx."
            )
        found[number] = known[word]
    return found


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _check_text(word: str, error: type[OnnxnnError]) -> None:
    try:
        word.encode("utf-8")
    except UnicodeEncodeError as found:
        raise error(
            f"the vocabulary has {shortened(word)}, with half a character (a lone surrogate), which no file "
            "can hold. Read the text again, with open(path, encoding='utf-8')."
        ) from found
