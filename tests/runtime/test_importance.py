"""Permutation importance, against what the small models do with their columns.

table.onnx scores (x, y, y / 2 - x): see make_models.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.errors import CardError, DataError, InputError

DRAW = np.random.RandomState(0)
ROWS = DRAW.standard_normal((60, 2)).astype(np.float32)
CLASSES = [0 if x > y else 1 for x, y in ROWS]


def test_importance_is_the_mean_fall_of_the_score(open_model):
    model = open_model("table")
    found = model.feature_importance(ROWS, CLASSES, repeats=4, seed=3)
    right = model.infer(ROWS).argmax(1) == CLASSES
    assert found.score == "accuracy"
    assert found.baseline == pytest.approx(right.mean())
    draw = np.random.RandomState(3)
    for place in range(2):
        for number in range(4):
            shuffled = ROWS.copy()
            shuffled[:, place] = ROWS[draw.permutation(60), place]
            score = (model.infer(shuffled).argmax(1) == CLASSES).mean()
            assert found.falls[place, number] == pytest.approx(found.baseline - score)
    assert found.mean == pytest.approx(dict(zip(("length", "宽"), found.falls.mean(1))))
    assert found.std == pytest.approx(dict(zip(("length", "宽"), found.falls.std(1))))
    assert list(found.mean.values()) == sorted(found.mean.values(), reverse=True)
    np.testing.assert_array_equal(
        model.feature_importance(ROWS, CLASSES, repeats=4, seed=3).falls, found.falls
    )


def test_values_are_scored_by_r2_and_columns_without_names_are_counted(open_model):
    model = open_model("values")
    found = model.feature_importance(ROWS, model.infer(ROWS), repeats=2)
    assert (found.score, found.baseline) == ("r2", pytest.approx(1))
    assert found.columns == ("column 1", "column 2")
    assert (found.falls > 0.1).all()


def test_all_that_a_column_becomes_is_shuffled_together(open_model):
    model = open_model("mixed")
    rows = [
        [float(number), ("Oslo", "上海", None)[number % 3], f"20{number:02}-03-04", number % 2 == 0]
        for number in range(20)
    ]
    found = model.feature_importance(rows, model.infer(rows), repeats=3)
    assert found.columns == ("size", "town", "built", "garden")
    assert found.falls.shape == (4, 3)
    assert all(fall > 0 for fall in found.mean.values())


def test_the_labels_of_a_file(open_model, tmp_path):
    lines = [f"{x},{y},{'ab'[label]}" for (x, y), label in zip(ROWS, CLASSES)]
    path = tmp_path / "a.csv"
    path.write_text("length,宽,label\n" + "\n".join(lines), encoding="utf-8")
    found = open_model("table").feature_importance(str(path))
    expected = open_model("table").feature_importance(ROWS, CLASSES)
    np.testing.assert_allclose(found.falls, expected.falls)


def test_it_reads_as_a_table_with_bars(open_model):
    found = open_model("table").feature_importance(ROWS, CLASSES)
    title, first, second = str(found).splitlines()
    assert title.startswith("accuracy 0.")
    assert first.split()[0] == next(iter(found.mean))
    assert first.count("█") == 20 >= second.count("█")


@pytest.mark.parametrize(
    ("name", "data", "options", "error", "message"),
    [
        ("image_classifier", np.zeros((1, 4, 4, 3), np.uint8), {}, CardError, "expected a model of tables"),
        ("sequence", ROWS, {}, CardError, "expected a model of tables"),
        ("table", ROWS, {}, DataError, "expected a label for each row, got none"),
        ("table", ROWS, {"labels": [0]}, DataError, r"labels: expected one for each sample \(60\), got 1"),
        ("table", ROWS[:1], {"labels": [0]}, DataError, "expected two or more rows"),
        ("table", ROWS[:, :1], {"labels": CLASSES}, InputError, "expected 2 columns"),
        ("table", ROWS, {"labels": CLASSES, "repeats": 0}, InputError, "repeats=0: expected an integer"),
        ("table", ROWS, {"labels": CLASSES, "seed": -1}, InputError, "seed=-1: expected an integer"),
        ("table", "nowhere.csv", {}, InputError, "no such file"),
    ],
)
def test_what_has_no_importance_is_refused(open_model, name, data, options, error, message):
    with pytest.raises(error, match=message):
        open_model(name).feature_importance(data, **options)
