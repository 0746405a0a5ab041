"""What a model returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Mapping, NamedTuple

import numpy as np

from onnxnn_runtime.messages.shapes import shape_text

from .api.calls import checked_class
from .card.card import ModelCard
from .card.labels import UNKNOWN, best_classes, label_of
from .card.words import kind_name
from .errors import CardError
from .inputs.folders import Skipped
from .messages.catalogue import gettext, ngettext
from .messages.suggestions import RESULT_ATTRIBUTES, RESULTS_ATTRIBUTES

SHOWN = 20
"""Predictions that a long list shows of itself."""


@checked_class(RESULT_ATTRIBUTES)
@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says about one input.

    A model that classifies each step of a sequence gives `label`, `score` and `index` as lists, one entry
    for each step.

    Args:
        name: The input: a path, or "input[3]".
        label: The best class, or None where the model returns values.
        score: Its score; None where the model returns values. For a binary model the score of the
            class that was chosen.
        index: Its class index; None where the model returns values.
        top: The k best (label, score), best first; () where the model returns values, or classifies steps.
        values: Each target's value; {} where the model returns classes.
        scores: The model's output for this input, float32.
        score_kind: What `score` and `top` hold: "probability", or "raw score", a number of any size, where
            the model was trained without softmax or sigmoid.
        distance: With `unknown=True` how far the input is from the training samples, in thresholds from 0:
            above 1 `label` is "unknown" and `index` None, while `score` and `top` stay those of the classes
            that are nearest; else None. See `onnxnn_runtime.unknown`.
    """

    name: str
    label: str | list[str] | None
    score: float | list[float] | None
    index: int | list[int] | None
    top: tuple[tuple[str, float], ...]
    values: Mapping[str, float]
    scores: np.ndarray
    score_kind: str = "probability"
    distance: float | None = None


@checked_class(RESULTS_ATTRIBUTES)
class Predictions(List[Prediction]):
    """A list of `Prediction`, one per input in order; `skipped` lists what was left out."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped: list[Skipped] = []

    def __repr__(self) -> str:
        shown = ", ".join(repr(each) for each in self[:SHOWN])
        more = gettext(", ... {number} in all", number=len(self)) if len(self) > SHOWN else ""
        left_out = gettext(" ({number} left out)", number=len(self.skipped)) if self.skipped else ""
        return f"[{shown}{more}]{left_out}"

    def _repr_html_(self) -> str:
        from .messages.html import table

        rows = ((each.name, *_shown(each)) for each in self)
        is_raw = any(each.score_kind == "raw score" for each in self)
        headings = (gettext("name"), gettext("label"), gettext("raw score") if is_raw else gettext("score"))
        title = ngettext("{count} prediction", "{count} predictions", len(self))
        return table(title, headings, rows, len(self))


@checked_class()
class Embeddings(NamedTuple):
    """Vectors float32 (N, D), the name of each, and what was left out.

    Args:
        vectors: float32 (N, D).
        names: The input of each vector: a path, or "input[3]".
        skipped: The inputs that were left out.
    """

    vectors: np.ndarray
    names: list[str]
    skipped: list[Skipped]

    def __repr__(self) -> str:
        return gettext(
            "<Embeddings: {vectors} {shape}, {skipped} left out>",
            vectors=ngettext("{count} vector", "{count} vectors", len(self.names)),
            shape=shape_text(self.vectors.shape),
            skipped=len(self.skipped),
        )


def _shown(each: Prediction) -> tuple[object, object]:
    """Return the label and the score of a prediction, or its values, as a table shows them."""
    if each.label is None:
        return ", ".join(f"{name} {value:.4g}" for name, value in each.values.items()), ""
    if each.distance is not None and each.distance > 1:
        return gettext("unknown"), ""
    return each.label, each.score


def prediction(
    card: ModelCard, name: str, scores: np.ndarray, k: int, distance: float | None = None
) -> Prediction:
    """Return what a model's output for one input means.

    Args:
        card: What the model says about its output.
        name: The input.
        scores: float32, the output.
        k: How many classes to name.
        distance: How far it is from the training samples, in thresholds: above 1 it is unknown; None where
            that was not asked for.
    """
    flat, kind = scores.reshape(-1), card.output.scores
    if card.output.kind == "values":
        targets = card.output.targets
        labels = [targets[i] if i < len(targets) else f"value {i}" for i in range(len(flat))]
        return Prediction(name, None, None, None, (), dict(zip(labels, map(float, flat))), scores)
    if len(card.output.shape) == 3:
        best = [best_classes(card.output, step)[0] for step in scores]
        return Prediction(
            name,
            [label_of(card.output.classes, i) for i, _ in best],
            [each for _, each in best],
            [i for i, _ in best],
            (),
            {},
            scores,
            kind,
        )
    best = best_classes(card.output, flat, k)
    top = tuple((label_of(card.output.classes, i), score) for i, score in best)
    if distance is None or distance <= 1:
        return Prediction(name, top[0][0], top[0][1], best[0][0], top, {}, scores, kind, distance)
    return Prediction(name, UNKNOWN, top[0][1], None, top, {}, scores, kind, distance)


def check_predicts(card: ModelCard, name: str) -> None:
    """Refuse a model whose output is no class and no value.

    Args:
        card: What the model says about its output.
        name: What errors call the model.

    Raises:
        CardError: It is one; the message says which call it has.
    """
    from .card.kind import ModelKind  # here, so that the package is imported faster

    output, call = card.output, ModelKind(card).call
    other = f"{call}()"
    if call == "infer":
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: predict() expected an output of classes or values, got one of the kind {kind}. "
            "Use infer().",
            name=name,
            kind=repr(kind_name(output.kind)),
        )
    if call != "predict":
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: predict() expected an output of classes or values, got one of the kind {kind}. "
            "Use {other} or infer().",
            name=name,
            kind=repr(kind_name(output.kind)),
            other=other,
        )
    if output.kind != "values" and len(output.shape) > 3:
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: predict() expected one class for a sample, got classes for each part of it "
            "{shape}. Use infer().",
            name=name,
            shape=shape_text(output.shape),
        )
