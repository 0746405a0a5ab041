"""From sequence to sequence: writing the target of a source, by beam search.

One loop for torch and ONNX Runtime alike: it takes a function that runs the network. That function may keep
what it computed for the tokens before (a cache), or run the whole network for each token; see `whole`.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

import numpy as np

from onnxnn_runtime.arrays.conversion import check_tokens, without_gradient
from onnxnn_runtime.card.card import InputSpec, ModelCard
from onnxnn_runtime.card.kind import ModelKind
from onnxnn_runtime.card.words import kind_name
from onnxnn_runtime.errors import CardError, InputError, located
from onnxnn_runtime.messages.catalogue import gettext

from .options import GenerationOptions

PADDING, START, END = 0, 1, 2
"""What the first three tokens mean."""

Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(sources int64 (N, S), targets so far int64 (N, T)) -> how likely each token comes next (N, T, V)."""

Follow = Callable[[np.ndarray, Optional[np.ndarray]], np.ndarray]
"""(targets so far int64 (M, T), rows int64 (M,) or None) -> how likely each token comes next (M, V).

Each call's targets are one token longer than those of the last call, and `rows` says which of those each of
them continues: None where each continues the one in its own row. The first call has a target for each source.
"""

Begin = Callable[[np.ndarray], Follow]
"""Sources int64 (N, S) -> what writes their targets."""


def whole(predict: Predict) -> Begin:
    """Return what runs a whole network for each token."""

    def begin(source: np.ndarray) -> Follow:
        given = source

        def follow(targets: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
            nonlocal given
            if rows is not None:
                given = given[rows]
            return predict(given, targets)[:, -1]

        return follow

    return begin


def check_translates(card: ModelCard, kind: ModelKind, name: str) -> None:
    """Refuse a model that is not from sequence to sequence.

    Raises:
        CardError: The message says what it does.
    """
    if not kind.takes_target:
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: expected a model from sequence to sequence, got one from {input!r} to {output!r}. "
            "Use model.{call}().",
            name=name,
            input=kind_name(card.input.kind),
            output=kind_name(card.output.kind),
            call=kind.call,
        )


def translate(begin: Begin, spec: InputSpec, options: GenerationOptions) -> list[int] | list[list[int]]:
    """Write the targets of sources.

    Args:
        begin: Runs the network.
        spec: What the network takes.
        options: The sources, the longest target, and how many beginnings are followed at once.

    Returns:
        A list of tokens for each source, without start and end; for a single source that list alone.

    Raises:
        InputError: A token is not in the vocabulary, a source is empty or too long, or an option is out of
            range.
    """
    sources, single = read_sources(options.prompt, spec)
    longest, max_length = spec.max_length, options.max_length
    if max_length is None:
        max_length = longest or 2 * sources.shape[1] + 10
    if longest is not None and max_length > longest:
        raise InputError.coded(
            "E-INPUT-06",
            "max_length={max_length}: expected at most {longest}, the longest target that the network "
            "can write.",
            max_length=max_length,
            longest=longest,
        )
    written = [_cut(tokens) for tokens in search(begin, sources, max_length, options.beams or 1)]
    return written[0] if single else written


def search(begin: Begin, source: np.ndarray, max_length: int, beams: int = 1) -> np.ndarray:
    """Look for the likeliest target of each source.

    At each step every beginning is continued by every token, and of all these the `beams` likeliest are
    kept; how likely one is, is the product of its tokens' probabilities. Since that only ever falls, a
    source is done when its likeliest beginning has reached its end.

    Args:
        begin: Runs the network.
        source: int64 (N, S).
        max_length: How many tokens to write at most.
        beams: How many beginnings are followed.

    Returns:
        int64 (N, T), T <= max_length: the likeliest target of each; after its end there is padding.
    """
    if beams == 1:
        return _greedy(begin(source), len(source), max_length)
    count = len(source)
    tokens = np.full((count, 1, 1), START, np.int64)  # (N, beams, time)
    scores = np.zeros((count, 1))  # log of how likely each beginning is, best first
    ended = np.zeros((count, 1), bool)
    follow, rows = begin(source), None
    row = np.arange(count)[:, np.newaxis]
    for _ in range(max_length):
        width, steps = tokens.shape[1:]
        said = follow(tokens.reshape(count * width, steps), rows)
        total = scores[:, :, np.newaxis] + _logarithms(said.reshape(count, width, -1), ended)
        size = total.shape[2]
        best = _largest(total.reshape(count, -1), beams)
        beam, token = best // size, best % size
        scores = total[row, beam, token]
        tokens = np.concatenate([tokens[row, beam], token[:, :, np.newaxis]], axis=2)
        ended = ended[row, beam] | (token == END)
        rows = (row * width + beam).reshape(-1)
        if ended[:, 0].all():
            break
    return np.asarray(tokens[:, 0, 1:])


def _greedy(follow: Follow, count: int, max_length: int) -> np.ndarray:
    """Always take the likeliest token; what `search` finds with one beam, without logarithms."""
    tokens = np.full((count, max_length + 1), PADDING, np.int64)
    tokens[:, 0] = START
    ended = np.zeros(count, bool)
    for step in range(1, max_length + 1):
        said = follow(tokens[:, :step], None)
        _check_finite(said)
        token = np.maximum(said[:, END:], 0).argmax(axis=1) + END
        token[ended] = PADDING
        tokens[:, step] = token
        ended |= token == END
        if ended.all():
            break
    return tokens[:, 1 : step + 1]


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return where the largest values of each row (N, V) are, largest first, equal ones in order."""
    if count >= values.shape[1]:
        return np.argsort(-values, axis=1, kind="stable")
    least = -np.partition(-values, count - 1, axis=1)[:, count - 1]
    found = np.empty((len(values), count), np.int64)
    for place, (row, low) in enumerate(zip(values, least)):
        some = np.flatnonzero(row >= low)
        found[place] = some[np.argsort(-row[some], kind="stable")[:count]]
    return found


def _check_finite(probabilities: np.ndarray) -> None:
    """Refuse probabilities that are not finite.

    Raises:
        InputError: They are not.
    """
    if not np.isfinite(probabilities).all():
        raise InputError.coded(
            "E-INPUT-08",
            "expected finite probabilities of tokens from the network, got NaN or infinite ones. Train "
            "it again with a smaller lr.",
        )


def _logarithms(probabilities: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """Return float64 logarithms (N, beams, V) of what may come next.

    Padding and start never do; after an end there is nothing but padding, which costs nothing.

    Raises:
        InputError: The probabilities are not finite.
    """
    _check_finite(probabilities)
    found = np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float64).tiny))
    found[:, :, (PADDING, START)] = -np.inf
    found[ended] = -np.inf
    found[ended, PADDING] = 0.0
    return found


def read_sources(source: object, spec: InputSpec) -> tuple[np.ndarray, bool]:
    """Return sources as int64 (N, S), short ones filled up, and whether it was a single one."""
    if isinstance(source, np.ndarray) and source.dtype == object:
        source = source.tolist()  # what NumPy makes of sources that differ in length
    given: Any = without_gradient(source)
    if given is None or isinstance(given, (str, dict)):
        raise _wrong_source(type(given).__name__)
    is_rows = isinstance(given, (list, tuple)) and any(map(_is_nested, given))
    if is_rows and not all(_is_nested(row) and not any(map(_is_nested, row)) for row in given):
        raise _wrong_source(gettext("lists of different depth"))
    array = None if is_rows else np.asarray(given)
    rows = [np.asarray(row) for row in (given if array is None or array.ndim == 2 else [array])]
    if not rows:
        raise InputError.coded(
            "E-INPUT-04", "source: expected at least one sequence of token ids, got an empty list."
        )
    for number, row in enumerate(rows):
        _check_row(f"source[{number}]" if len(rows) > 1 else "source", row, spec)
    sources = np.full((len(rows), max(map(len, rows))), PADDING, np.int64)
    for filled, row in zip(sources, rows):
        filled[: len(row)] = row
    return sources, array is not None and array.ndim != 2


def _wrong_source(got: str, name: str = "source") -> InputError:
    return InputError.coded(
        "E-INPUT-05",
        "{name}: expected the token ids of one source, [5, 7], or of several, [[5, 7], [8]], got {got}.",
        name=name,
        got=got,
    )


def _is_nested(value: object) -> bool:
    return isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) > 0


def _check_row(name: str, row: np.ndarray, spec: InputSpec) -> None:
    if row.ndim == 1 and not len(row):
        raise InputError.coded(
            "E-INPUT-04", "{name}: expected at least one token id, got an empty sequence.", name=name
        )
    if row.ndim != 1 or row.dtype.kind not in "iufO":
        raise _wrong_source(f"{row.dtype} {row.shape}", name)
    try:
        check_tokens(row, spec)
    except InputError as error:
        raise InputError(located(name, error)) from error


def _cut(tokens: np.ndarray) -> list[int]:
    """Return the tokens before the end."""
    ends = np.flatnonzero(tokens == END)
    return [int(token) for token in (tokens[: ends[0]] if len(ends) else tokens)]
