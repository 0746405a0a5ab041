"""The report of a model that classifies samples, or each of their steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterable, Sequence

import numpy as np

from onnxnn_runtime.card.card import ModelCard, OutputSpec
from onnxnn_runtime.card.labels import best_classes, label_of
from onnxnn_runtime.errors import DataError

from .figures import Calibration, calibration, confusion, decided, per_class, share, wilson
from .shown import LEAST_CERTAIN, WORST
from .wrong_labels import doubted

_SUM = 1e-2
"""How far from 1 the sum of probabilities may be."""


@dataclass(frozen=True)
class Classified:
    """What a model said about samples.

    Args:
        names: The name of each sample.
        labels: int64 (N,), what they are.
        scores: float32 (N, classes), or (N, 1) of a binary model.
    """

    names: Sequence[str]
    labels: np.ndarray
    scores: np.ndarray


def class_names(output: OutputSpec, num: int) -> list[str]:
    """Return the names of `num` classes; the index of one without a name."""
    return [label_of(output.classes, i) for i in range(num)]


def num_classes(output: OutputSpec, width: int) -> int:
    """Return how many classes a model distinguishes whose output has this many scores."""
    return 2 if width == 1 else max(width, len(output.classes))


def check_labels(labels: np.ndarray, num: int) -> None:
    """Refuse indices beyond the classes of a model.

    Raises:
        DataError: There are such.
    """
    if labels.size and int(labels.max()) >= num:
        raise DataError.coded(
            "E-DATA-05",
            "labels: expected class indices 0..{last}, those of the model, got {got}. Check the labels, or "
            "take "
            "the model that was trained on them.",
            last=num - 1,
            got=int(labels.max()),
        )


def classified(found: Classified, card: ModelCard) -> dict[str, object]:
    """Return the figures and lists of a report.

    Args:
        found: What the model said.
        card: The model's card.

    Raises:
        DataError: A label is beyond the classes of the model.
    """
    output, scores = card.output, _two_columns(found.scores)
    num = num_classes(output, found.scores.shape[1])
    check_labels(found.labels, num)
    predicted = decided(found.scores)
    right = predicted == found.labels
    own = scores[np.arange(len(scores)), predicted]
    are_probabilities = output.scores == "probability"
    names = class_names(output, num)
    listed = _Listed(found, scores, predicted, names)
    return {
        **matrix_figures(found.labels, predicted, names),
        "accuracy_interval": list(wilson(int(right.sum()), len(right))),
        "calibration": _calibration(calibration(own, right)) if are_probabilities else None,
        "worst": listed.entries(_worst(right, own)),
        "least_certain": listed.entries(_least_certain(scores)),
        "probably_wrong_labels": listed.doubted() if _are_shares(scores, are_probabilities) else None,
    }


def matrix_figures(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> dict[str, object]:
    """Return accuracy, the figures of each class, their means and the confusion matrix.

    Args:
        labels: int64 (N,).
        predicted: int64 (N,).
        names: Those of the classes.
    """
    matrix = confusion(labels, predicted, len(names))
    figures = per_class(matrix)
    macro = figures.macro()
    columns = (figures.precision, figures.recall, figures.f1, figures.support, figures.predicted)
    return {
        "samples": len(labels),
        "right": int((labels == predicted).sum()),
        "accuracy": share(labels == predicted),
        "macro": dict(zip(("precision", "recall", "f1"), macro)),
        "classes": [
            {
                "name": name,
                "precision": float(precision),
                "recall": float(recall),
                "f1": float(f1),
                "support": int(support),
                "predicted": int(count),
            }
            for name, precision, recall, f1, support, count in zip(names, *columns)
        ],
        "confusion": matrix.tolist(),
    }


def steps_classified(
    names: Sequence[str],
    labels: Sequence[np.ndarray],
    predicted: Sequence[np.ndarray],
    card: ModelCard,
    num: int,
) -> dict[str, object]:
    """Return the figures and lists of a report on the steps of sequences.

    Args:
        names: The name of each sequence.
        labels: int64 (T,), the classes of its steps.
        predicted: The same of the predictions.
        card: The model's card.
        num: How many classes the model has.
    """
    for each in labels:
        check_labels(each, num)
    right = [here == there for here, there in zip(labels, predicted)]
    longest = max(map(len, right))
    steps = [share(np.array([each[step] for each in right if len(each) > step])) for step in range(longest)]
    shares = [share(each) for each in right]
    order = [place for place in np.argsort(shares, kind="stable").tolist() if shares[place] < 1]
    whole = sum(bool(each.all()) for each in right)
    classes = class_names(card.output, num)
    return {
        **matrix_figures(np.concatenate(list(labels)), np.concatenate(list(predicted)), classes),
        "sequences": len(right),
        "sequences_right": whole,
        "sequences_right_interval": list(wilson(whole, len(right))),
        "step_accuracy": steps,
        "worst": [
            {
                "name": names[place],
                "accuracy": shares[place],
                "label": [classes[i] for i in labels[place].tolist()],
                "predicted": [classes[i] for i in predicted[place].tolist()],
            }
            for place in order[:WORST]
        ],
    }


@dataclass(frozen=True)
class _Listed:
    """Single samples as the report lists them."""

    found: Classified
    scores: np.ndarray
    predicted: np.ndarray
    names: Sequence[str]

    def entries(self, places: Iterable[int]) -> list[dict[str, object]]:
        return [self._entry(place) for place in places]

    def _entry(self, place: int) -> dict[str, object]:
        label, score, said = int(self.found.labels[place]), self.scores[place], int(self.predicted[place])
        best = best_classes(OutputSpec("classes", ()), score, 2)
        other = next((each for each in best if each[0] != said), None)  # of equal scores not the same again
        return {
            "name": self.found.names[place],
            "label": self.names[label],
            "predicted": self.names[said],
            "score": float(score[said]),
            "label_score": float(score[label]),
            "second": None if other is None else self.names[other[0]],
            "second_score": None if other is None else other[1],
        }

    def doubted(self) -> list[dict[str, object]]:
        places, likely = doubted(self.scores, self.found.labels)
        return [
            {
                "name": self.found.names[place],
                "label": self.names[int(self.found.labels[place])],
                "probably": self.names[other],
                "score": float(self.scores[place, other]),
                "label_score": float(self.scores[place, int(self.found.labels[place])]),
            }
            for place, other in zip(places.tolist(), likely.tolist())
        ]


def _two_columns(scores: np.ndarray) -> np.ndarray:
    """Return one score for each class also of a binary model."""
    flat = scores.reshape(len(scores), -1)
    return np.concatenate([1 - flat, flat], axis=1) if flat.shape[1] == 1 else flat


def _are_shares(scores: np.ndarray, are_probabilities: bool) -> bool:
    """Return whether scores are probabilities that sum up to 1, as confident learning needs them."""
    return are_probabilities and bool((np.abs(scores.sum(axis=1) - 1) <= _SUM).all())


def _worst(right: np.ndarray, own: np.ndarray) -> list[int]:
    """Return the mistakes, those that the model was most certain of first."""
    wrong = np.flatnonzero(~right)
    found: list[int] = wrong[np.argsort(-own[wrong], kind="stable")][:WORST].tolist()
    return found


def _least_certain(scores: np.ndarray) -> list[int]:
    """Return the samples whose two best scores are nearest to each other."""
    best = np.sort(scores, axis=1)
    margin = best[:, -1] - best[:, -2] if scores.shape[1] > 1 else np.zeros(len(scores))
    found: list[int] = np.argsort(margin, kind="stable")[:LEAST_CERTAIN].tolist()
    return found


def _calibration(found: Calibration) -> dict[str, object]:
    bins = zip(found.count, found.confidence, found.accuracy)
    return {
        "error": found.error,
        "bins": [
            {
                "samples": count,
                "score": None if math.isnan(score) else score,
                "accuracy": None if math.isnan(accuracy) else accuracy,
            }
            for count, score, accuracy in bins
        ],
    }
