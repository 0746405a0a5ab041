"""Inputs that are like none of the training: the threshold, and what a model says about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import CardError, DataError, InputError, ModelCard, unknown
from onnxnn_runtime.card.unknown import UnknownSpec, encoded, unit
from support.languages import is_in
from support.paths import GOLDEN

FILE = GOLDEN / "models" / "image_classifier.onnx"
RED, GREEN, GREY = (np.full((8, 8, 3), color, np.uint8) for color in ((255, 0, 0), (0, 255, 0), 128))
RANDOM = np.random.RandomState(0)
CENTRES = RANDOM.randn(3, 16)


def clusters(count, seed, spread=0.3):
    """Return vectors about three centres, and the number of each one's centre."""
    random = np.random.RandomState(seed)
    labels = random.randint(0, 3, count)
    return CENTRES[labels] + spread * random.randn(count, 16), labels


@pytest.fixture
def model():
    """A classifier of red and green images that detects others."""
    return rt.load(GOLDEN / "models" / "image_unknown.onnx")


def test_distances_are_those_of_the_paper():
    """Sun et al. 2022: vectors of length 1, the Euclidean distance to the k-th nearest."""
    spec = unknown.fit(*clusters(90, 0))
    others = RANDOM.randn(7, 16)
    references = spec.vectors()
    each = others / np.linalg.norm(others, axis=1, keepdims=True)
    distance = np.linalg.norm(each[:, None] - references[None], axis=2)
    expected = np.sort(distance, axis=1)[:, spec.k - 1] / spec.threshold
    assert unknown.References(spec).distances(others) == pytest.approx(expected, rel=1e-4)
    assert unknown.References(spec).distances(others * 7) == pytest.approx(expected, rel=1e-4)


def test_threshold_accepts_the_share_of_held_out_samples():
    held_out = clusters(200, 1)[0]
    spec = unknown.fit(*clusters(300, 0), held_out)
    within = np.array(unknown.References(spec).distances(held_out)) <= 1 + 1e-12
    assert within.mean() == 0.95
    assert spec.held_out == 200
    assert (np.array(unknown.References(spec).distances(RANDOM.randn(50, 16))) > 1).all()


@pytest.mark.parametrize("held_out", [None, clusters(unknown.MIN_HELD_OUT - 1, 1)[0]])
def test_few_held_out_samples_leave_one_out(held_out):
    spec = unknown.fit(*clusters(300, 0), held_out)
    assert spec.held_out == 0
    within = np.array(unknown.References(spec).distances(clusters(500, 2)[0])) <= 1
    assert 0.9 < within.mean() < 1


def test_references_are_spread_over_the_classes_and_bounded():
    labels = np.array([2] * 3 + [0] * 1500 + [1] * 600)
    spec = unknown.fit(np.random.RandomState(0).randn(len(labels), 64), labels, num_classes=5)
    assert spec.counts == (499, 498, 3, 0, 0) or spec.counts == (498, 499, 3, 0, 0)
    assert spec.vectors().shape == (unknown.MOST_REFERENCES, 64)
    assert spec.labels().tolist() == sorted(spec.labels().tolist())
    wide = unknown.fit(np.random.RandomState(0).randn(300, 8192), np.arange(300) % 40)
    assert sum(wide.counts) == 40  # one of each, where 32 take the bytes
    assert (
        len(unknown.fit(np.random.RandomState(0).randn(300, 2048), np.arange(300) % 3).references) < 350_000
    )


def test_references_are_nearly_the_vectors():
    vectors = np.random.RandomState(0).rand(5, 1280)
    spec = unknown.fit(vectors, np.arange(5))
    assert np.linalg.norm(spec.vectors() - unit(vectors), axis=1).max() < 0.01


def test_same_samples_same_card():
    assert unknown.fit(*clusters(90, 0)) == unknown.fit(*clusters(90, 0))


def test_equal_samples_are_known():
    spec = unknown.fit(np.ones((6, 4)), np.zeros(6, int))
    assert unknown.References(spec).distances(np.ones((1, 4)))[0] <= 1
    assert unknown.References(spec).distances(np.array([[1, 0, 0, 0]]))[0] > 1


def test_vector_of_zeros_is_unknown():
    """A network whose features are all below zero before a relu has such."""
    spec = unknown.fit(*clusters(90, 0))
    assert unknown.References(spec).distances(np.zeros((2, 16))) == [pytest.approx(1 / spec.threshold)] * 2


@pytest.mark.parametrize(
    ("vectors", "labels", "held_out", "error", "match"),
    [
        (np.ones((4, 3)), np.zeros(4), None, DataError, "at least 5 samples of training .* got 4 samples"),
        (np.ones((6, 3)), np.zeros(5), None, InputError, "as many labels as vectors, 6, got 5"),
        (np.full((6, 3), np.nan), np.zeros(6), None, InputError, "finite"),
        (np.ones(6), np.zeros(6), None, InputError, r"\(N, D\), got float64 \(6,\)"),
        (np.ones((6, 3)), np.zeros(6), np.ones((20, 4)), InputError, r"\(N, 3\), got float64 \(20, 4\)"),
    ],
)
def test_wrong_vectors(vectors, labels, held_out, error, match):
    with pytest.raises(error, match=match):
        unknown.fit(vectors, labels, held_out)


def test_predict_answers_unknown(model):
    red, grey = model.predict([RED, GREY], k=2, unknown=True)
    assert (red.label, red.index, red.score > 0.9, red.distance < 1) == ("red", 0, True, True)
    assert (grey.label, grey.index, grey.distance > 1) == ("unknown", None, True)
    assert [label for label, _ in grey.top] == [each.label for each in [model.predict(GREY)[0]]] + [
        label for label, _ in grey.top[1:]
    ]
    assert grey.score == grey.top[0][1]


def test_predict_does_not_unless_it_is_asked(model):
    found = model.predict([RED, GREY])
    assert [each.distance for each in found] == [None, None]
    assert "unknown" not in [each.label for each in found]


def test_batches_and_broken_inputs_keep_their_distances(model, folder):
    (folder / "red" / "broken.png").write_bytes(b"\x89PNG")
    with pytest.warns(UserWarning, match="broken"):
        found = model.predict(folder, unknown=True, errors="skip", batch_size=3)
    one_by_one = [model.predict(each.name, unknown=True)[0].distance for each in found]
    assert len(found) == 40
    assert [each.distance for each in found] == pytest.approx(one_by_one, abs=1e-5)


def test_stream_answers_unknown(model):
    found = [each.prediction.label for each in model.stream([RED, GREY], unknown=True)]
    assert found == ["red", "unknown"]


@pytest.mark.parametrize(
    "ask", [lambda model: model.predict(RED, unknown=True), lambda model: model.stream([RED], unknown=True)]
)
def test_model_without_references_says_how_to_export(ask, language):
    with pytest.raises(CardError) as found:
        ask(rt.load(FILE))
    assert found.value.code == "E-INPUT-08"
    assert "export(path, unknown=True)" in str(found.value)
    assert is_in(language, str(found.value))


def test_card_keeps_it(model):
    text = model.card.to_json()
    assert ModelCard.from_json(text) == model.card
    assert ModelCard.from_json(text).to_json() == text
    assert "unknown" not in rt.load(FILE).card.to_json()


GOOD = UnknownSpec(1, 0.5, 0.95, 0, (1, 1), 2, encoded(np.eye(2)))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"k": 0}, "unknown.k.: expected an integer from 1"),
        ({"k": 3}, "unknown.references"),
        ({"threshold": float("nan")}, "unknown.threshold"),
        ({"threshold": -0.5}, "unknown.threshold"),
        ({"accepted": 2.0}, "unknown.accepted"),
        ({"held_out": -1}, "unknown.held_out"),
        ({"counts": (2, 1)}, r"expected int8 \(3, 2\) in base64, got another length \(4\)"),
        ({"counts": (4, -2)}, "unknown.counts"),
        ({"size": 3}, r"expected int8 \(2, 3\)"),
        ({"references": "a"}, "base64"),
        ({"references": "é"}, "base64"),
    ],
)
def test_wrong_values_in_a_card(change, match):
    with pytest.raises(CardError, match=match):
        replace(GOOD, **change)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('"k": 3', '"k": "3"', "unknown.k"),
        ('"size": 3', '"size": 3, "more": 1', "unknown 'unknown.more'"),
        ('"accepted": 0.95, ', "", "unknown.accepted"),
        ('"counts": [10, 10]', '"counts": [10, "10"]', "unknown.counts"),
        ('"unknown": {', '"unknown": [], "x": {', "unknown"),
        ('"embedding": 3', '"embedding": 4', "unknown.size.: expected 4"),
    ],
)
def test_wrong_text_of_a_card(model, old, new, match):
    text = model.card.to_json()
    assert old in text
    with pytest.raises(CardError, match=match):
        ModelCard.from_json(text.replace(old, new))
