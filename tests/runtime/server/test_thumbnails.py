"""`/thumbnail` shows images of the gallery, and opens no other file."""

from __future__ import annotations

import io

import numpy as np
import onnxnn_runtime as rt
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in (("红 1.png", (600, 300)), ("small.jpg", (9, 12)), ("secret.png", (5, 5))):
        Image.new("RGB", size, "red").save(folder / name)
    return folder


@pytest.fixture
def searching(serving, open_model, photos, tmp_path):
    """A server of a gallery of two of the photos, a broken file, and names of no file."""
    model = open_model("image_classifier")
    (photos / "broken.png").write_bytes((photos / "红 1.png").read_bytes()[:60])
    (photos / "text.txt").write_text("text", encoding="utf-8")
    names = [
        str(photos / name) for name in ("红 1.png", "small.jpg", "broken.png", "text.txt", "gone.png", "")
    ]
    vectors = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    gallery = rt.Gallery.from_vectors(vectors, [*names, "input[3]"][: len(vectors)], model=model)
    with serving("image_classifier", gallery=str(gallery.save(tmp_path / "gallery"))) as client:
        yield client


def test_entries_are_shown_small(searching, photos):
    for name, size in (("红 1.png", (256, 128)), ("small.jpg", (9, 12))):
        answer = searching.get("/thumbnail", params={"name": str(photos / name)})
        assert answer.headers["content-type"] == "image/jpeg"
        image = Image.open(io.BytesIO(answer.content))
        assert image.size == size
        assert np.allclose(np.asarray(image), (255, 0, 0), atol=5)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("secret.png", 404), ("../photos/红 1.png", 404), ("gone.png", 404), ("", 404),
        ("broken.png", 404), ("text.txt", 415), ("红 1.png\0", 404),
    ],
)  # fmt: skip
def test_nothing_else_is_opened(searching, photos, name, status):
    assert searching.get("/thumbnail", params={"name": f"{photos}/{name}"}).status_code == status


def test_without_a_gallery_there_are_none(client, photos):
    assert client.get("/thumbnail", params={"name": str(photos / "small.jpg")}).status_code == 404
