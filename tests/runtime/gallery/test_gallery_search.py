"""Searching a gallery: against the definition, and everything that a query may be."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import InputSpec, ModelCard, OutputSpec
from onnxnn_runtime.gallery import exact
from PIL import Image
from support.models import graph, node, value
from support.models import model as made


def numbered(vectors, **options):
    return rt.Gallery.from_vectors(vectors, [f"{row}" for row in range(len(vectors))], **options)


def rows_and_scores(matches):
    return [int(each.name) for each in matches], [each.score for each in matches]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("most", [1, 1 << 24], ids=["one query at a time", "all"])
def test_the_best_are_found_as_by_definition(monkeypatch, dtype, most):
    monkeypatch.setattr(exact, "_MOST_SCORES", most)
    monkeypatch.setattr(exact, "_CONVERTED", 100)
    random = np.random.RandomState(0)
    vectors, queries = random.randn(300, 7), random.randn(5, 7)
    gallery = numbered(vectors, dtype=dtype)
    gallery.remove(["3", "250"])
    lengths = np.linalg.norm(queries, axis=1, keepdims=True)
    scores = rt.get_similarity(queries / lengths, gallery.vectors.astype(np.float32), "cosine")
    kept = np.array([row for row in range(300) if row not in (3, 250)])
    for k in (1, 10, 297, 298, 5000):
        for row, matches in zip(scores, gallery.search(queries, k)):
            found, values = rows_and_scores(matches)
            assert found == kept[np.argsort(-np.round(row, 6), kind="stable")[:k]].tolist()
            np.testing.assert_allclose(values, np.sort(row)[::-1][:k], atol=2e-6)


def test_equal_scores_stand_in_the_order_in_which_they_were_added():
    random = np.random.RandomState(1)
    vectors = random.randn(997, 33).astype(np.float32)
    same = random.randn(33) * np.linspace(0.1, 9, 300)[:, np.newaxis]
    places = np.sort(random.choice(997, 300, replace=False))
    vectors[places] = same
    gallery = numbered(vectors)
    for k in (1, 2, 7, 299, 300):
        rows, scores = rows_and_scores(gallery.search(vectors[places[0]], k))
        assert (rows, set(scores)) == (places[:k].tolist(), {1.0})


def test_a_threshold_is_the_lowest_score_that_counts():
    gallery = numbered([[1, 0], [0, 1], [-1, 0], [0.6, 0.8], [0, 0]])
    for threshold, expected in (
        (1, [0]),
        (0.6, [0, 3]),
        (0.61, [0]),
        (0, [0, 3, 1, 4]),
        (None, [0, 3, 1, 4, 2]),
    ):
        assert rows_and_scores(gallery.search([2.0, 0.0], 9, threshold))[0] == expected
    assert gallery.search([0.0, 0.0], 1)[0].score == 0


@pytest.mark.parametrize("threshold", [1.01, -2, float("nan"), "0.5", [1]])
def test_a_threshold_that_is_no_similarity_is_refused(threshold):
    with pytest.raises(rt.InputError, match=r"^threshold=.*: expected a cosine similarity in -1..1"):
        numbered([[1, 0]]).search([1, 0], threshold=threshold)


def test_an_empty_gallery_finds_nothing(model, tmp_path):
    for gallery in (rt.Gallery.build(model, []), rt.Gallery.build(model, [], tmp_path / "g")):
        assert gallery.search([1.0, 0.0]) == []
        assert gallery.search(np.ones((2, 2))) == [[], []]
        assert gallery.search(np.zeros((4, 4, 3), np.uint8)) == []
        assert (gallery.duplicates(), gallery.names, len(gallery)) == ([], [], 0)
        with pytest.raises(rt.InputError, match=r"classify\(\) expected entries with labels, got none"):
            gallery.classify([1.0, 0.0])


@pytest.mark.parametrize("k", [0, -1, 1.5, "3", None])
def test_a_number_of_matches_below_one_is_refused(k):
    with pytest.raises(rt.InputError, match=r"^k="):
        numbered([[1, 0]]).search([1, 0], k)


@pytest.mark.parametrize("query", [[1.0, 2.0, 3.0], np.ones((4, 3)), np.ones(1), np.zeros(0)])
def test_a_query_of_another_dimension_is_refused(query):
    with pytest.raises(
        rt.InputError, match=r"^query: expected vectors of dimension 2, as this gallery has, got"
    ):
        numbered([[1, 0]]).search(query)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_not_finite_are_refused(model, bad):
    gallery = numbered([[1, 0], [0, 1]])
    for call in (gallery.search, gallery.classify if gallery.labels[0] else gallery.search):
        with pytest.raises(rt.InputError, match=r"^query: expected finite numbers"):
            call([1.0, bad])
    with pytest.raises(rt.InputError, match=r"^vectors: expected finite numbers"):
        gallery.add_vectors([[1, 2], [bad, 1]], ["x", "y"])
    assert len(gallery) == 2


def test_a_query_is_anything_that_the_model_takes(model, photos, image):
    gallery = rt.Gallery.build(model, photos)
    path = gallery.names[3]
    one = gallery.search(path, 2)
    content = (photos / path).read_bytes()
    with Image.open(path) as opened:
        opened.load()
    for query in (photos / path, content, opened, np.asarray(opened), model.embed(path)[0]):
        assert gallery.search(query, 2) == one
    several = gallery.search([path, content, image], 2)
    assert [each.query for each in several] == [path, "input[1]", "input[2]"]
    assert several[:2] == [one, one]
    assert gallery.search([path], 2) == [one]
    assert gallery.search(np.stack([image, image]), 2) == [several[2], several[2]]
    assert [each.query for each in gallery.search([photos], 1)] == gallery.names
    for query in (photos, str(photos / "red" / "*.png")):
        with pytest.raises(rt.InputError, match=r"expected one input, got a folder or several files"):
            gallery.search(query)


def test_the_length_distinguishes_rows_of_a_table_from_their_vectors():
    """A network of two numbers to four."""
    card = ModelCard("embed", (), InputSpec("table", ("batch", 2)), OutputSpec("embedding", ("batch", 4)))
    nodes = [node("Concat", ["input", "input"], ["output"], axis=1)]
    content = made(graph(nodes, [value("input", ("batch", 2))], [value("output", ("batch", 4))]), card)
    gallery = rt.Gallery.build(rt.load(content, device="cpu"), [[1.0, 2.0], [4.0, 3.0]], names=["a", "b"])
    for query in ([4.0, 3.0], np.array([4.0, 3.0]), [4.0, 3.0, 4.0, 3.0], np.array([8, 6, 8, 6.0])):
        assert gallery.search(query, 1)[0][:2] == ("b", 1.0)
    assert [each[0].name for each in gallery.search([[4.0, 3.0], [1.0, 2.0]], 1)] == ["b", "a"]
    with pytest.raises(rt.InputError, match=r"expected vectors of dimension 4"):
        gallery.search([1.0, 2.0, 3.0])


def test_scores_print_as_a_table_in_notebooks():
    found = numbered([[1, 0]], labels="<猫>").search([1, 0])
    assert "<td>" in found._repr_html_()
    assert "<猫>" not in found._repr_html_()


def test_duplicates_are_groups_around_the_first_of_each():
    angles = np.radians([0, 90, 10, 100, 20, 200, 0])
    gallery = numbered(np.stack([np.cos(angles), np.sin(angles)], 1))
    found = gallery.duplicates(np.cos(np.radians(11)))
    assert [(group.query, [each.name for each in group]) for group in found] == [
        ("0", ["6", "2"]),
        ("1", ["3"]),
    ]
    assert [each.score for each in found[0]] == [1.0, 0.984808]
    gallery.remove("0")
    assert [(group.query, [each.name for each in group]) for group in gallery.duplicates(0.98)] == [
        ("1", ["3"]),
        ("2", ["4", "6"]),
    ]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_equal_vectors_have_the_score_1(dtype):
    """Also where their numbers were rounded, so that they are not of length 1 as they are stored."""
    vectors = np.random.RandomState(0).randn(60, 33)
    several = np.concatenate([vectors, 3 * vectors, np.zeros((2, 33))])
    gallery = rt.Gallery.from_vectors(several, [str(row) for row in range(122)], dtype=dtype)
    groups = gallery.duplicates(1)
    assert [(each.query, each) for each in groups] == [
        (str(row), [(str(60 + row), 1.0, None)]) for row in range(60)
    ]
    for row, found in enumerate(gallery.search(vectors, 3, 1)):
        assert found == [(str(row), 1.0, None), (str(60 + row), 1.0, None)]
    assert gallery.search(np.zeros(33), 2, 0) == [("0", 0.0, None), ("1", 0.0, None)]


@pytest.mark.parametrize("scores", [1, 50, 1 << 24])
def test_groups_are_the_same_however_many_are_compared_at_once(monkeypatch, scores):
    monkeypatch.setattr("onnxnn_runtime.gallery.matching._SCORES", scores)
    vectors = np.repeat(np.eye(4), 5, axis=0)[np.random.RandomState(0).permutation(20)]
    gallery = rt.Gallery.from_vectors(vectors, [str(row) for row in range(20)])
    gallery.remove("7")
    groups = gallery.duplicates(1)
    assert sorted(len(each) for each in groups) == [3, 4, 4, 4]
    for each in groups:
        kind = vectors[int(each.query)].argmax()
        members = [row for row in range(20) if vectors[row].argmax() == kind and row != 7]
        assert [int(each.query), *(int(match.name) for match in each)] == members


def test_entries_that_come_and_go_take_no_more_memory():
    gallery = rt.Gallery.from_vectors([[1, 0]], ["kept"], "a")
    before = gallery._store.view()
    for turn in range(8):
        names = [f"{turn} {row}" for row in range(500)]
        gallery.add_vectors(np.ones((500, 2)), names)
        gallery.remove(names)
    assert (gallery.names, gallery.labels, len(gallery)) == (["kept"], ["a"], 1)
    assert len(gallery._store.entries.names) < 2000
    assert (before.names[0], before.vectors.tolist()) == ("kept", [[1, 0]])
    assert gallery.search([1, 1], 3) == [("kept", 0.707107, "a")]


def test_the_label_of_most_neighbours_is_that_of_a_query():
    angles = np.radians([0, 5, 20, 25, 30, 2])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1)
    gallery = numbered(vectors, labels=["猫", "猫", "dog", "dog", "dog", None])
    near = gallery.classify([1.0, 0.0], 3)
    assert (near.label, near.score, near.top) == ("猫", 2 / 3, (("猫", 2 / 3), ("dog", 1 / 3)))
    assert [each.name for each in near.matches] == ["0", "1", "2"]
    assert gallery.classify([1.0, 0.0], 4).label == "猫"  # two of each: the more similar ones
    assert [each.label for each in gallery.classify(vectors[:2], 5)] == ["dog", "dog"]
