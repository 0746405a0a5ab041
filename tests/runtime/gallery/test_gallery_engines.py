"""Galleries in LanceDB and Qdrant, each in this process: the same matches as in a folder."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.gallery.exact import unit


@pytest.fixture(params=["lancedb", "qdrant"])
def address(request, tmp_path):
    """An address of each engine, whose folder does not exist yet."""
    if request.param == "lancedb":
        pytest.importorskip("lancedb", reason='pip install "onnxnn-runtime[lancedb]"')
        return f"lancedb://{tmp_path / '库 lance'}"
    pytest.importorskip("qdrant_client", reason='pip install "onnxnn-runtime[qdrant]"')
    return f"qdrant+file://{tmp_path / '库 qdrant'}"


@pytest.fixture
def opened():
    """Gallery.open, whose connections end with the test."""
    galleries = []

    def open_gallery(*arguments):
        galleries.append(rt.Gallery.open(*arguments))
        return galleries[-1]

    yield open_gallery
    for gallery in galleries:
        gallery.close()


def drawn(count, dtype="float32"):
    vectors = np.random.RandomState(count).randn(count, 8)
    vectors[40:70] = vectors[3]
    vectors[5] = 0
    names = [f'it\'s {row} "猫".png' for row in range(count)]
    return rt.Gallery.from_vectors(
        vectors, names, [("a", None, "b")[row % 3] for row in range(count)], dtype=dtype
    )


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_an_engine_finds_what_the_gallery_finds(address, opened, dtype):
    gallery = drawn(200, dtype)
    assert gallery.push(address) == (200, 0, 0, 0, [])
    there = opened(address)
    queries = np.random.RandomState(1).randn(4, 8)
    for k in (1, 10, 199, 500):
        for threshold in (None, 0.25):
            assert there.search(queries, k, threshold) == gallery.search(queries, k, threshold)
    assert there.search(queries[0], 3, exact=True) == gallery.search(queries[0], 3)
    for k in (1, 5, 31, 60):
        assert there.search(gallery.vectors[3], k) == gallery.search(gallery.vectors[3], k)
    assert there.classify(queries, 5) == gallery.classify(queries, 5)
    assert there.duplicates(0.999) == gallery.duplicates(0.999)
    assert (len(there), there.names, there.labels) == (200, gallery.names, gallery.labels)
    assert (there.vectors == (gallery.vectors if dtype == "float32" else unit(gallery.vectors))).all()
    assert address in repr(there)


def test_a_later_push_writes_what_has_changed(address, opened, tmp_path):
    drawn(90).save(tmp_path / "g")
    gallery = rt.Gallery.open(tmp_path / "g")
    assert gallery.push(address)[:4] == (90, 0, 0, 0)
    assert gallery.push(address)[:4] == (0, 0, 90, 0)
    gallery.remove([gallery.names[10], gallery.names[3]])
    moved = gallery.names[20]
    gallery.remove(moved)
    gallery.add_vectors([[1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 0, 0, 0, 0, 0, 0]], [moved, "new"], "c")
    assert gallery.push(address)[:4] == (1, 1, 87, 2)
    there = opened(address)
    assert (there.names, there.labels) == (gallery.names, gallery.labels)
    assert there.search(gallery.vectors[-2], 12) == gallery.search(gallery.vectors[-2], 12)
    there.close()
    other = drawn(90)
    backwards = rt.Gallery.from_vectors(other.vectors[::-1], other.names[::-1], other.labels[::-1])
    added, changed, unchanged, removed, _ = backwards.push(address)
    assert (added, changed + unchanged, removed) == (2, 88, 1)
    again = opened(address)
    assert (again.names, again.labels) == (backwards.names, backwards.labels)
    assert again.search(other.vectors[3], 40) == backwards.search(other.vectors[3], 40)
    gallery.remove(gallery.names)
    again.close()
    assert gallery.push(address)[:4] == (0, 0, 0, 90)
    assert (len(opened(address)), gallery.search(np.ones(8))) == (0, [])


def test_it_is_searched_for_images_with_its_model_alone(address, opened, model, open_model, photos, tmp_path):
    gallery = rt.Gallery.build(model, photos, labels=lambda name: name[-5:-4])
    assert gallery.push(address + "#photos").added == 40
    there = opened(address + "#photos", model)
    query = str(photos / "red" / "04.png")
    assert there.search(query, 3) == gallery.search(query, 3)
    assert there.classify(query, 3) == gallery.classify(query, 3)
    assert (there.model_name, there.model_sha256) == (gallery.model_name, gallery.model_sha256)
    with pytest.raises(
        rt.InputError, match=r"expected the model whose vectors it holds, image_embedder"
    ) as e:
        there.with_model(open_model("image_classifier", device="cpu"))
    assert e.value.code == "E-GALLERY-02"
    there.close()
    other = rt.Gallery.from_vectors(np.ones((1, 2)), ["a"])
    with pytest.raises(rt.InputError, match=r"expected vectors of image_embedder.*, got those of - ") as e:
        other.push(address + "#photos")
    assert e.value.code == "E-GALLERY-02"
    assert len(opened(address + "#photos")) == 40


def test_it_is_not_changed_from_here(address, opened, model, photos):
    rt.Gallery.build(model, photos).push(address)
    there = opened(address, model)
    for change in (
        lambda: there.add(photos),
        lambda: there.add_vectors([[1, 2]], ["a"]),
        lambda: there.remove(there.names[0]),
    ):
        with pytest.raises(rt.InputError, match="Change the folder, and push it again"):
            change()
    assert (len(there), there.refresh(), len(there)) == (40, True, 40)
    with pytest.raises(rt.InputError, match=r"build_index\(\) expected a gallery in a folder"):
        there.build_index()


def test_a_gallery_comes_back_into_a_folder(address, opened, tmp_path):
    gallery = drawn(90)
    gallery.push(address)
    back = rt.Gallery.open(opened(address).save(tmp_path / "back"))
    assert (back.names, back.labels, (back.vectors == gallery.vectors).all()) == (
        gallery.names,
        gallery.labels,
        True,
    )
    loaded = rt.Gallery.load(tmp_path / "back")
    assert loaded.search(np.ones(8), 4) == gallery.search(np.ones(8), 4)


def test_what_is_not_there_is_named_and_nothing_is_created(address, opened, tmp_path):
    for table in ("", "#other"):
        with pytest.raises(rt.MissingInputError, match=r"no such gallery. Write one there with `onnxnn"):
            opened(address + table)
    assert list(tmp_path.iterdir()) == []
    drawn(9 + 70).push(address)
    with pytest.raises(rt.MissingInputError, match="no such gallery"):
        opened(address + "#other")


def test_a_table_of_something_else_is_refused(address, tmp_path):
    place = address.partition("://")[2]
    if address.startswith("lancedb"):
        import lancedb

        lancedb.connect(place).create_table("gallery", [{"x": 1}])
    else:
        from qdrant_client import QdrantClient, models

        client = QdrantClient(path=place)
        size = models.VectorParams(size=8, distance=models.Distance.COSINE)
        client.create_collection("gallery", vectors_config=size)
        client.close()
    for call in (lambda: rt.Gallery.open(address), lambda: drawn(79).push(address)):
        with pytest.raises(rt.InputError, match=r"got a table of something else. Give another name"):
            call()


def test_what_no_engine_takes_is_refused_before_anything_is_written(address, tmp_path):
    empty = rt.Gallery.from_vectors(np.zeros((0, 0)), [])
    with pytest.raises(rt.InputError, match="got an empty gallery whose dimension is not known"):
        empty.push(address)
    with pytest.raises(rt.InputError, match="expected a name and label in Unicode"):
        rt.Gallery.from_vectors([[1, 2]], ["a\udcff.png"]).push(address)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_away_and_a_folder_in_use_are_named(tmp_path):
    client = pytest.importorskip("qdrant_client", reason='pip install "onnxnn-runtime[qdrant]"')
    with pytest.raises(rt.InputError, match=r"^qdrant://127.0.0.1:9: the engine failed or cannot be") as e:
        rt.Gallery.open("qdrant://127.0.0.1:9")
    assert e.value.code == "E-GALLERY-06"
    assert client.QdrantClient is not None
