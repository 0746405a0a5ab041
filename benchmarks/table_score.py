"""A table with categories, gaps and dates, default settings, against scikit-learn's pipeline in the same run.

    python benchmarks/table_score.py [SEEDS]

Houses of known structure: the price depends on size, age, town, season of the sale and garden; a tenth of the
sizes and a twentieth of the towns are missing, of expensive houses more often. Ours: `load_tab_data` and one
hidden layer of 100, `train()` as it is. scikit-learn: SimpleImputer (median, with an indicator) and
StandardScaler for numbers and the parts of dates, OneHotEncoder for texts, MLPClassifier or MLPRegressor with
its 100 hidden units, targets scaled. Both learn from the same rows and are scored on the same others:
accuracy of "expensive", R² of the price.
Reach: within 0.02 of scikit-learn's score, on average over the seeds.
"""

from __future__ import annotations

import csv
import datetime
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from quick import quick_or
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from onnxnn import nn

ROWS = quick_or(200, 3000)
TOWNS = {"Oslo": 90.0, "Bergen": 60.0, "Bodø": 20.0, "Tromsø": 30.0, "上海": 120.0, "Paris": 110.0}
HEADING = ("size", "rooms", "town", "built", "sold", "garden")

Row = tuple[Any, ...]


def houses(seed: int) -> tuple[list[Row], np.ndarray]:
    """Return rows with gaps, "" in them, and the price of each."""
    draw = np.random.default_rng(seed)
    rows, prices = [], []
    for _ in range(ROWS):
        size, town = draw.uniform(30, 200), list(TOWNS)[draw.integers(len(TOWNS))]
        rooms = max(1, round(size / 30 + draw.normal()))
        built = datetime.date(
            int(draw.integers(1950, 2021)), int(draw.integers(1, 13)), int(draw.integers(1, 29))
        )
        sold = datetime.date(2024, int(draw.integers(1, 13)), int(draw.integers(1, 29)))
        garden = bool(draw.integers(2))
        age = 2024 - built.year
        price = (
            2 * size + TOWNS[town] * (1 + size / 200) - 0.8 * age + 25 * np.sin(sold.month / 12 * 2 * np.pi)
        )
        price += 40 * garden * (size > 100) + draw.normal(0, 10)
        gap = draw.random() < (0.16 if price > 300 else 0.04)
        rows.append(
            (
                "" if gap else round(size, 1),
                rooms,
                "" if draw.random() < 0.05 else town,
                built.isoformat(),
                sold.isoformat(),
                "yes" if garden else "no",
            )
        )
        prices.append(price)
    return rows, np.array(prices)


def ours(task: str, rows: list[Row], y: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int) -> float:
    """Return the score of our network."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("train.csv", "test.csv")]
        for path, part in zip(paths, (train, test), strict=True):
            with open(path, "w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([(*HEADING, "label"), *((*rows[i], y[i]) for i in part)])
        model = nn(task, verbose=0)
        model.set_seed(seed)
        model.load_tab_data(paths[0])
        model.add("linear", size=(None, 100), activation="relu")
        model.add("linear", size=(None, 1 if task == "reg" else 2))
        if task == "cls":
            model.add(activation="softmax")
        model.train(save_fold=folder)
        found = model.inference(str(paths[1]))
    if task == "cls":
        classes = np.array(model.card().output.classes)
        return float((classes[found.argmax(1)] == y[test]).mean())
    return r2(found[:, 0], y[test])


def r2(found: np.ndarray, y: np.ndarray) -> float:
    """Return the coefficient of determination."""
    y = y.astype(np.float64)
    return float(1 - ((found - y) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def theirs(
    task: str, rows: list[Row], y: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int
) -> float:
    """Return the score of scikit-learn's pipeline."""
    table = np.array([_as_sklearn(row) for row in rows], object)
    numbers = [column for column in range(table.shape[1]) if column != 2]
    columns = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
                numbers,
            ),
            ("texts", OneHotEncoder(handle_unknown="ignore"), [2]),
        ]
    )
    if task == "cls":
        model = make_pipeline(columns, MLPClassifier(random_state=seed))
    else:
        model = make_pipeline(
            columns, TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(table[train], y[train])
    return float(model.score(table[test], y[test]))


def _as_sklearn(row: Row) -> list[object]:
    """Return a row with NaN for gaps, the parts of dates and 0 or 1 for the garden."""
    size, rooms, town, built, sold, garden = row
    parts = []
    for text in (built, sold):
        day = datetime.date.fromisoformat(text)
        parts += [day.year, day.month, day.day, day.weekday()]
    return [np.nan if size == "" else size, rooms, town or "missing", *parts, int(garden == "yes")]


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else quick_or(1, 5)
    for task, score in (("cls", "accuracy"), ("reg", "R²")):
        pairs = []
        for seed in range(seeds):
            rows, prices = houses(seed)
            expensive = np.where(prices > np.median(prices), "expensive", "cheap")
            y = expensive if task == "cls" else np.round(prices, 2)
            order = np.random.default_rng(seed).permutation(ROWS)
            train, test = np.sort(order[: ROWS * 3 // 4]), np.sort(order[ROWS * 3 // 4 :])
            pairs.append([part(task, rows, y, train, test, seed) for part in (ours, theirs)])
            print(f"{score}, seed {seed}: ours {pairs[-1][0]:.4f}, scikit-learn {pairs[-1][1]:.4f}")
        own, other = np.mean(pairs, axis=0)
        print(f"{score}, mean of {seeds}: ours {own:.4f}, scikit-learn {other:.4f}, {own - other:+.4f}")


if __name__ == "__main__":
    main()
