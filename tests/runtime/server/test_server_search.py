"""`/search` finds in a gallery what Gallery.search finds."""

from __future__ import annotations

import io

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG")
    return file.getvalue()


@pytest.fixture
def gallery(tmp_path, open_model):
    """A folder with the gallery of a few images."""
    draw = np.random.default_rng(0)
    model = open_model("image_classifier")
    images = [draw.integers(0, 256, (6, 5, 3), dtype=np.uint8) for _ in range(6)]
    built = rt.Gallery.from_vectors(
        model.embed(images), [f"{i}.png" for i in range(6)], ["even", "odd"] * 3, model=model
    )
    return built.save(tmp_path / "gallery"), images


def test_images_are_searched(serving, gallery, open_model):
    path, images = gallery
    with serving("table", "image_classifier", gallery=str(path)) as client:
        files = [("image", png(each)) for each in images[:2]]
        answer = client.post("/search", files=files, data={"k": "3", "threshold": "-1"})
        assert answer.status_code == 200, answer.text
    expected = rt.Gallery.open(path, open_model("image_classifier")).search(images[:2], 3, -1.0)
    found = answer.json()["matches"]
    assert [[each["name"] for each in several] for several in found] == [
        [each.name for each in several] for several in expected
    ]
    assert found[1][0] == {"name": "1.png", "score": pytest.approx(1, abs=1e-5), "label": "odd"}


def test_wrong_searches_are_refused(serving, gallery):
    path, images = gallery
    good = {"files": {"image": png(images[0])}}
    with serving("table", "image_classifier", gallery=str(path)) as client:
        for options, status in (
            ({"k": 0}, 400), ({"k": 10**6}, 413), ({"threshold": "a"}, 400), ({"threshold": 2}, 400),
            ({"model": "table"}, 400), ({"model": "nothing"}, 404), ({"kk": 1}, 400), ({}, 200),
        ):  # fmt: skip
            assert client.post("/search", params=options, **good).status_code == status, options
        assert client.post("/search", json={}).status_code == 400
        assert client.post("/search", files={"image": b"<svg/>"}).status_code == 415


def test_what_another_process_adds_is_found(serving, gallery, open_model):
    path, images = gallery
    with serving("image_classifier", gallery=str(path)) as client:
        rt.Gallery.open(path, open_model("image_classifier")).add_vectors(np.eye(3)[:1], ["new"])
        assert "new" in client.post("/search?k=20", files={"image": png(images[0])}).text


def test_a_gallery_of_another_model_or_none_is_refused(serving, gallery, tmp_path):
    with pytest.raises(rt.InputError, match="image_classifier"):
        serving("image_embedder", gallery=str(gallery[0]))
    with pytest.raises(rt.InputError):
        serving("image_classifier", gallery=str(tmp_path / "nothing"))
    with serving("image_classifier") as client:
        assert client.post("/search", files={"image": png(gallery[1][0])}).status_code == 404


def test_a_model_that_changed_no_longer_searches(serving, gallery, golden, tmp_path):
    path, images = gallery
    file = tmp_path / "pets.onnx"
    file.write_bytes((golden / "models/image_classifier.onnx").read_bytes())
    asked = {"files": {"image": png(images[0])}}
    with serving(file, gallery=str(path), reload_interval=0) as client:
        assert client.post("/search", **asked).status_code == 200
        file.write_bytes((golden / "models/image_embedder.onnx").read_bytes())
        client.run(client.state.model().reload())
        answer = client.post("/search", **asked)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "E-SERVER-01")
        file.write_bytes((golden / "models/image_classifier.onnx").read_bytes())
        client.run(client.state.model().reload())
        assert client.post("/search", **asked).status_code == 200


def test_a_gallery_that_is_damaged_meanwhile_is_no_mistake_of_the_client(serving, gallery, caplog):
    path, images = gallery
    manifest = path / "gallery.json"
    content = manifest.read_bytes()
    asked = {"files": {"image": png(images[0])}}
    with serving("image_classifier", gallery=str(path)) as client:
        manifest.write_bytes(content[:20])
        answer = client.post("/search", **asked)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "E-SERVER-01")
        assert str(path) not in answer.text
        assert str(path) in caplog.text
        manifest.write_bytes(content)
        assert client.post("/search", **asked).status_code == 200
