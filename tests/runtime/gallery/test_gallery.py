"""`Gallery`: building, adding, searching, saving and opening."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image


def test_a_folder_of_images_is_built_searched_and_opened_again(model, photos, tmp_path):
    gallery = rt.Gallery.build(model, photos, tmp_path / "图库")
    assert gallery.changes == (40, 0, 0, 0, gallery.changes.skipped)
    query = str(photos / "red" / "04.png")
    found = gallery.search(query, k=3)
    assert (found[0].name, found[0].score, found[0].label, found.query) == (query, 1.0, None, query)
    again = rt.Gallery.open(tmp_path / "图库", model)
    assert (again.search(query, k=3), again.names) == (found, gallery.names)
    assert rt.Gallery.open(tmp_path / "图库").search(model.embed(query), k=3) == [found]


def test_only_what_has_changed_is_embedded_again(model, photos, tmp_path):
    rt.Gallery.build(model, photos, tmp_path / "g", labels=lambda name: name[-6:-4])
    red = photos / "red"
    (red / "00.png").unlink()
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(str(red / "02.png"))
    (red / "04.png").write_bytes((red / "04.png").read_bytes())  # another time, the same content
    Image.fromarray(np.zeros((7, 7, 3), np.uint8)).save(str(red / "新 1.png"))
    changes = rt.Gallery.build(model, photos, tmp_path / "g").changes
    assert changes[:4] == (1, 1, 38, 1)
    gallery = rt.Gallery.build(model, photos, tmp_path / "g")
    assert gallery.changes[:4] == (0, 0, 40, 0)
    assert gallery.labels[gallery.names.index(str(red / "04.png"))] == "04"
    assert str(red / "00.png") not in gallery
    np.testing.assert_allclose(gallery.vectors, model.embed(gallery.names, normalize=True), atol=1e-6)


def test_entries_are_added_and_removed(model, photos, tmp_path):
    gallery = rt.Gallery.build(model, [], tmp_path / "g")
    assert (len(gallery), gallery.search(np.ones(2))) == (0, [])
    assert gallery.add([np.zeros((4, 4, 3), np.uint8)] * 2, ["a", 1], names=["猫 一", "b"])[:4] == (
        2,
        0,
        0,
        0,
    )
    assert gallery.add(photos / "red")[:4] == (20, 0, 0, 0)
    assert gallery.add(photos / "red")[:4] == (0, 0, 20, 0)
    with pytest.raises(rt.InputError, match=r"^猫 一: is in the gallery already"):
        gallery.add([np.ones((4, 4, 3), np.uint8)], names=["猫 一"])
    with pytest.raises(rt.InputError, match=r"^c: expected the name of an entry.*Nothing was removed"):
        gallery.remove(["b", "c"])
    assert gallery.remove("b").removed == 1
    assert (gallery.names[:2], gallery.labels[:2]) == (["猫 一", str(photos / "red" / "00.png")], ["a", None])
    assert rt.Gallery.open(tmp_path / "g").names == gallery.names


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_gallery_is_saved_and_loaded(model, photos, tmp_path, dtype):
    gallery = rt.Gallery.build(model, photos, labels="照片", dtype=dtype)
    gallery.remove(gallery.names[3])
    gallery.save(tmp_path / "g")
    for read in (rt.Gallery.open, rt.Gallery.load):
        found = read(tmp_path / "g", model)
        assert (found.names, found.labels, found.dtype) == (gallery.names, gallery.labels, dtype)
        np.testing.assert_array_equal(found.vectors, gallery.vectors)
    assert found.path is None
    found.remove(found.names)
    found.save(tmp_path / "g")
    assert len(rt.Gallery.open(tmp_path / "g")) == 0


def test_vectors_of_another_model_are_refused_with_its_name(model, open_model, photos, tmp_path):
    rt.Gallery.build(model, photos, tmp_path / "g")
    other = open_model("image_classifier", device="cpu")
    pattern = r"expected the model whose vectors it holds, image_embedder.onnx .*got image_classifier.onnx"
    for call in (rt.Gallery.open, rt.Gallery.load, lambda path, model: rt.Gallery.build(model, photos, path)):
        with pytest.raises(rt.InputError, match=pattern):
            call(tmp_path / "g", other)
