"""The index of a gallery: its matches beside those of exact search, and files that do not belong."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.gallery import hnsw
from support.prepared import run_interpreter

# Not importorskip: ONNX Runtime crashes when it is imported after usearch.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("usearch") is None, reason='pip install "onnxnn-runtime[search]"'
)


def clustered(count, seed=0):
    random = np.random.RandomState(seed)
    centers = np.random.RandomState(7).randn(20, 16)
    return centers[random.randint(0, 20, count)] + 0.3 * random.randn(count, 16)


@pytest.fixture
def gallery(tmp_path):
    """A gallery of 3,000 vectors in a folder, without an index."""
    names = [str(row) for row in range(3000)]
    rt.Gallery.from_vectors(clustered(3000), names, ["a", None, "b"] * 1000).save(tmp_path / "g")
    return rt.Gallery.open(tmp_path / "g")


def recall(found, exact):
    hits = sum(len({each.name for each in a} & {each.name for each in b}) for a, b in zip(found, exact))
    return hits / sum(map(len, exact))


def only_part_of(path):
    return [each.name for each in path.iterdir() if each.name.endswith(".part")]


def test_an_index_finds_what_exact_search_finds(gallery, tmp_path):
    done = []
    facts = gallery.build_index(progress=lambda *numbers: done.append(numbers))
    assert (done, facts.rows, facts.queries) == ([(3000, 3000)], 3000, 500)
    assert 0.98 <= facts.recall <= 1
    assert (gallery.index, rt.Gallery.open(tmp_path / "g").index) == (facts, facts)
    assert (
        json.loads((tmp_path / "g" / "gallery.json").read_text(encoding="utf-8"))["index"]["recall"]
        == facts.recall
    )
    opened, queries = rt.Gallery.open(tmp_path / "g"), clustered(50, 1)
    found, exact = opened.search(queries, 10), opened.search(queries, 10, exact=True)
    assert recall(found, exact) > 0.97
    scores = {each.name: each.score for matches in opened.search(queries[:1], 3000) for each in matches}
    assert all(scores[each.name] == each.score for each in found[0])
    bounded = opened.search(queries, 10, 0.9)
    assert bounded == [rt.Matches(each.query, [m for m in each if m.score >= 0.9]) for each in found]
    assert {each.label for each in opened.classify(queries, 9)[0].matches} <= {"a", "b"}
    assert only_part_of(tmp_path / "g") == []


def test_the_index_is_really_used(gallery, monkeypatch):
    gallery.build_index()
    calls = []
    monkeypatch.setattr(
        "onnxnn_runtime.gallery.hnsw.best", lambda *arguments: calls.append(arguments) or iter([])
    )
    monkeypatch.setattr("onnxnn_runtime.gallery.asked.best", None)
    assert len(gallery.search(clustered(1)[0], 10)) == 10
    assert calls == []


def test_a_model_is_loaded_after_a_search_with_an_index(gallery, golden, tmp_path):
    gallery.build_index()
    code = (
        "import sys, onnxnn_runtime as rt\n"
        "print(len(rt.Gallery.open('g').search([1.0] * 16, 3)))\n"
        "print(rt.load(sys.argv[1], device='cpu').card.output.kind)"
    )
    done = run_interpreter(["-c", code, golden / "models" / "image_embedder.onnx"], tmp_path)
    assert (done.returncode, done.stderr, done.stdout.split()[0]) == (0, "", "3")


def test_entries_that_are_added_and_removed_since_count(gallery, tmp_path):
    gallery.build_index()
    query = clustered(1, 2)[0]
    first = [each.name for each in gallery.search(query, 30)]
    gallery.remove(first[:25])
    assert recall([gallery.search(query, 10)], [gallery.search(query, 10, exact=True)]) > 0.8
    assert not set(first[:25]) & {each.name for each in gallery.search(query, 10)}
    gallery.add_vectors([query, -query], ["same", "opposite"], "new")
    opened = rt.Gallery.open(tmp_path / "g")
    for each in (gallery, opened):
        assert each.search(query, 1) == [("same", 1.0, "new")]
    gallery.remove("same")
    assert gallery.search(query, 1)[0].name != "same"


def test_equal_scores_stand_in_the_order_in_which_they_were_added(tmp_path):
    vectors = clustered(3000)
    places = np.sort(np.random.RandomState(3).choice(3000, 100, replace=False))
    vectors[places] = vectors[7]
    rt.Gallery.from_vectors(vectors, [str(row) for row in range(3000)]).save(tmp_path / "g")
    gallery = rt.Gallery.open(tmp_path / "g")
    gallery.build_index(recall=1)
    equal = {7, *places.tolist()}
    for k in (1, 10, 90):
        found = [int(match.name) for match in gallery.search(vectors[7], k)]
        assert found == sorted(found), (
            "an index may miss one of a hundred equal vectors, never mix their order"
        )
        assert set(found) <= equal
        exact = [int(match.name) for match in gallery.search(vectors[7], k, exact=True)]
        assert exact == sorted(equal)[:k]


def test_an_index_is_gone_with_the_file_of_its_vectors_and_replaced_by_a_new_one(gallery, tmp_path):
    gallery.build_index()
    (first,) = (tmp_path / "g").glob("*.usearch")
    reader = rt.Gallery.open(tmp_path / "g")
    gallery.build_index(connectivity=8, expansion_add=40)
    (second,) = (tmp_path / "g").glob("*.usearch")
    assert (first != second, gallery.index.connectivity) == (True, 8)
    assert reader.refresh()
    assert reader.index == gallery.index
    gallery.remove([str(row) for row in range(2500)])
    assert (gallery.index, list((tmp_path / "g").glob("*.usearch"))) == (None, [])
    assert len(gallery.search(clustered(1)[0], 5)) == 5


def test_an_index_that_cannot_be_written_is_said(gallery, tmp_path, monkeypatch):
    real = hnsw.built_graph

    def broken(*args):
        graph = real(*args)

        class Graph:
            def __getattr__(self, name):
                return getattr(graph, name)

            def save(self, path):
                raise RuntimeError("Failed to write")

        return Graph()

    monkeypatch.setattr("onnxnn_runtime.gallery.indexing.built_graph", broken)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(rt.OutputError, match=r"g: Failed to write\. Nothing was changed"):
        gallery.build_index()
    assert sorted(tmp_path.rglob("*")) == before
    assert gallery.index is None


def test_a_reader_whose_index_another_process_replaced_searches_exactly(gallery, tmp_path):
    """It keeps what there was when it opened the folder, whether it had opened the index or not."""
    gallery.build_index()
    used, unused = (rt.Gallery.open(tmp_path / "g") for _ in range(2))
    queries = clustered(20, 1)
    expected = used.search(queries, 5, exact=True)
    used.search(queries, 5)
    gallery.build_index(connectivity=8)
    gallery.remove("0")
    gallery.build_index()
    assert recall(used.search(queries, 5), expected) > 0.9
    assert unused.search(queries, 5) == expected
    for reader in (used, unused):
        assert reader.refresh()
        assert reader.index == gallery.index
        assert reader.search(queries, 5) == gallery.search(queries, 5)
    (tmp_path / "g" / gallery.index.file).unlink()
    with pytest.raises(rt.InputError, match="expected the index of this gallery's vectors"):
        rt.Gallery.open(tmp_path / "g").search(queries, 5)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_few_vectors_and_empty_ones_are_indexed(tmp_path, dtype):
    vectors = [[1, 0], [0, 0], [0, 1]]
    rt.Gallery.from_vectors(vectors, "abc", dtype=dtype).save(tmp_path / "g")
    gallery = rt.Gallery.open(tmp_path / "g")
    assert gallery.build_index().recall == 1
    assert gallery.search([1.0, 0.0], 5) == gallery.search([1.0, 0.0], 5, exact=True)


def test_an_index_of_other_vectors_or_a_damaged_one_is_refused(gallery, tmp_path):
    gallery.build_index()
    (file,) = (tmp_path / "g").glob("*.usearch")
    content = file.read_bytes()
    query = clustered(1)[0]
    for broken in (content[:-100], content[:50] + b"\x00" * 50 + content[100:], b""):
        file.write_bytes(broken)
        opened = rt.Gallery.open(tmp_path / "g")
        with pytest.raises(
            rt.InputError, match=r"usearch: expected the index of this gallery's vectors"
        ) as e:
            opened.search(query)
        assert e.value.code == "E-GALLERY-06"
        assert len(opened.search(query, exact=True)) == 5
    file.write_bytes(content)
    vectors = tmp_path / "g" / "vectors-000001.bin"
    vectors.write_bytes(clustered(3000, 9).astype("<f4").tobytes())
    with pytest.raises(rt.InputError, match="expected the index of this gallery's vectors"):
        rt.Gallery.open(tmp_path / "g").search(query)
    opened = rt.Gallery.open(tmp_path / "g")
    opened.build_index()
    assert len(opened.search(query, 5)) == 5


@pytest.mark.parametrize("index", [{}, [], 3, {"number": "x"}, "recall", "rows"])
def test_a_manifest_with_a_wrong_index_is_damaged(gallery, tmp_path, index):
    gallery.build_index()
    path = tmp_path / "g" / "gallery.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(index, str):
        data["index"][index] = -1
    else:
        data["index"] = index
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(rt.InputError, match="expected a complete gallery"):
        rt.Gallery.open(tmp_path / "g")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"recall": 0}, "recall=0: expected a share above 0, up to 1"),
        ({"recall": float("nan")}, "recall=nan: expected a share"),
        ({"connectivity": 1}, r"connectivity=1: expected an integer in 2..512"),
        ({"expansion_add": 1 << 20}, r"expansion_add=1048576: expected an integer in 1..65536"),
    ],
)
def test_options_out_of_range_are_refused(gallery, options, said):
    with pytest.raises(rt.InputError, match=said):
        gallery.build_index(**options)
    assert gallery.index is None


def test_a_gallery_in_memory_and_an_empty_one_have_no_index(tmp_path):
    gallery = rt.Gallery.from_vectors(np.zeros((0, 3)), [])
    gallery.save(tmp_path / "g")
    for each in (rt.Gallery.from_vectors([[1, 2]], "a"), rt.Gallery.open(tmp_path / "g")):
        with pytest.raises(rt.InputError, match=r"build_index\(\) expected a gallery in a folder"):
            each.build_index()
        assert each.index is None


@pytest.mark.slow
def test_the_recall_of_an_index_is_measured_truly(tmp_path):
    vectors = np.random.RandomState(0).randn(20000, 64).astype(np.float32)
    rt.Gallery.from_vectors(vectors, [str(row) for row in range(20000)]).save(tmp_path / "g")
    gallery = rt.Gallery.open(tmp_path / "g")
    facts = gallery.build_index(recall=0.5, connectivity=4, expansion_add=16)
    queries = np.random.RandomState(1).randn(200, 64)
    truly = recall(gallery.search(queries, 10), gallery.search(queries, 10, exact=True))
    assert 0.3 < facts.recall < 1
    assert abs(truly - facts.recall) < 0.15
