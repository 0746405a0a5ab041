"""`/thumbnail` shows images of the gallery, and opens no other file."""

from __future__ import annotations

import hashlib
import io
import os
import re
from pathlib import Path

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.gallery.entries import Record
from onnxnn_runtime.server import thumbnails
from onnxnn_runtime.server.thumbnails import is_remote
from PIL import Image
from support.posix import posix


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in (("红 1.png", (600, 300)), ("small.jpg", (9, 12)), ("secret.png", (5, 5))):
        Image.new("RGB", size, "red").save(folder / name)
    return folder


@pytest.fixture
def searching(serving, open_model, photos, tmp_path):
    """A server of a gallery that was built of two of the photos and of a file that is gone since."""
    model = open_model("image_classifier")
    Image.new("RGB", (5, 6), "red").save(photos / "gone.png")
    names = [str(photos / name) for name in ("红 1.png", "small.jpg", "gone.png")]
    gallery = rt.Gallery.build(model, names, tmp_path / "gallery")
    gallery.add_vectors(np.eye(3), ["", "input[3]", str(photos / "secret.png")])
    (photos / "gone.png").unlink()
    with serving("image_classifier", gallery=str(gallery.path)) as client:
        yield client


def test_entries_are_shown_small(searching, photos):
    for name, size in (("红 1.png", (256, 128)), ("small.jpg", (9, 12))):
        answer = searching.get("/thumbnail", params={"name": str(photos / name)})
        assert answer.headers["content-type"] == "image/jpeg"
        image = Image.open(io.BytesIO(answer.content))
        assert image.size == size
        assert np.allclose(np.asarray(image), (255, 0, 0), atol=5)


@pytest.mark.parametrize(
    "name", ["secret.png", "../photos/红 1.png", "gone.png", "", ".", "红 1.png\0", "红 1.png/"]
)
def test_nothing_else_is_opened(searching, photos, name):
    assert searching.get("/thumbnail", params={"name": f"{photos}/{name}"}).status_code == 404


def test_a_file_that_has_changed_is_not_shown(searching, photos):
    path = photos / "small.jpg"
    content, times = path.read_bytes(), path.stat()
    for other in (content[:-1], content + b"1", content[:-1] + bytes([content[-1] ^ 1])):
        path.write_bytes(other)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert searching.get("/thumbnail", params={"name": str(path)}).status_code == 404
    path.write_bytes(content)
    assert searching.get("/thumbnail", params={"name": str(path)}).status_code == 200


def foreign(model, folder, victim, sha256):
    """Make a gallery by hand as somebody might send it: its entry is named as a file of this machine."""
    other = folder / "own.png"
    Image.new("RGB", (5, 5), "blue").save(other)
    gallery = rt.Gallery.build(model, str(other), folder / "gallery", names=[str(victim)])
    found = victim.stat()
    changed = {0: (None, (found.st_size, found.st_mtime_ns, sha256))}
    with gallery._store.writing():
        gallery._store.append(Record(updated=changed))
    return gallery.path


@pytest.mark.parametrize("sha256", ["", "0" * 64, "own"])
def test_a_gallery_of_somebody_else_shows_no_file_of_this_machine(
    serving, open_model, photos, tmp_path, sha256
):
    if sha256 == "own":
        sha256 = hashlib.sha256((photos / "small.jpg").read_bytes()).hexdigest()
    victim = photos / "secret.png"
    gallery = foreign(open_model("image_classifier"), tmp_path, victim, sha256)
    with serving("image_classifier", gallery=str(gallery)) as client:
        assert client.state.gallery.gallery.names == [str(victim)]
        assert client.get("/thumbnail", params={"name": str(victim)}).status_code == 404


@posix
def test_a_file_without_end_is_not_read(serving, open_model, tmp_path):
    for number, path in enumerate(("/dev/zero", str(tmp_path))):
        folder = tmp_path / str(number)
        folder.mkdir()
        gallery = foreign(open_model("image_classifier"), folder, Path(path), hashlib.sha256(b"").hexdigest())
        with serving("image_classifier", gallery=str(gallery)) as client:
            assert client.get("/thumbnail", params={"name": path}).status_code == 404


@pytest.mark.parametrize(
    ("path", "remote"),
    [
        (r"\\machine\share\a.png", True),
        ("//machine/share/a.png", True),
        ("/\\machine/share/a.png", True),
        (r"\\?\UNC\machine\share\a.png", True),
        (r"\\.\pipe\a", True),
        (r"C:\photos\a.png", False),
        ("photos/a.png", False),
        (r"\a.png", False),
        ("", False),
    ],
)
def test_paths_on_other_machines(path, remote):
    assert is_remote(path, windows=True) == remote
    assert not is_remote(path, windows=False)


def test_a_path_on_another_machine_is_not_looked_at(serving, open_model, tmp_path, monkeypatch):
    """That alone would connect to it."""
    data = io.BytesIO()
    Image.new("RGB", (5, 5), "blue").save(data, "PNG")
    name, looked_at = "//machine/share/a.png", []
    sha256 = hashlib.sha256(data.getvalue()).hexdigest()
    gallery = rt.Gallery.from_vectors([[1, 0]], [name], model=open_model("image_embedder"))
    with gallery._store.writing():
        gallery._store.append(Record(updated={0: (None, (len(data.getvalue()), 1, sha256))}))
    gallery.save(tmp_path / "gallery")
    real = os.stat
    monkeypatch.setattr(thumbnails, "is_remote", lambda path: is_remote(path, windows=True))
    with serving("image_embedder", gallery=str(tmp_path / "gallery")) as client:
        monkeypatch.setattr(os, "stat", lambda path, **rest: (looked_at.append(path), real(path, **rest))[1])
        assert client.get("/thumbnail", params={"name": name}).status_code == 404
    assert name not in looked_at


def test_a_gallery_whose_files_are_damaged_shows_none(serving, open_model, photos, tmp_path, caplog):
    gallery = rt.Gallery.build(open_model("image_classifier"), str(photos), tmp_path / "gallery")
    gallery.save(gallery.path)  # what was in the log is in files of names now
    (files,) = (tmp_path / "gallery").glob("files-*.json")
    files.write_bytes(files.read_bytes().replace(b"[", b" "))
    with serving("image_classifier", gallery=str(gallery.path)) as client:
        answer = client.get(
            "/thumbnail", params={"name": str(photos / "small.jpg")}, headers={"Accept-Language": "zh"}
        )
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text
    assert str(tmp_path) in caplog.text
    assert "expected a complete gallery" in caplog.text  # in the language of the server, for its operator
    assert re.search("[\u4e00-\u9fff]", answer.json()["error"]["message"])


def test_without_a_gallery_there_are_none(client, photos):
    assert client.get("/thumbnail", params={"name": str(photos / "small.jpg")}).status_code == 404
