"""The figures of reports equal those of scikit-learn, and what one computes by hand."""

from __future__ import annotations

import numpy as np
import pytest
from onnxnn_runtime.report import figures
from onnxnn_runtime.report.wrong_labels import doubted

SEEDS = range(12)


def made(seed):
    """Return labels, predictions and the number of classes: some classes never occur, some are never said."""
    random = np.random.default_rng(seed)
    num = int(random.integers(2, 7))
    count = int(random.integers(1, 60))
    labels = random.integers(0, max(1, num - seed % 2), count)
    said = np.where(random.random(count) < 0.6, labels, random.integers(0, num, count))
    return labels, said, num


@pytest.mark.parametrize("seed", SEEDS)
def test_the_figures_of_classes_are_those_of_scikit_learn(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    labels, said, num = made(seed)
    matrix = figures.confusion(labels, said, num)
    assert matrix.tolist() == metrics.confusion_matrix(labels, said, labels=range(num)).tolist()
    found = figures.per_class(matrix)
    expected = metrics.precision_recall_fscore_support(labels, said, labels=range(num), zero_division=0)
    for ours, theirs in zip((found.precision, found.recall, found.f1, found.support), expected):
        np.testing.assert_allclose(ours, theirs)
    macro = metrics.precision_recall_fscore_support(labels, said, average="macro", zero_division=0)[:3]
    np.testing.assert_allclose(found.macro(), macro)


@pytest.mark.parametrize("seed", SEEDS)
def test_r2_is_that_of_scikit_learn(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    right = random.normal(size=(int(random.integers(2, 30)), 2)) * [1, 100]
    found = right + random.normal(size=right.shape)
    np.testing.assert_allclose(
        figures.r2(right, found), metrics.r2_score(right, found, multioutput="raw_values")
    )


def test_r2_of_a_constant_column_is_1_where_it_is_met_and_else_0():
    right = np.ones((4, 2))
    assert figures.r2(right, np.array([[1, 2]] * 4)).tolist() == [1, 0]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_area_under_the_curve_is_that_of_scikit_learn(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    known, strange = random.normal(size=20).round(1), random.normal(1, size=7).round(1)
    labels = [0] * len(known) + [1] * len(strange)
    expected = metrics.roc_auc_score(labels, np.concatenate([known, strange]))
    assert figures.auroc(known, strange) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        (8, 10, 0.4901625, 0.9433178),
        (0, 5, 0.0, 0.4344825),
        (5, 5, 0.5655175, 1.0),
        (50, 100, 0.4038315, 0.5961685),
    ],
)
def test_the_interval_is_that_of_wilson(right, total, low, high):
    assert figures.wilson(right, total) == pytest.approx((low, high), abs=1e-6)


def test_calibration_by_hand():
    score = np.array([0.95, 0.95, 0.95, 0.95, 0.15, 0.1])
    found = figures.calibration(score, np.array([True, True, True, False, False, True]))
    assert found.count == (1, 1, 0, 0, 0, 0, 0, 0, 0, 4)
    assert found.accuracy[:2] == (1, 0)
    assert found.accuracy[9] == 0.75
    assert found.confidence[9] == pytest.approx(0.95)
    assert found.error == pytest.approx((4 * 0.2 + 1 * 0.15 + 1 * 0.9) / 6)


def test_scores_of_0_and_1_are_in_the_outer_bins():
    found = figures.calibration(np.array([0.0, 1.0]), np.array([False, True]))
    assert (found.count[0], found.count[9], found.error) == (1, 1, 0)


def test_perplexity_by_hand():
    assert figures.perplexity(np.array([0.5, 0.125])) == pytest.approx(4)
    assert np.isfinite(figures.perplexity(np.zeros(3)))


@pytest.mark.parametrize("seed", SEEDS)
def test_doubted_labels_are_those_of_the_definition(seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, 40)
    scores = random.dirichlet([0.5] * 4, 40)
    scores[np.arange(40), labels] += 0.5
    scores /= scores.sum(axis=1, keepdims=True)
    mean = {k: np.mean([scores[i, k] for i in range(40) if labels[i] == k]) for k in set(labels.tolist())}
    expected = set()
    for i in range(40):
        confident = [k for k in mean if scores[i, k] >= mean[k]]
        best = max(confident, key=lambda k: scores[i, k], default=labels[i])
        if best != labels[i] and scores[i].argmax() != labels[i]:
            expected.add((i, int(best)))
    places, likely = doubted(scores, labels)
    assert set(zip(places.tolist(), likely.tolist())) == expected
    margins = [scores[i, labels[i]] - scores[i, k] for i, k in zip(places, likely)]
    assert margins == sorted(margins)


def test_a_swapped_label_is_doubted():
    scores = np.array([[0.9, 0.1]] * 5 + [[0.1, 0.9]] * 5)
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    places, likely = doubted(scores, labels)
    assert (places.tolist(), likely.tolist()) == ([4], [0])


CLEANLAB = {
    0: [64, 42, 62, 83, 2, 61],
    13: [13, 153, 4, 194, 157, 150, 197, 17, 159, 161, 2, 91, 37, 9],
}
"""What cleanlab 2.9 finds in the samples of a seed: find_label_issues(filter_by="confident_learning",
return_indices_ranked_by="normalized_margin")."""


@pytest.mark.parametrize("seed", CLEANLAB)
def test_doubted_labels_are_those_of_cleanlab(seed):
    random = np.random.RandomState(seed)
    labels = random.randint(0, 5, 200)
    scores = random.dirichlet([0.5] * 5, 200)
    scores[np.arange(200), labels] += 0.8
    scores /= scores.sum(axis=1, keepdims=True)
    given = np.where(random.random_sample(200) < 0.1, random.randint(0, 5, 200), labels)
    assert doubted(scores, given)[0].tolist() == CLEANLAB[seed]
