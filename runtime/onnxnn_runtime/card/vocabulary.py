"""Vocabularies: each token's id, checked, and the ids of one in another."""

from __future__ import annotations

from typing import Mapping

import numpy as np

from onnxnn_runtime.errors import OnnxnnError
from onnxnn_runtime.messages.catalogue import coded, ngettext
from onnxnn_runtime.messages.shorten import shortened


def checked_vocabulary(word2idx: object, error: type[OnnxnnError]) -> dict[str, int]:
    """Return a vocabulary with Python's integers, or raise `error` where it is none.

    Args:
        word2idx: {token: id} with the ids 0, 1, 2, ..., each once.
        error: What to raise.
    """
    if not isinstance(word2idx, Mapping):
        raise error.coded(
            "E-DATA-11",
            "word2idx: expected a dict {{token: id}}, got {type}. For a list of tokens write "
            "{{token: id for id, token in enumerate(tokens)}}.",
            type=type(word2idx).__name__,
        )
    if not word2idx:
        raise error.coded(
            "E-DATA-11",
            "word2idx: expected the id of every token, {{token: id}}, got an empty one."
            " Give the dict that numbered the texts.",
        )
    for word, number in word2idx.items():
        if not _is_integer(number):
            if _is_integer(word) and isinstance(number, str):
                raise error.coded(
                    "E-DATA-11",
                    "word2idx: expected the ids 0, 1, 2, ..., each once, got {id} for {token}. Turn it "
                    "around: {{token: id for id, token in word2idx.items()}}.",
                    id=shortened(number),
                    token=shortened(word),
                )
            raise error.coded(
                "E-DATA-11",
                "word2idx: expected the ids 0, 1, 2, ..., each once, got {id} for {token}."
                " Number the tokens again: {{token: i for i, token in enumerate(tokens)}}.",
                id=shortened(number),
                token=shortened(word),
            )
        if not isinstance(word, str) and not _is_integer(word):
            raise error.coded(
                "E-DATA-11",
                "word2idx: expected texts as tokens, got {token}."
                " Write the dict as {{token: id}}, not as {{id: token}}.",
                token=shortened(word),
            )
        _check_text(str(word), error)
    vocabulary = {str(word): int(number) for word, number in word2idx.items()}
    if len(vocabulary) != len(word2idx):
        raise error.coded(
            "E-DATA-11",
            "word2idx: expected each token once, got two of the same text."
            " Leave one of them out, and number the tokens again.",
        )
    if set(vocabulary.values()) != set(range(len(word2idx))):
        raise error.coded(
            "E-DATA-11",
            "word2idx: expected the ids 0, 1, 2, ..., each once, got no {missing} among {tokens}."
            " Number the tokens again: {{token: i for i, token in enumerate(tokens)}}.",
            tokens=ngettext("{count} token", "{count} tokens", len(word2idx)),
            missing=min(set(range(len(word2idx))) - set(vocabulary.values()), default=0),
        )
    return vocabulary


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
    for column in array.dtype.names or ():
        check_characters(array[column], error)
    if array.dtype.kind != "U" or not array.size or not array.itemsize:
        return
    codes = np.ascontiguousarray(array).reshape(-1)
    highest = int(codes.view(np.dtype("u4").newbyteorder(codes.dtype.byteorder)).max())
    if highest > _LAST_CHARACTER:
        raise error(
            coded(
                "E-DATA-02",
                "expected texts of Unicode, which ends at {last:#x}, got the code {found:#x}. The file is "
                "damaged; save it again.",
                last=_LAST_CHARACTER,
                found=highest,
            )
        )


_LAST_CHARACTER = 0x10FFFF


def renumbering(own: Mapping[str, int], known: Mapping[str, int], error: type[OnnxnnError]) -> np.ndarray:
    """Return the id in a network's vocabulary of each token of another, or raise `error`.

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
            raise error.coded(
                "E-DATA-11",
                "expected tokens of the network's vocabulary of {count}, got {token} in the data. Leave "
                "out what holds it, and number the tokens as the network does, by model.word2idx.",
                count=len(known),
                token=shortened(word),
            )
        found[number] = known[word]
    return found


def _is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _check_text(word: str, error: type[OnnxnnError]) -> None:
    try:
        word.encode("utf-8")
    except UnicodeEncodeError as found:
        raise error.coded(
            "E-DATA-11",
            "the vocabulary has {token}, with half a character (a lone surrogate), which no file can "
            "hold. Read the text again, with open(path, encoding='utf-8').",
            token=shortened(word),
        ) from found
