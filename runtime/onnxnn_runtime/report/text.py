"""The report of a model that continues texts: how well it predicts each next token."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from typing import Sequence

import numpy as np

from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.card.tokens import token_count
from onnxnn_runtime.errors import DataError, InputError
from onnxnn_runtime.files.access import regular_file
from onnxnn_runtime.files.paths import expanded
from onnxnn_runtime.inputs.folders import Skipped, skipped_for
from onnxnn_runtime.inputs.reading import Sample, read_sample
from onnxnn_runtime.inputs.samples import find_samples
from onnxnn_runtime.messages.system import system_reason

from .answers import Runner
from .figures import perplexity
from .shown import WORST

_PIECE = 512
"""Tokens that are predicted in one run; a longer text has its states set to zeros after them."""

_LETTERS = 160
"""Characters of a text that are listed."""


def texts_predicted(
    data: object, card: ModelCard, runner: Runner, output: str, skipped: list[Skipped]
) -> dict[str, object]:
    """Return the figures and lists of a report.

    Args:
        data: Texts, tokens, a `.npy` or `.npz` file of tokens, or a `.txt` file with a text in each line.
        card: The model's card.
        runner: Runs the model.
        output: The output with the probabilities of the next token.
        skipped: What was left out is added to it.

    Raises:
        InputError: A text does not match the model.
        DataError: No token follows another one.
    """
    samples = list(find_samples(_lines_of(data), card.input, skipped, runner.options.errors))
    pieces, owners = _pieces(samples, runner, skipped)
    found: list[list[np.ndarray]] = [[] for _ in samples]
    best: list[np.ndarray] = []
    with closing(runner.parts(pieces, [output])) as parts:
        for places, (values,), left_out in parts:
            skipped.extend(left_out)
            for place, probabilities in zip(places, values):
                after = np.asarray(pieces[place].value, np.int64)[1:]
                own = probabilities[np.arange(len(after)), after]
                found[owners[place]].append(own.astype(np.float64))
                best.append(probabilities[: len(after)].argmax(axis=-1) == after)
            if places:
                runner.options.report(places[-1] + 1, len(pieces))
    joined = [np.concatenate(each) for each in found if each]
    if not joined:
        raise DataError.coded(
            "E-DATA-05",
            "expected sequences of two tokens or more, got single ones, which nothing follows. Give whole "
            "texts.",
        )
    owned = [sample for sample, each in zip(samples, found) if each]
    figures = [perplexity(each) for each in joined]
    order = np.argsort([-each for each in figures], kind="stable")[:WORST].tolist()
    return {
        "samples": len(joined),
        "tokens": sum(map(len, joined)),
        "perplexity": perplexity(np.concatenate(joined)),
        "vocabulary": token_count(card.input),
        "accuracy": float(np.concatenate(best).mean()),
        "worst": [
            {
                "name": owned[place].name,
                "text": _text_of(owned[place], card),
                "tokens": len(joined[place]),
                "perplexity": figures[place],
            }
            for place in order
        ],
    }


def _pieces(
    samples: Sequence[Sample], runner: Runner, skipped: list[Skipped]
) -> tuple[list[Sample], list[int]]:
    """Return pieces of texts that a run takes, as ids, and which sample each of them is of.

    The first token of a piece is the last one of the piece before, so that each is predicted once.
    """
    spec, pieces, owners = runner.spec, [], []
    longest = min(_PIECE, spec.max_length or _PIECE)
    for place, sample in enumerate(samples):
        try:
            ids = read_sample(sample, replace(spec, max_length=None, shape=(*spec.shape[:1], "time")))
        except InputError as error:
            if runner.options.errors == "raise":
                raise
            skipped.append(skipped_for(sample.name, error))
            continue
        for start in range(0, max(len(ids) - 1, 0), max(longest - 1, 1)):
            pieces.append(Sample(f"{sample.name}#{start}", ids[start : start + longest]))
            owners.append(place)
    return pieces, owners


def _lines_of(data: object) -> object:
    """Return the lines of a text file; other data as they are."""
    if not isinstance(data, (str, os.PathLike)) or not str(data).lower().endswith(".txt"):
        return data
    path = regular_file(expanded(os.fspath(data)), "file", InputError)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise InputError.coded(
            "E-INPUT-02",
            "{path}: cannot be read as text in UTF-8 ({reason}). Save it again as UTF-8.",
            path=data,
            reason=system_reason(error),
        ) from error
    return [line for line in lines if line.strip()]


def _text_of(sample: Sample, card: ModelCard) -> str:
    """Return the beginning of a text, or its ids."""
    value = sample.value
    if not isinstance(value, str):
        words = {number: word for word, number in (card.input.vocabulary or {}).items()}
        ids = value if isinstance(value, (list, tuple)) else np.asarray(value).reshape(-1).tolist()
        items = ids[:_LETTERS]
        texts = [each if isinstance(each, str) else words.get(each, str(each)) for each in items]
        value = ("" if all(len(each) == 1 for each in texts) else " ").join(texts)
    return value if len(value) <= _LETTERS else value[: _LETTERS - 1] + "…"
