"""Permutation importance: how much worse a model is where it cannot see a column of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping

import numpy as np

from .arrays.numbers import check_integer
from .card.words import kind_name
from .errors import CardError, DataError, InputError
from .messages.catalogue import gettext
from .messages.columns import aligned
from .messages.shapes import shape_text

if TYPE_CHECKING:
    from .card.card import ModelCard
    from .opened import Opened

_ROWS = 4096
_BAR = 20
"""Characters of the longest bar."""


@dataclass(frozen=True)
class FeatureImportance:
    """How much a model's score falls where one column of a table is shuffled.

        found = model.feature_importance("test.csv")
        print(found)                              # the columns, the most important first
        found.mean["size"], found.std["size"]

    Args:
        score: What is measured: "accuracy", the share of rows whose class is right; or "r2", the
            coefficient of determination, of several targets their mean.
        baseline: The score on the rows as they are.
        columns: The names of the columns.
        falls: By how much the score falls, float64 (columns, repeats).
    """

    score: str
    baseline: float
    columns: tuple[str, ...]
    falls: np.ndarray

    @property
    def mean(self) -> Mapping[str, float]:
        """The importance of each column: the mean of the falls, the largest first."""
        means = self.falls.mean(axis=1)
        return {self.columns[place]: float(means[place]) for place in np.argsort(-means, kind="stable")}

    @property
    def std(self) -> Mapping[str, float]:
        """The standard deviation of each column's falls, with their number in the divisor."""
        return dict(zip(self.columns, self.falls.std(axis=1).tolist()))

    def __str__(self) -> str:
        mean, std = self.mean, self.std
        largest = max(max(mean.values()), 1e-12)
        rows = [
            (name, f"{fall:.4f}", f"± {std[name]:.4f}", "█" * round(_BAR * max(fall, 0) / largest))
            for name, fall in mean.items()
        ]
        title = gettext(
            "{score} {baseline:.4f}; it falls by so much where a column is shuffled:",
            score=self.score,
            baseline=self.baseline,
        )
        return "\n".join([title, *aligned(rows, right=(1,))])


def feature_importance(
    self: Opened, data: object, labels: object = None, *, repeats: int = 5, seed: int = 0
) -> FeatureImportance:
    """Return how much worse the model is where it cannot see a column of a table: permutation importance.

        print(model.feature_importance("test.csv"))

    A column's values are shuffled among the rows, which leaves their distribution and breaks what they have
    to do with the label; by how much the score falls is the column's importance (Breiman, "Random Forests",
    2001, section 10; scikit-learn's `permutation_importance`). All that one column becomes, such as the
    parts of a date, is shuffled together. Columns that say the same stand in for each other, so that both
    seem to matter little. Take rows that the model did not learn from.

    Args:
        data: A CSV file with its label column, a `.npz` file, or rows as for `predict`, with `labels`.
        labels: The label of each row: class names, class indices, or values; None takes those of `data`.
        repeats: How often each column is shuffled.
        seed: Says how, from 0; the same seed gives the same numbers.

    Raises:
        CardError: The file has no card, or it is no model of tables that classifies or returns values.
        DataError: There are no labels, or they do not match the model.
        InputError: A row does not match the model, or an option is out of range.
    """
    from .labelled.samples import read_samples  # here, so that models open without it

    check_integer("repeats", repeats)
    check_integer("seed", seed, 0, 2**32 - 1)
    card = self._require_card("feature_importance")
    if card.input.kind != "table" or card.output.kind not in ("classes", "binary", "values"):
        raise CardError.coded(
            "E-INPUT-08",
            "{name}: expected a model of tables that classifies or returns values, got one for {kind} that "
            "returns {output}. Use report() for it.",
            name=self.name,
            kind=kind_name(card.input.kind),
            output=kind_name(card.output.kind),
        )
    samples = read_samples(data, card, labels)
    if samples.labels is None:
        raise DataError.coded(
            "E-DATA-05",
            "feature_importance(): expected a label for each row, got none. Give labels=, or a CSV file with "
            "its label column.",
        )
    rows, right = np.concatenate(list(samples.batches())), samples.labels
    known = right >= 0 if card.output.kind != "values" else np.ones(len(rows), bool)
    if not known.any() or len(rows) < 2:
        raise DataError.coded(
            "E-DATA-12",
            "feature_importance(): expected two or more rows with a class of the model, got {count}. Give "
            "more rows.",
            count=int(known.sum()),
        )
    return _measured(self, card, rows[known], right[known], (repeats, seed))


def _measured(
    model: Opened, card: ModelCard, rows: np.ndarray, right: np.ndarray, asked: tuple[int, int]
) -> FeatureImportance:
    repeats, seed = asked
    names, blocks = _blocks(card, rows.shape[1])
    draw = np.random.RandomState(seed)
    baseline = _score(model, card, rows, right)
    falls = np.empty((len(blocks), repeats))
    for place, block in enumerate(blocks):
        for number in range(repeats):
            shuffled = rows.copy()
            shuffled[:, block] = rows[draw.permutation(len(rows))][:, block]
            falls[place, number] = baseline - _score(model, card, shuffled, right)
    return FeatureImportance(_name(card), baseline, names, falls)


def _blocks(card: ModelCard, width: int) -> tuple[tuple[str, ...], list[slice]]:
    """Return the names of a table's columns, and which numbers of a row each becomes."""
    columns = card.input.columns
    if not columns:
        names = card.input.features or tuple(
            gettext("column {number}", number=place + 1) for place in range(width)
        )
        return tuple(names), [slice(place, place + 1) for place in range(width)]
    found, start = [], 0
    for place, column in enumerate(columns):
        if column.is_used:
            name = column.name or gettext("column {number}", number=place + 1)
            found.append((name, slice(start, start + column.width)))
        start += column.width
    return tuple(name for name, _ in found), [block for _, block in found]


def _name(card: ModelCard) -> str:
    return "r2" if card.output.kind == "values" else "accuracy"


def _score(model: Opened, card: ModelCard, rows: np.ndarray, right: np.ndarray) -> float:
    """Return the accuracy of classes, or the mean R² of values."""
    from .report.figures import decided, r2

    (name,) = model._engine.arrays
    scores = np.concatenate(
        [model._engine.run_first({name: rows[start : start + _ROWS]}) for start in range(0, len(rows), _ROWS)]
    )
    if card.output.kind != "values":
        found = decided(scores)
        if found.ndim > 1:
            raise InputError.coded(
                "E-INPUT-08",
                "feature_importance(): expected one class for each row, got {shape}. Use report().",
                shape=shape_text(found.shape),
            )
        return float(np.mean(found == right))
    values = np.asarray(scores, np.float64).reshape(len(scores), -1)
    return float(np.mean(r2(right.reshape(values.shape), values)))
